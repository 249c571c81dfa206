/**
 * Gossip messages, read into fields and written again: one table has the fields of each type.
 *
 * - Version 1: BOLT7 (https://github.com/lightning/bolts/blob/master/07-routing-gossip.md), fixed
 *   fields. Bytes after them stay with the message, because signatures cover them.
 * - Version 2: https://github.com/lightning/bolts/pull/1059, TLV streams, in the bytes of lnd 0.21.
 * - Records of a gossip_store: gossipd/gossip_store_wire.csv of Core Lightning.
 *
 * Not here: signatures (`verify.ts`), contents of fields (`details.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes, utf8Of } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { parseOutpoint } from '../bitcoin/outpoint.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import {
  bigSize,
  exactly,
  field,
  hexBytes,
  parseFields,
  point,
  present,
  readFields,
  shortChannelId,
  uintOf,
  writeFields,
  type Codec,
  type Namespace,
} from '../wire/fields.ts';
import { counted, member, type StructMembers } from '../wire/struct.ts';

/** Transaction id in internal byte order, and the output index as u16. */
const outpoint: Codec<string> = {
  write: (text) => {
    const { txid, vout } = parseOutpoint(text)!;
    return concatBytes(hexToBytes(txid).reverse(), writeUint(BigInt(vout), 2));
  },
  read: (bytes) => `${bytesToHex(exactly(bytes, 34).slice(0, 32).reverse())}:${readUint(bytes.subarray(32))}`,
  parse: (from, name) => {
    const text = from.text(name) ?? '';
    const found = parseOutpoint(text);
    return found && found.vout <= 0xffff ? text : from.refuse(name, 'an outpoint txid:vout');
  },
};

const IN_HEX = /^[0-9a-f]{64}$/;
/** Returns an alias without its trailing zeros; bytes that are not UTF-8 in hex. */
function aliasText(bytes: Uint8Array): string {
  const text = utf8Of(bytes)?.replace(/\0+$/, '');
  const unclear = text === undefined || /[\u0000-\u001f\u007f-\u009f]/.test(text) || IN_HEX.test(text);
  return unclear ? bytesToHex(bytes) : text;
}
/** Text of 1 to 32 bytes. */
const alias: Codec<string> = {
  write: (text) => new TextEncoder().encode(text),
  read: (bytes) => {
    const text = aliasText(bytes);
    if (text === '' || bytes.length > 32 || text === bytesToHex(bytes))
      throw new Refusal('tlv-value', 'no text of 1 to 32 bytes in UTF-8 found');
    return text;
  },
  parse: (from, name) => {
    const text = from.need(name, from.text(name), 'a text');
    const size = new TextEncoder().encode(text).length;
    return size >= 1 && size <= 32 ? text : from.refuse(name, 'a text of 1 to 32 bytes');
  },
};
/** Text of 32 bytes, padded with zeros; bytes that are not UTF-8 in hex. */
const paddedAlias: Codec<string> = {
  write: (text) => {
    const bytes = IN_HEX.test(text) ? hexToBytes(text) : alias.write(text);
    return concatBytes(bytes, new Uint8Array(32 - bytes.length));
  },
  read: aliasText,
  parse: (from, name) => {
    const text = from.text(name);
    return text === '' || IN_HEX.test(text ?? '') ? text! : alias.parse(from, name);
  },
};

interface Layout {
  kind: string;
  /** Names of the signature fields, in their order. */
  signatures: readonly string[];
  /** Fixed fields: version 1, and a gossip_store's own. */
  parts?: StructMembers;
  /** Records of the TLV stream: version 2. */
  records?: Namespace;
}
/** Leading signatures cover all bytes after them; later ones belong to another message. */
const fields = (kind: string, parts: StructMembers): Layout => ({
  kind,
  parts,
  signatures: Object.keys(parts).filter((_, i, names) => names.slice(0, i + 1).every((at) => parts[at] === SIGNATURE)),
});
const records = (kind: string, records: Namespace): Layout => ({
  kind,
  records,
  signatures: 'signature' in records ? ['signature'] : [],
});

