/**
 * Cursor over bytes that anybody may have written: each read checks that they are there.
 *
 * Numbers are big-endian, as in Lightning; `little` and `compact` are Bitcoin's. Not here: BigSize
 * (`wire/bigsize.ts`).
 */
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';

export class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #code: ErrorCode;
  at: number;

  /** Makes a cursor. @param code error code of a read beyond the end */
  constructor(bytes: Uint8Array, code: ErrorCode, at = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#code = code;
    this.at = at;
  }
  get left(): number {
    return this.bytes.length - this.at;
  }
  refuse(text: string): never {
    throw new Refusal(this.#code, `byte ${this.at}: ${text}`);
  }
  #skip(size: number): number {
    if (size > this.left) this.refuse(`${this.left} bytes found, ${size} expected`);
    this.at += size;
    return this.at - size;
  }
  /** Takes bytes, not copied; without a size, all that are left. */
  take(size = this.left): Uint8Array {
    const at = this.#skip(size);
    return this.bytes.subarray(at, at + size);
  }
  u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#skip(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#skip(4));
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#skip(8));
  }
  /** Takes a little-endian number, exact up to 6 bytes. */
  little(size: number): number {
    return this.take(size).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }
  compact(): number {
    const first = this.u8();
    return first < 0xfd ? first : this.little(first === 0xfd ? 2 : first === 0xfe ? 4 : 8);
  }
  /** Takes the number of items that follow, each of `least` bytes or more. */
  count(least: number): number {
    const count = this.compact();
    if (count * least > this.left) this.refuse(`${count} items found in ${this.left} bytes`);
    return count;
  }
}
