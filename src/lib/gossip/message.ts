/**
 * Gossip messages of version 1, cut into their fields and written again: BOLT7
 * (https://github.com/lightning/bolts/blob/master/07-routing-gossip.md), types 256 to 259 and 261 to 265.
 *
 * One table says the fields of each type. Bytes behind them stay with the message, because signatures cover them.
 * Not here: signatures (`verify.ts`), messages of version 2 (`message-2.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import { scidBytes, scidText } from '../wire/fields.ts';
import { plain, Reader, type Value } from './reader.ts';

/** How a field is written: bytes in hex, a number, a short channel id, or text padded with zero bytes. */
type Form = 'hex' | 'number' | 'scid' | 'alias';
/** Name, bytes (`'u16'`: two bytes of length before it), form. */
type Piece = readonly [name: string, size: number | 'u16', form: Form];
interface Layout {
  kind: string;
  pieces: readonly Piece[];
  /** Fields in front of what is signed, so that a signature covers all bytes behind them. */
  signatures: readonly string[];
}

const hash = (name: string): Piece => [name, 32, 'hex'];
const signature = (name: string): Piece => [name, 64, 'hex'];
const key = (name: string): Piece => [name, 33, 'hex'];
const number = (name: string, size: number): Piece => [name, size, 'number'];
const blob = (name: string): Piece => [name, 'u16', 'hex'];
const SCID: Piece = ['short_channel_id', 8, 'scid'];
const CHAIN = hash('chain_hash');

export const LAYOUTS: Readonly<Record<number, Layout>> = {
  256: {
    kind: 'channel_announcement',
    signatures: ['node_signature_1', 'node_signature_2', 'bitcoin_signature_1', 'bitcoin_signature_2'],
    pieces: [
      signature('node_signature_1'),
      signature('node_signature_2'),
      signature('bitcoin_signature_1'),
      signature('bitcoin_signature_2'),
      blob('features'),
      CHAIN,
      SCID,
      key('node_id_1'),
      key('node_id_2'),
      key('bitcoin_key_1'),
      key('bitcoin_key_2'),
    ],
  },
  257: {
    kind: 'node_announcement',
    signatures: ['signature'],
    pieces: [
      signature('signature'),
      blob('features'),
      number('timestamp', 4),
      key('node_id'),
      ['rgb_color', 3, 'hex'],
      ['alias', 32, 'alias'],
      blob('addresses'),
    ],
  },
  258: {
    kind: 'channel_update',
    signatures: ['signature'],
    pieces: [
      signature('signature'),
      CHAIN,
      SCID,
      number('timestamp', 4),
      number('message_flags', 1),
      number('channel_flags', 1),
      number('cltv_expiry_delta', 2),
      number('htlc_minimum_msat', 8),
      number('fee_base_msat', 4),
      number('fee_proportional_millionths', 4),
      number('htlc_maximum_msat', 8),
    ],
  },
  259: {
    kind: 'announcement_signatures',
    signatures: [],
    pieces: [hash('channel_id'), SCID, signature('node_signature'), signature('bitcoin_signature')],
  },
  261: { kind: 'query_short_channel_ids', signatures: [], pieces: [CHAIN, blob('encoded_short_ids')] },
  262: { kind: 'reply_short_channel_ids_end', signatures: [], pieces: [CHAIN, number('full_information', 1)] },
  263: {
    kind: 'query_channel_range',
    signatures: [],
    pieces: [CHAIN, number('first_blocknum', 4), number('number_of_blocks', 4)],
  },
  264: {
    kind: 'reply_channel_range',
    signatures: [],
    pieces: [
      CHAIN,
      number('first_blocknum', 4),
      number('number_of_blocks', 4),
      number('sync_complete', 1),
      blob('encoded_short_ids'),
    ],
  },
  265: {
    kind: 'gossip_timestamp_filter',
    signatures: [],
    pieces: [CHAIN, number('first_timestamp', 4), number('timestamp_range', 4)],
  },
};

/** A message of version 1. `extra` is what stands behind its last field. */
export interface Message {
  type: number;
  kind: string;
  bytes: Uint8Array;
  parts: Readonly<Record<string, Uint8Array>>;
  extra: Uint8Array;
}

/** Cuts a message, from its type on. @throws Refusal `malformed-gossip` */
export function readMessage(bytes: Uint8Array): Message {
  const from = new Reader(bytes, 'malformed-gossip');
  const type = from.u16();
  const layout = LAYOUTS[type];
  if (!layout) return from.refuse(`type ${type} found, a gossip message expected`);
  const parts: Record<string, Uint8Array> = {};
  for (const [name, size] of layout.pieces) {
    // Updates from before 2019 may end here.
    if (name === 'htlc_maximum_msat' && from.left === 0) break;
    parts[name] = from.take(size === 'u16' ? from.u16() : size);
  }
  return { type, kind: layout.kind, bytes, parts, extra: from.take(from.left) };
}

const shown: Record<Form, (bytes: Uint8Array) => Value> = {
  hex: bytesToHex,
  number: (bytes) => plain(readUint(bytes)),
  scid: scidText,
  alias: (bytes) => aliasText(bytes) ?? bytesToHex(bytes),
};

/** An alias in UTF-8 without the zero bytes behind it; undefined for other bytes, which then are shown in hex. */
export function aliasText(bytes: Uint8Array): string | undefined {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end));
    return /[\u0000-\u001f\u007f-\u009f]/.test(text) || /^[0-9a-f]{64}$/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The fields of a message as JSON has them. */
export function valuesOf({ type, parts }: Message): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const [name, , form] of LAYOUTS[type]!.pieces) {
    const bytes = parts[name];
    if (bytes) values[name] = shown[form](bytes);
  }
  return values;
}

const WRITTEN: Record<Form, (value: Value, size: number) => Uint8Array | undefined> = {
  hex: (value) => (/^(?:[0-9a-f]{2})*$/.test(String(value)) ? hexToBytes(String(value)) : undefined),
  number: (value, size) => (/^\d{1,20}$/.test(String(value)) ? writeUint(BigInt(value), size) : undefined),
  scid: (value) => scidBytes(String(value)),
  alias: (value) => {
    if (/^[0-9a-f]{64}$/.test(String(value))) return hexToBytes(String(value));
    const bytes = new TextEncoder().encode(String(value));
    return bytes.length <= 32 ? concatBytes(bytes, new Uint8Array(32 - bytes.length)) : undefined;
  },
};

/**
 * Writes a message from the values that `valuesOf` shows.
 * @throws Refusal `malformed-gossip` for a field that is missing or of another form
 */
export function writeMessage(
  type: number,
  values: Readonly<Record<string, Value>>,
  extra: Uint8Array = new Uint8Array(),
): Uint8Array {
  const parts = [writeUint(BigInt(type), 2)];
  for (const [name, size, form] of LAYOUTS[type]!.pieces) {
    const value = values[name];
    if (value === undefined && name === 'htlc_maximum_msat') continue;
    const bytes = value === undefined ? undefined : WRITTEN[form](value, Number(size));
    if (!bytes || (size === 'u16' ? bytes.length > 0xffff : bytes.length !== size))
      throw new Refusal('malformed-gossip', `${name}: a field of another form found`);
    if (size === 'u16') parts.push(writeUint(BigInt(bytes.length), 2));
    parts.push(bytes);
  }
  return concatBytes(...parts, extra);
}
