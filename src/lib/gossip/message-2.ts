/**
 * Gossip messages of version 2: streams of records, types 260, 267, 269 and 271.
 *
 * Sources: https://github.com/lightning/bolts/pull/1059, and the bytes of lnd 0.21, which differ from older drafts. Signed
 * are the records 0 to 159 and from 10^9 below 3·10^9; the signature is record 160.
 * Not here: keys and signatures (`verify-2.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { parseOutpoint } from '../bitcoin/outpoint.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readBigSize, readUint, writeBigSize, writeUint } from '../wire/bigsize.ts';
import { field, hexBytes, parseFields, point, shortChannelId, type Kind, type Namespace } from '../wire/fields.ts';
import { readStream, writeStream, type TlvRecord } from '../wire/tlv.ts';
import { aliasText } from './message.ts';
import { plain } from './reader.ts';

/** A number of a fixed size. */
const whole = (size: 1 | 2 | 4 | 8): Kind<bigint> => ({
  write: (value) => writeUint(value, size),
  read: (bytes) => {
    if (bytes.length !== size) throw new Refusal('tlv-value', `${bytes.length} bytes found, ${size} expected`);
    return readUint(bytes);
  },
  parse: (from, name) => from.need(name, from.whole(name, (1n << BigInt(8 * size)) - 1n)),
});
const bigSize: Kind<bigint> = {
  write: writeBigSize,
  read: (bytes) => {
    const { value, end } = readBigSize(bytes);
    if (end !== bytes.length) throw new Refusal('tlv-value', `${bytes.length - end} bytes found behind a BigSize`);
    return value;
  },
  parse: (from, name) => from.need(name, from.whole(name)),
};
/** A record that says yes by being there. */
const present: Kind<boolean> = {
  write: () => new Uint8Array(),
  read: (bytes) => {
    if (bytes.length > 0) throw new Refusal('tlv-value', `${bytes.length} bytes found, none expected`);
    return true;
  },
  parse: (from, name) => from.flag(name) || from.refuse(name, 'true, or no such field'),
};
/** A transaction id in the order of its bytes, and u16 of the output. */
const outpoint: Kind<string> = {
  write: (text) => {
    const { txid, vout } = parseOutpoint(text)!;
    return concatBytes(hexToBytes(txid).reverse(), writeUint(BigInt(vout), 2));
  },
  read: (bytes) => {
    if (bytes.length !== 34) throw new Refusal('tlv-value', `${bytes.length} bytes found, 34 expected`);
    return `${bytesToHex(bytes.slice(0, 32).reverse())}:${readUint(bytes.subarray(32))}`;
  },
  parse: (from, name) => {
    const text = from.text(name) ?? '';
    const found = parseOutpoint(text);
    return found && found.vout <= 0xffff ? text : from.refuse(name, 'an outpoint txid:vout');
  },
};
const alias: Kind<string> = {
  write: (text) => new TextEncoder().encode(text),
  read: (bytes) => {
    const text = bytes.length <= 32 ? aliasText(bytes) : undefined;
    if (text === undefined || text.length === 0)
      throw new Refusal('tlv-value', 'no text of 1 to 32 bytes in UTF-8 found');
    return text;
  },
  parse: (from, name) => {
    const text = from.need(name, from.text(name));
    const size = new TextEncoder().encode(text).length;
    return size >= 1 && size <= 32 ? text : from.refuse(name, 'a text of 1 to 32 bytes');
  },
};

const CHAIN = field(0n, hexBytes(32));
const SIGNATURE = field(160n, hexBytes(64));

