/**
 * Markers of Open Assets: the payload of an OP_RETURN, which lists the units of each output.
 *
 * Spec: https://github.com/OpenAssets/open-assets-protocol/blob/master/specification.mediawiki
 * 4f41 · 0100 · CompactSize n · n × LEB128 · CompactSize m · m bytes of metadata
 * Not here: whether a marker fits its transaction (`colour.ts`), what metadata points to
 * (`pointer.ts`).
 */
import type { Limits } from '../../protocol/limit.ts';
import { bytesToHex } from '../../bitcoin/bytes.ts';
import { PayloadCursor, Malformed, type Piece } from '../bytes.ts';
import { isPush, opReturnPushes } from '../script.ts';

export interface Marker {
  /** Units of each output but the marker's, from 0 to 2^63 − 1. */
  quantities: readonly bigint[];
  metadata: Uint8Array;
}

export const MARKER_LIMITS = {
  /** Nine groups of seven bits, for 2^63 − 1. */
  quantity: { unit: 'bytes', most: 9 },
  /** Size of a push with two bytes of length. */
  marker: { unit: 'bytes', most: 0xffff },
} satisfies Limits;

function leb128(cursor: PayloadCursor, index: number): bigint {
  const start = cursor.at;
  let low = 0;
  for (let i = 0; i < 4; i++) {
    const byte = cursor.u8(`quantity ${index}`);
    low += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return BigInt(low);
  }
  let value = BigInt(low);
  for (let i = 4; i < MARKER_LIMITS.quantity.most; i++) {
    const byte = cursor.u8(`quantity ${index}`);
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return value;
  }
  const { most } = MARKER_LIMITS.quantity;
  throw new Malformed('quantity-too-large', `quantity ${index} at offset ${start} has more than ${most} bytes`);
}

/**
 * Reads a marker. @param tell hears what the bytes up to `to` mean
 * @throws Malformed `no-tag`, `unknown-version`, `truncated`, `quantity-too-large`,
 *   `trailing-bytes`
 */
export function readMarker(payload: Uint8Array, tell?: (to: number, means: string) => void): Marker {
  if (payload[0] !== 0x4f || payload[1] !== 0x41)
    throw new Malformed('no-tag', `${bytesToHex(payload.subarray(0, 4)) || 'nothing'} found, 4f41 expected`);
  const cursor = new PayloadCursor(payload);
  cursor.at = 2;
  tell?.(cursor.at, 'tag "OA"');
  if (cursor.u8('version') + cursor.u8('version') * 256 !== 1)
    throw new Malformed('unknown-version', `version ${bytesToHex(payload.subarray(2, 4))} found, 0100 expected`);
  tell?.(cursor.at, 'version 1');
  const count = cursor.compactSize('number of quantities');
  tell?.(cursor.at, `${count} quantities`);
  // Each quantity has a byte or more, so a count above the bytes left is refused at once.
  if (count > cursor.left)
    throw new Malformed('truncated', `${cursor.left} bytes left at offset ${cursor.at}, ${count} quantities expected`);
  const quantities: bigint[] = [];
  for (let i = 0; i < count; i++) {
    const units = leb128(cursor, i);
    quantities.push(units);
    tell?.(cursor.at, `quantity ${i}: ${units} units`);
  }
  const size = cursor.compactSize('length of metadata');
  tell?.(cursor.at, `${size} bytes of metadata`);
  const metadata = cursor.take(size, 'metadata');
  tell?.(cursor.at, 'metadata');
  cursor.end();
  return { quantities, metadata };
}

/** Explains each byte of a marker, as far as it can be read. */
export function explainMarker(payload: Uint8Array): { pieces: Piece[]; fault?: Malformed } {
  const pieces: Piece[] = [];
  let end = 0;
  const tell = (to: number, means: string): void => {
    if (to > end) pieces.push({ offset: end, hex: bytesToHex(payload.subarray(end, to)), means });
    end = to;
  };
  try {
    readMarker(payload, tell);
    return { pieces };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    tell(payload.length, `not read: ${error.reason}`);
    return { pieces, fault: error };
  }
}

function writeLeb128(units: bigint): number[] {
  const bytes: number[] = [];
  let left = units;
  do {
    const low = Number(left & 0x7fn);
    left >>= 7n;
    bytes.push(left > 0n ? low | 0x80 : low);
  } while (left > 0n);
  return bytes;
}
const writeSize = (n: number): number[] => (n < 0xfd ? [n] : [0xfd, n & 0xff, n >> 8]);

/** Writes the payload of a marker, without quantities of 0 at its end. */
export function writeMarker({ quantities, metadata }: Marker): Uint8Array {
  let count = quantities.length;
  while (count > 0 && quantities[count - 1] === 0n) count--;
  const list = quantities.slice(0, count).flatMap(writeLeb128);
  return Uint8Array.of(0x4f, 0x41, 1, 0, ...writeSize(count), ...list, ...writeSize(metadata.length), ...metadata);
}

export interface FoundMarker extends Marker {
  payload: Uint8Array;
  /** True if the output has further pushes. */
  multiPush: boolean;
}

/**
 * Reads the marker in an output script; undefined if it does not begin with OP_RETURN.
 * The first push that can be read counts, in whatever form it is pushed. A push that is cut off
 * ends the search.
 */
export function markerIn(script: Uint8Array): FoundMarker | Malformed | undefined {
  const found = opReturnPushes(script);
  if (!found) return undefined;
  const { pushes, ops, truncated } = found;
  // Every opcode must push.
  if (!ops.every(isPush)) return new Malformed('not-push-only', 'an opcode found that pushes nothing');
  let fault: Malformed | undefined;
  for (const payload of pushes) {
    try {
      return { ...readMarker(payload), payload, multiPush: ops.length > 1 || truncated };
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      // The fault of a push with the tag says most.
      if (!fault || fault.reason === 'no-tag') fault = error;
    }
  }
  return fault ?? new Malformed(truncated ? 'truncated' : 'no-push', truncated ? 'a push is cut off' : 'no push found');
}
