/**
 * Numbers on Lightning's wire: BigSize, truncated integers, big-endian integers.
 *
 * BOLT1 (https://github.com/lightning/bolts/blob/master/01-messaging.md): Fundamental Types,
 * Appendix A. Each number has one encoding; longer ones are refused.
 */
import type { Cursor } from '../bitcoin/cursor.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Writes `size` big-endian bytes. @throws Refusal `malformed-message` for too large a number */
export function writeUint(value: bigint, size: number): Uint8Array {
  if (value < 0n || value >> BigInt(8 * size) !== 0n)
    throw new Refusal('malformed-message', `${value} found, a number of ${size} bytes expected`);
  const bytes = new Uint8Array(size);
  for (let at = size - 1, rest = value; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return bytes;
}

/** Reads all bytes as one big-endian number; no byte is 0. */
export function readUint(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Returns a number where it is exact as one, else a bigint. */
export const safeNumber = (value: bigint): number | bigint => (value <= 9_007_199_254_740_991n ? Number(value) : value);

/**
 * Returns a number as BigSize (BOLT1).
 * @throws Refusal `malformed-message` above 2^64 − 1
 * @example
 * ```ts
 * Buffer.from(writeBigSize(253n)).toString('hex'); // 'fd00fd'
 * ```
 */
export function writeBigSize(value: bigint): Uint8Array {
  if (value < 0xfdn) return writeUint(value, 1);
  const size = value <= 0xffffn ? 2 : value <= 0xffffffffn ? 4 : 8;
  const bytes = new Uint8Array(1 + size);
  bytes[0] = size === 2 ? 0xfd : size === 4 ? 0xfe : 0xff;
  bytes.set(writeUint(value, size), 1);
  return bytes;
}

/**
 * Returns the number at `at`, and the offset where it ends (BOLT1).
 * @throws Refusal `tlv-truncated`, `bigsize-not-canonical`
 * @example
 * ```ts
 * readBigSize(Buffer.from('fd0100', 'hex')); // { value: 256n, end: 3 }
 * ```
 */
export function readBigSize(bytes: Uint8Array, at = 0): { value: bigint; end: number } {
  const first = bytes[at];
  if (first === undefined) throw new Refusal('tlv-truncated', `the end found at byte ${at}, a BigSize number expected`);
  if (first < 0xfd) return { value: BigInt(first), end: at + 1 };
  const size = first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
  const end = at + 1 + size;
  if (end > bytes.length)
    throw new Refusal(
      'tlv-truncated',
      `${bytes.length - at - 1} bytes found behind byte ${at}, ${size} of a BigSize number expected`,
    );
  const value = readUint(bytes.subarray(at + 1, end));
  const least = size === 2 ? 0xfdn : size === 4 ? 0x10000n : 0x1_0000_0000n;
  if (value < least)
    throw new Refusal('bigsize-not-canonical', `${value} found in ${1 + size} bytes at byte ${at}, fewer expected`);
  return { value, end };
}

/** Takes the next number of a cursor. @throws Refusal as `readBigSize` */
export function takeBigSize(from: Cursor): bigint {
  const { value, end } = readBigSize(from.bytes, from.at);
  from.at = end;
  return value;
}

/** Writes a truncated integer: without leading zero bytes, so that 0 has no byte. */
export function writeTruncated(value: bigint, most: 2 | 4 | 8): Uint8Array {
  const bytes = writeUint(value, most);
  const start = bytes.findIndex((byte) => byte !== 0);
  return start < 0 ? new Uint8Array() : bytes.subarray(start);
}

/** Reads a truncated integer. @throws Refusal `tlv-value` for a leading zero, or too many bytes */
export function readTruncated(bytes: Uint8Array, most: 2 | 4 | 8): bigint {
  if (bytes.length > most) throw new Refusal('tlv-value', `${bytes.length} bytes found, at most ${most} expected`);
  if (bytes[0] === 0) throw new Refusal('tlv-value', 'a leading zero byte found in a truncated integer');
  return readUint(bytes);
}