const hex = (size: number) => member(hexBytes(size), size);
const number = (size: 1 | 2 | 4 | 8) => member(uintOf(size), size);
const [HASH, KEY, SIGNATURE] = [hex(32), hex(33), hex(64)];
const BLOB = counted({ most: 0xffff });
const SCID = member(shortChannelId, 8);
const CHAIN_2 = field(0n, hexBytes(32));
const SIGNATURE_2 = field(160n, hexBytes(64));

/** Fields of every message by type. */
export const LAYOUTS: Readonly<Record<number, Layout>> = {
  256: fields('channel_announcement', {
    node_signature_1: SIGNATURE,
    node_signature_2: SIGNATURE,
    bitcoin_signature_1: SIGNATURE,
    bitcoin_signature_2: SIGNATURE,
    features: BLOB,
    chain_hash: HASH,
    short_channel_id: SCID,
    node_id_1: KEY,
    node_id_2: KEY,
    bitcoin_key_1: KEY,
    bitcoin_key_2: KEY,
  }),
  257: fields('node_announcement', {
    signature: SIGNATURE,
    features: BLOB,
    timestamp: number(4),
    node_id: KEY,
    rgb_color: hex(3),
    alias: member(paddedAlias, 32),
    addresses: BLOB,
  }),
  258: fields('channel_update', {
    signature: SIGNATURE,
    chain_hash: HASH,
    short_channel_id: SCID,
    timestamp: number(4),
    message_flags: number(1),
    channel_flags: number(1),
    cltv_expiry_delta: number(2),
    htlc_minimum_msat: number(8),
    fee_base_msat: number(4),
    fee_proportional_millionths: number(4),
    htlc_maximum_msat: number(8),
  }),
  259: fields('announcement_signatures', {
    channel_id: HASH,
    short_channel_id: SCID,
    node_signature: SIGNATURE,
    bitcoin_signature: SIGNATURE,
  }),
  261: fields('query_short_channel_ids', { chain_hash: HASH, encoded_short_ids: BLOB }),
  262: fields('reply_short_channel_ids_end', { chain_hash: HASH, full_information: number(1) }),
  263: fields('query_channel_range', { chain_hash: HASH, first_blocknum: number(4), number_of_blocks: number(4) }),
  264: fields('reply_channel_range', {
    chain_hash: HASH,
    first_blocknum: number(4),
    number_of_blocks: number(4),
    sync_complete: number(1),
    encoded_short_ids: BLOB,
  }),
  265: fields('gossip_timestamp_filter', { chain_hash: HASH, first_timestamp: number(4), timestamp_range: number(4) }),
  4101: fields('store_channel_amount', { capacity_sat: number(8) }),
  4102: fields('store_private_update', { update: BLOB }),
  4103: fields('store_delete_channel', { short_channel_id: SCID }),
  4104: fields('store_private_channel', { capacity_sat: number(8), announcement: BLOB }),
  4105: fields('store_ended', { equivalent_offset: number(8) }),
  4106: fields('store_channel_dying', { short_channel_id: SCID, height: number(4) }),
  4107: fields('store_uuid', { uuid: HASH }),
  260: records('announcement_signatures_2', {
    channel_id: field(0n, hexBytes(32)),
    short_channel_id: field(2n, shortChannelId),
    partial_signature: field(4n, hexBytes(32)),
  }),
  267: records('channel_announcement_2', {
    chain_hash: CHAIN_2,
    features: field(2n, hexBytes()),
    short_channel_id: field(4n, shortChannelId),
    capacity_sat: field(6n, uintOf(8)),
    node_id_1: field(8n, point),
    node_id_2: field(10n, point),
    bitcoin_key_1: field(12n, point),
    bitcoin_key_2: field(14n, point),
    merkle_root_hash: field(16n, hexBytes(32)),
    outpoint: field(18n, outpoint),
    signature: SIGNATURE_2,
  }),
  269: records('node_announcement_2', {
    features: field(0n, hexBytes()),
    rgb_color: field(1n, hexBytes(3)),
    block_height: field(2n, uintOf(4)),
    alias: field(3n, alias),
    node_id: field(4n, point),
    ipv4_addresses: field(5n, hexBytes()),
    ipv6_addresses: field(7n, hexBytes()),
    torv3_addresses: field(9n, hexBytes()),
    dns_hostname: field(11n, hexBytes()),
    signature: SIGNATURE_2,
  }),
  271: records('channel_update_2', {
    chain_hash: CHAIN_2,
    short_channel_id: field(2n, shortChannelId),
    block_height: field(4n, uintOf(4)),
    disable_flags: field(6n, uintOf(1)),
    second_peer: field(8n, present),
    cltv_expiry_delta: field(10n, uintOf(2)),
    htlc_minimum_msat: field(12n, bigSize),
    htlc_maximum_msat: field(14n, bigSize),
    fee_base_msat: field(16n, uintOf(4)),
    fee_proportional_millionths: field(18n, uintOf(4)),
    signature: SIGNATURE_2,
  }),
};
/** Default values of a version 2 update. */
const USUAL_2: Readonly<Record<string, number>> = {
  disable_flags: 0,
  cltv_expiry_delta: 80,
  htlc_minimum_msat: 1,
  fee_base_msat: 1000,
  fee_proportional_millionths: 1,
};

