/** A cursor over the bytes of a message or dump: each read checks that they are there. Big-endian, as Lightning has it. */
import { readBigSize } from '../wire/bigsize.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';

export class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #code: ErrorCode;
  at: number;

  /** @param code what a read beyond the end is refused with */
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
  #take(size: number): number {
    if (size > this.left) this.refuse(`${this.left} bytes found, ${size} expected`);
    this.at += size;
    return this.at - size;
  }
  take(size: number): Uint8Array {
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }
  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }
  /** @throws Refusal `tlv-truncated`, `bigsize-not-canonical` */
  bigSize(): bigint {
    const { value, end } = readBigSize(this.bytes, this.at);
    this.at = end;
    return value;
  }
  /** A BigSize that counts or numbers something, up to `most`. */
  count(most: number, what: string): number {
    const value = this.bigSize();
    if (value > BigInt(most)) this.refuse(`${value} found, at most ${most} expected: ${what}`);
    return Number(value);
  }
}

/** A field of a message in JSON. */
export type Value = string | number | bigint;

/** A number where it is exact as one, a bigint above. */
export const plain = (value: bigint): number | bigint => (value <= 9_007_199_254_740_991n ? Number(value) : value);
