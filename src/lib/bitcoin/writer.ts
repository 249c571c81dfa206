/**
 * Writer of bytes: little-endian numbers and lengths, as in transactions.
 *
 * Each number is checked, since a `DataView` would drop what does not fit. Not here: reading
 * (`cursor.ts`).
 */
/** Refuses a number. @throws RangeError unless it fits its bytes */
function fit(fits: boolean, n: number | bigint | string): void {
  if (!fits) throw new RangeError(`${n} does not fit its bytes`);
}

/** Returns the value of a hex digit; below 0 for another character. */
const digitOf = (hex: string, at: number): number => DIGITS[hex.charCodeAt(at)] ?? -1;
const DIGITS = new Int8Array(128).fill(-1);
for (const [value, digits] of [...'0123456789abcdef'].entries())
  for (const digit of [digits, digits.toUpperCase()]) DIGITS[digit.charCodeAt(0)] = value;

export class Writer {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** Makes room for `size` bytes, and returns the offset of the first. */
  #room(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#at);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
  u8(n: number): this {
    fit((n & 0xff) === n, n);
    const at = this.#room(1);
    this.#bytes[at] = n;
    return this;
  }
  i32(n: number): this {
    fit((n | 0) === n, n);
    const at = this.#room(4);
    this.#view.setInt32(at, n, true);
    return this;
  }
  u32(n: number): this {
    fit(n >>> 0 === n, n);
    const at = this.#room(4);
    this.#view.setUint32(at, n, true);
    return this;
  }
  u64(n: bigint): this {
    fit(BigInt.asUintN(64, n) === n, n);
    const at = this.#room(8);
    this.#view.setBigUint64(at, n, true);
    return this;
  }
  /** Writes a CompactSize. */
  compact(n: number): this {
    if (n < 0xfd) return this.u8(n);
    if (n > 0xffff) return this.u8(0xfe).u32(n);
    return this.u8(0xfd)
      .u8(n & 0xff)
      .u8(n >> 8);
  }
  put(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  /** Writes bytes behind their length. */
  sized(bytes: Uint8Array): this {
    return this.compact(bytes.length).put(bytes);
  }
  /** Writes bytes, given in hex, behind their length. @throws RangeError for other text */
  sizedHex(hex: string): this {
    const size = hex.length / 2;
    const at = this.compact(size).#room(size);
    for (let i = 0; i < size; i++) {
      const byte = (digitOf(hex, 2 * i) << 4) | digitOf(hex, 2 * i + 1);
      fit(byte >= 0, hex);
      this.#bytes[at + i] = byte;
    }
    return this;
  }
  /** Returns the bytes written so far, not copied. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}
