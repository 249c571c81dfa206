/**
 * Contents of gossip fields, and the rules of BOLT7 that a message breaks.
 *
 * Fields hold addresses of nodes, lists of short channel ids, nested records. Not here: signatures
 * (`verify.ts`).
 */
import { base32 } from '@scure/base';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readBigSize, readUint } from '../wire/bigsize.ts';
import { scidText } from '../wire/fields.ts';
import { readStream } from '../wire/tlv.ts';
import type { GossipMessage } from './message.ts';

/** Rule that a message breaks, and the field that breaks it. */
export interface GossipProblem {
  code: 'malformed-gossip' | 'signature-invalid' | 'output-differs';
  field: string;
  text: string;
}

/** Inflates a zlib stream of at most `most` bytes of content; throws for other bytes. */
export type Inflate = (bytes: Uint8Array, most: number) => Uint8Array;

const ADDRESS_SIZES: Readonly<Record<number, number>> = { 1: 6, 2: 18, 3: 12, 4: 37 };

/** Returns address descriptors as text. What follows one of unknown type is left as hex. */
export function addressesOf(bytes: Uint8Array): { type: number; address: string }[] {
  const from = new Cursor(bytes, 'malformed-gossip');
  const found: { type: number; address: string }[] = [];
  while (from.left > 0) {
    const type = from.u8();
    const size = type === 5 ? from.u8() + 2 : ADDRESS_SIZES[type];
    found.push({
      type,
      address: size === undefined ? bytesToHex(from.take(from.left)) : addressText(type, from.take(size)),
    });
  }
  return found;
}

function addressText(type: number, bytes: Uint8Array): string {
  const host = bytes.subarray(0, -2);
  const port = readUint(bytes.subarray(-2));
  if (type === 1) return `${host.join('.')}:${port}`;
  if (type === 2)
    return `[${(bytesToHex(host).match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, '')).join(':')}]:${port}`;
  if (type === 5) return `${new TextDecoder('latin1').decode(host).replace(/[^\x21-\x7e]/g, '?')}:${port}`;
  return `${base32.encode(host).toLowerCase().replaceAll('=', '')}.onion:${port}`;
}

/** Most bytes of an inflated list: 64 kB of zlib may inflate to a thousand times as much. */
const MOST_INFLATED = 524_288;

/**
 * Decodes short channel ids, or the flags and timestamps beside them. The first byte says plain (0)
 * or zlib (1).
 * @throws Refusal `malformed-gossip`
 */
function decodeList(bytes: Uint8Array, inflate: Inflate | undefined): Uint8Array {
  const [encoding] = bytes;
  if (encoding === undefined) return bytes;
  if (encoding === 0) return bytes.subarray(1);
  if (encoding !== 1) throw new Refusal('malformed-gossip', `encoding ${encoding} found, 0 or 1 expected`);
  if (!inflate) throw new Refusal('malformed-gossip', 'a zlib list found, which is not read here');
  try {
    return inflate(bytes.subarray(1), MOST_INFLATED);
  } catch {
    throw new Refusal('malformed-gossip', 'a broken zlib stream found');
  }
}

const groups = (bytes: Uint8Array, size: number): Uint8Array[] => {
  if (bytes.length % size !== 0)
    throw new Refusal('malformed-gossip', `${bytes.length} bytes found, a multiple of ${size} expected`);
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
};
const pairs = (bytes: Uint8Array): number[][] =>
  groups(bytes, 8).map((pair) => groups(pair, 4).map((half) => Number(readUint(half))));

/** Nested records by message type and record: name and reader. */
const RECORDS: Readonly<Record<string, [name: string, read: (bytes: Uint8Array, inflate?: Inflate) => unknown]>> = {
  '261.1': ['query_flags', (bytes, inflate) => [...decodeList(bytes, inflate)]],
  '263.1': ['query_option', (bytes) => readBigSize(bytes).value],
  '264.1': ['timestamps', (bytes, inflate) => pairs(decodeList(bytes, inflate))],
  '264.3': ['checksums', pairs],
};

/** Decodes addresses, channel lists and nested records; what cannot be read becomes a problem. */
export function detailsOf(
  message: GossipMessage,
  problems: GossipProblem[],
  inflate?: Inflate,
): Record<string, unknown> {
  const { type, values, extra } = message;
  const details: Record<string, unknown> = {};
  const attempt = (field: string, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push({ code: 'malformed-gossip', field, text: error.message });
    }
  };
  const { addresses, encoded_short_ids: ids } = values;
  if (addresses !== undefined) attempt('addresses', () => (details['addresses'] = addressesOf(hexToBytes(addresses))));
  if (ids !== undefined)
    attempt('encoded_short_ids', () => {
      details['short_channel_ids'] = groups(decodeList(hexToBytes(ids), inflate), 8).map(scidText);
    });
  if (extra.length === 0) return details;
  details['extra'] = bytesToHex(extra);
  if ([261, 263, 264].includes(type))
    attempt('extra', () => {
      for (const { type: record, value } of readStream(extra)) {
        const [name, read] = RECORDS[`${type}.${record}`] ?? [];
        if (name) details[name] = read!(value, inflate);
      }
    });
  return details;
}

/** Fields that a version 2 message must have. */
const NEEDED: Readonly<Record<number, readonly string[]>> = {
  267: ['short_channel_id', 'capacity_sat', 'node_id_1', 'node_id_2', 'outpoint'],
  269: ['block_height', 'node_id'],
  271: ['short_channel_id', 'block_height'],
};

/** Lists the rules that a message breaks. @param capacityMsat capacity of its channel, if known */
export function gossipProblems({ type, values }: GossipMessage, capacityMsat?: bigint): GossipProblem[] {
  const problems: GossipProblem[] = [];
  const problem = (field: string, text: string): unknown => problems.push({ code: 'malformed-gossip', field, text });
  for (const name of NEEDED[type] ?? []) if (values[name] === undefined) problem(name, 'is missing');
  const { node_id_1: one, node_id_2: two, bitcoin_key_1: key1, bitcoin_key_2: key2 } = values;
  if (one >= two) problem('node_id_2', 'not above node_id_1');
  if ((key1 === undefined) !== (key2 === undefined)) problem('bitcoin_key_2', 'both bitcoin keys or none expected');
  if (type === 257 && /^[0-9a-f]{64}$/.test(values['alias'])) problem('alias', 'not a text in UTF-8');
  const { htlc_minimum_msat: least, htlc_maximum_msat: most } = values;
  if (type === 258 && ((values['message_flags'] & 1) === 0 || most === undefined))
    problem('message_flags', 'bit 0 is not set, or htlc_maximum_msat is missing');
  else if (most !== undefined) {
    if (most < least) problem('htlc_maximum_msat', `${most} found, at least htlc_minimum_msat ${least} expected`);
    if (BigInt(most) === 0n) problem('htlc_maximum_msat', '0 found');
    if (capacityMsat !== undefined && most > capacityMsat)
      problem('htlc_maximum_msat', `${most} found, at most the capacity ${capacityMsat} expected`);
  }
  return problems;
}