/** Type, name of the kind, its records. */
export const KINDS_2: Readonly<Record<number, { kind: string; fields: Namespace }>> = {
  260: {
    kind: 'announcement_signatures_2',
    fields: {
      channel_id: field(0n, hexBytes(32)),
      short_channel_id: field(2n, shortChannelId),
      partial_signature: field(4n, hexBytes(32)),
    },
  },
  267: {
    kind: 'channel_announcement_2',
    fields: {
      chain_hash: CHAIN,
      features: field(2n, hexBytes()),
      short_channel_id: field(4n, shortChannelId),
      capacity_sat: field(6n, whole(8)),
      node_id_1: field(8n, point),
      node_id_2: field(10n, point),
      bitcoin_key_1: field(12n, point),
      bitcoin_key_2: field(14n, point),
      merkle_root_hash: field(16n, hexBytes(32)),
      outpoint: field(18n, outpoint),
      signature: SIGNATURE,
    },
  },
  269: {
    kind: 'node_announcement_2',
    fields: {
      features: field(0n, hexBytes()),
      rgb_color: field(1n, hexBytes(3)),
      block_height: field(2n, whole(4)),
      alias: field(3n, alias),
      node_id: field(4n, point),
      ipv4_addresses: field(5n, hexBytes()),
      ipv6_addresses: field(7n, hexBytes()),
      torv3_addresses: field(9n, hexBytes()),
      dns_hostname: field(11n, hexBytes()),
      signature: SIGNATURE,
    },
  },
  271: {
    kind: 'channel_update_2',
    fields: {
      chain_hash: CHAIN,
      short_channel_id: field(2n, shortChannelId),
      block_height: field(4n, whole(4)),
      disable_flags: field(6n, whole(1)),
      second_peer: field(8n, present),
      cltv_expiry_delta: field(10n, whole(2)),
      htlc_minimum_msat: field(12n, bigSize),
      htlc_maximum_msat: field(14n, bigSize),
      fee_base_msat: field(16n, whole(4)),
      fee_proportional_millionths: field(18n, whole(4)),
      signature: SIGNATURE,
    },
  },
};
/** What a field of an update is where it is left out. */
const USUAL_2: Readonly<Record<string, bigint>> = {
  disable_flags: 0n,
  cltv_expiry_delta: 80n,
  htlc_minimum_msat: 1n,
  fee_base_msat: 1000n,
  fee_proportional_millionths: 1n,
};

export interface Message2 {
  type: number;
  kind: string;
  records: TlvRecord[];
  values: Record<string, string | bigint | boolean>;
  /** Records that no name is known of, by type, hex. */
  custom: Record<string, string>;
}

export const isMessage2 = (bytes: Uint8Array): boolean =>
  bytes.length >= 2 && KINDS_2[(bytes[0]! << 8) | bytes[1]!] !== undefined;

/** @throws Refusal `malformed-gossip`; RecordRefusal of the stream, or of a record's value */
export function readMessage2(bytes: Uint8Array): Message2 {
  const type = bytes.length < 2 ? 0 : (bytes[0]! << 8) | bytes[1]!;
  const known = KINDS_2[type];
  if (!known) throw new Refusal('malformed-gossip', `type ${type} found, a message of version 2 expected`);
  const names = new Map(Object.entries(known.fields).map(([name, each]) => [each.type, [name, each] as const]));
  const records = readStream(bytes.subarray(2));
  const values: Message2['values'] = {};
  const custom: Message2['custom'] = {};
  for (const { type: record, value } of records) {
    const named = names.get(record);
    if (named) values[named[0]] = named[1].read(value);
    else custom[String(record)] = bytesToHex(value);
  }
  return { type, kind: known.kind, records, values, custom };
}

/** The values as JSON has them, with what the defaults are. */
export function valuesOf2({ type, values, custom }: Message2): Record<string, unknown> {
  const usual = type === 271 ? USUAL_2 : {};
  const all: Record<string, unknown> = { ...usual, ...values };
  for (const [name, value] of Object.entries(all)) if (typeof value === 'bigint') all[name] = plain(value);
  return { ...all, ...(Object.keys(custom).length > 0 && { custom }) };
}

const isSigned = (type: bigint): boolean => type < 160n || (type >= 1_000_000_000n && type < 3_000_000_000n);

/** The records that the signature covers, as bytes. */
export const signedRecords = (records: readonly Pick<TlvRecord, 'type' | 'value'>[]): Uint8Array =>
  writeStream(records.filter(({ type }) => isSigned(type)));

/**
 * The records of a message from its fields, without those that are at their default.
 * @throws Refusal `malformed-message` for a field of another form
 */
export function parseMessage2(from: Fields, type: number): Pick<TlvRecord, 'type' | 'value'>[] {
  const { fields } = KINDS_2[type]!;
  from.skip('type', 'version', 'kind', 'problems', 'signatures', 'valid', 'checks', 'message', 'signing');
  const { custom = {}, ...values } = parseFields(fields, from) as Record<string, any>;
  const named = Object.entries(values)
    .filter(([name, value]) => type !== 271 || value !== USUAL_2[name])
    .map(([name, value]) => ({ type: fields[name]!.type, value: fields[name]!.write(value) }));
  const others = Object.entries(custom as Record<string, string>).map(([each, hex]) => ({
    type: BigInt(each),
    value: hexToBytes(hex),
  }));
  return [...named, ...others];
}

/** The bytes of a message. */
export const writeMessage2 = (type: number, records: readonly Pick<TlvRecord, 'type' | 'value'>[]): Uint8Array =>
  concatBytes(writeUint(BigInt(type), 2), writeStream(records));