/** Fields by name as in JSON: bytes in hex, numbers, short channel ids, texts. */
export type GossipValues = Record<string, any>;

export interface GossipMessage {
  type: number;
  kind: string;
  bytes: Uint8Array;
  values: Readonly<GossipValues>;
  /** Bytes after the last field, in version 1. */
  extra: Uint8Array;
}

/** Returns the type of a message; 0 if it is shorter than two bytes. */
export const typeOf = (bytes: Uint8Array): number => (bytes.length < 2 ? 0 : (bytes[0]! << 8) | bytes[1]!);

/**
 * Reads the fields of a message that begins with its type.
 * @throws Refusal `malformed-gossip`; RecordRefusal for a stream of version 2, or a record's value
 */
export function readGossip(bytes: Uint8Array): GossipMessage {
  const from = new Cursor(bytes, 'malformed-gossip');
  const type = typeOf(bytes);
  const layout = LAYOUTS[type];
  if (!layout) return from.refuse(`type ${type} found, a gossip message expected`);
  from.take(2);
  const { kind } = layout;
  if (layout.records) {
    const { values } = readFields(layout.records, from.take(), 'any');
    return { type, kind, bytes, values: { ...(type === 271 && USUAL_2), ...values }, extra: from.take() };
  }
  const values: GossipValues = {};
  const take = (size?: number): Uint8Array => from.take(size);
  for (const [name, each] of Object.entries(layout.parts!)) {
    // Updates from before 2019 may end here.
    if (name === 'htlc_maximum_msat' && from.left === 0) break;
    values[name] = each.read(take);
  }
  return { type, kind, bytes, values, extra: from.take() };
}

/**
 * Writes a message from values as `readGossip` returns them; a version 2 update leaves out
 * defaults.
 * @param extra bytes after the last field, in version 1
 * @throws Refusal `malformed-message` for a field that is missing or malformed
 */
export function writeGossip(type: number, from: Fields, extra: Uint8Array = new Uint8Array()): Uint8Array {
  const { parts, records: named } = LAYOUTS[type]!;
  const head = writeUint(BigInt(type), 2);
  if (named) {
    const values = Object.entries(parseFields(named, from)).filter(
      ([name, value]) => type !== 271 || USUAL_2[name] !== value,
    );
    return concatBytes(head, writeFields(named, Object.fromEntries(values)));
  }
  const written = Object.entries(parts!)
    .filter(([name]) => name !== 'htlc_maximum_msat' || from.has(name))
    .map(([name, each]) => each.write(each.parse(from, name)));
  return concatBytes(head, ...written, extra);
}
