/**
 * Arithmetic of GF(2^b), b from 2 to 64, on rows of elements.
 *
 * Moduli are those of minisketch
 * (https://github.com/bitcoin-core/minisketch/blob/master/doc/moduli.md). An element takes two
 * numbers of a Uint32Array, the low 32 bits first. A multiplier becomes tables that serve a whole
 * row: 8 tables of 256 entries for long rows, 16 of 16 for short ones. Not here: polynomials
 * (`decode.ts`).
 */
import type { Limits } from '../protocol/limit.ts';

/** Terms below x^b of each modulus, as bits, for b = 2, 3, … 64. */
const MODULI = [
  3, 3, 3, 5, 3, 3, 27, 3, 9, 5, 9, 27, 33, 3, 43, 9, 9, 39, 9, 5, 3, 33, 27, 9, 27, 39, 3, 5, 3, 9, 141, 1025, 129, 5,
  513, 83, 99, 17, 57, 9, 129, 89, 33, 27, 3, 33, 45, 513, 29, 75, 9, 71, 513, 129, 149, 17, 524289, 149, 3, 39,
  536870913, 3, 27,
];

export const FIELD_LIMITS = { bits: { unit: 'number', least: 2, most: 64 } } satisfies Limits;

/** Length from which the larger tables pay. */
const LONG_ROW = 96;

export class BinaryField {
  readonly bits: number;
  readonly #modulus: number;
  readonly #wide: boolean;
  /** Entry v of table k, for a group of 8 bits: v · x^(8k) · multiplier. */
  readonly #bytes = new Uint32Array(8 * 256 * 2);
  /** Tables of the same kind for groups of 4 bits. */
  readonly #nibbles = new Uint32Array(16 * 16 * 2);
  /** Entry v of table k: (v · x^(8k))². */
  readonly #squares = new Uint32Array(8 * 256 * 2);
  #long = false;

  /** Makes the field of 2^bits elements. @param bits 2 to 64 */
  constructor(bits: number) {
    this.bits = bits;
    this.#wide = bits > 32;
    this.#modulus = MODULI[bits - 2]!;
    this.#fill(this.#squares, 512, 1, 0, 2);
  }

  /** Makes a row of elements from numbers below 2^bits. */
  static row(elements: readonly bigint[]): Uint32Array {
    const row = new Uint32Array(2 * elements.length);
    elements.forEach((element, i) => {
      row[2 * i] = Number(element & 0xffffffffn);
      row[2 * i + 1] = Number(element >> 32n);
    });
    return row;
  }
  /** Returns element `at` of a row as a number. */
  static number(row: Uint32Array, at: number): bigint {
    return (BigInt(row[2 * at + 1]!) << 32n) | BigInt(row[2 * at]!);
  }

  /** Loads element `at` of `row` as the multiplier of rows of about this length. */
  load(row: Uint32Array, at: number, length: number): void {
    this.#long = length >= LONG_ROW;
    if (this.#long) this.#fill(this.#bytes, 512, row[2 * at]!, row[2 * at + 1]!, 1);
    else this.#fill(this.#nibbles, 32, row[2 * at]!, row[2 * at + 1]!, 1);
  }

  /** Fills `size` entries: sums of (lo, hi), (lo, hi) · x^step, … by the bits of the index. */
  #fill(table: Uint32Array, size: number, lo: number, hi: number, step: number): void {
    const { bits } = this;
    const top = this.#wide ? 1 << (bits - 33) : 1 << (bits - 1);
    const maskLow = bits < 32 ? (1 << bits) - 1 : -1;
    const maskHigh = !this.#wide ? 0 : bits < 64 ? (1 << (bits - 32)) - 1 : -1;
    const modulus = this.#modulus;
    for (let from = 0, done = 0; done < bits; from += size) {
      for (let half = 2; half < size; half *= 2, done++) {
        const to = from + half;
        for (let v = 0; v < half; v += 2) {
          table[to + v] = table[from + v]! ^ lo;
          table[to + v + 1] = table[from + v + 1]! ^ hi;
        }
        for (let i = 0; i < step; i++) {
          const carry = ((this.#wide ? hi : lo) & top) === 0 ? 0 : modulus;
          hi = ((hi << 1) | (lo >>> 31)) & maskHigh;
          lo = ((lo << 1) & maskLow) ^ carry;
        }
      }
    }
  }

  /** Adds multiplier · from[i] to to[i] for `count` elements, in order. */
  addScaled(to: Uint32Array, toAt: number, from: Uint32Array, fromAt: number, count: number): void {
    const end = 2 * (fromAt + count);
    if (!this.#long) return this.#addShort(to, 2 * toAt, from, 2 * fromAt, end);
    const [T, wide] = [this.#bytes, this.#wide];
    for (let f = 2 * fromAt, t = 2 * toAt; f < end; f += 2, t += 2) {
      const lo = from[f]!;
      const a = (lo & 255) << 1;
      const b = 512 | ((lo >>> 7) & 510);
      const c = 1024 | ((lo >>> 15) & 510);
      const d = 1536 | ((lo >>> 23) & 510);
      to[t] = to[t]! ^ T[a]! ^ T[b]! ^ T[c]! ^ T[d]!;
      if (!wide) continue;
      const hi = from[f + 1]!;
      const e = 2048 | ((hi & 255) << 1);
      const g = 2560 | ((hi >>> 7) & 510);
      const h = 3072 | ((hi >>> 15) & 510);
      const i = 3584 | ((hi >>> 23) & 510);
      to[t] = to[t]! ^ T[e]! ^ T[g]! ^ T[h]! ^ T[i]!;
      to[t + 1] =
        to[t + 1]! ^ T[a + 1]! ^ T[b + 1]! ^ T[c + 1]! ^ T[d + 1]! ^ T[e + 1]! ^ T[g + 1]! ^ T[h + 1]! ^ T[i + 1]!;
    }
  }

  #addShort(to: Uint32Array, toAt: number, from: Uint32Array, fromAt: number, end: number): void {
    const T = this.#nibbles;
    for (let f = fromAt, t = toAt; f < end; f += 2, t += 2) {
      let x = to[t]!;
      let y = to[t + 1]!;
      for (let half = 0; half < 2; half++)
        for (let rest = from[f + half]!, k = 256 * half; rest !== 0; rest >>>= 4, k += 32) {
          const at = k + ((rest & 15) << 1);
          x ^= T[at]!;
          y ^= T[at + 1]!;
        }
      to[t] = x;
      to[t + 1] = y;
    }
  }

  /** Adds e, e·m, e·m², … to a row of `count` elements, m being the multiplier. */
  addSeries(row: Uint32Array, e: Uint32Array, count: number): void {
    if (!(this.#long && this.#wide)) {
      const series = new Uint32Array(2 * count);
      series.set(e);
      // Works one element behind itself: each product is the next factor.
      this.addScaled(series, 1, series, 0, count - 1);
      for (let i = 0; i < row.length; i++) row[i] = row[i]! ^ series[i]!;
      return;
    }
    const T = this.#bytes;
    let lo = e[0]!;
    let hi = e[1]!;
    for (let t = 0; t < 2 * count; t += 2) {
      row[t] = row[t]! ^ lo;
      row[t + 1] = row[t + 1]! ^ hi;
      const a = (lo & 255) << 1;
      const b = 512 | ((lo >>> 7) & 510);
      const c = 1024 | ((lo >>> 15) & 510);
      const d = 1536 | ((lo >>> 23) & 510);
      const f = 2048 | ((hi & 255) << 1);
      const g = 2560 | ((hi >>> 7) & 510);
      const h = 3072 | ((hi >>> 15) & 510);
      const i = 3584 | ((hi >>> 23) & 510);
      lo = T[a]! ^ T[b]! ^ T[c]! ^ T[d]! ^ T[f]! ^ T[g]! ^ T[h]! ^ T[i]!;
      hi = T[a + 1]! ^ T[b + 1]! ^ T[c + 1]! ^ T[d + 1]! ^ T[f + 1]! ^ T[g + 1]! ^ T[h + 1]! ^ T[i + 1]!;
    }
  }

  /** Sets to[toAt + i · step] = from[fromAt + i]², last first, so that both may be one row. */
  square(to: Uint32Array, toAt: number, from: Uint32Array, fromAt: number, count = 1, step = 1): void {
    const T = this.#squares;
    for (let n = count - 1; n >= 0; n--) {
      let x = 0;
      let y = 0;
      for (let half = 0; half < 2; half++)
        for (let rest = from[2 * (fromAt + n) + half]!, k = 2048 * half; rest !== 0; rest >>>= 8, k += 512) {
          const at = k + ((rest & 255) << 1);
          x ^= T[at]!;
          y ^= T[at + 1]!;
        }
      to[2 * (toAt + n * step)] = x;
      to[2 * (toAt + n * step) + 1] = y;
    }
  }

  /** Returns a · b of two elements. */
  times(a: Uint32Array, b: Uint32Array): Uint32Array {
    const product = new Uint32Array(2);
    this.load(a, 0, 1);
    this.addScaled(product, 0, b, 0, 1);
    return product;
  }

  /** Returns 1 / a = a^(2^b − 2) of an element other than 0. */
  inverse(a: Uint32Array): Uint32Array {
    // Holds a^(2^n − 1); n grows to b − 1 by the bits of b − 1.
    let made = Uint32Array.from(a.subarray(0, 2));
    let n = 1;
    const more = (by: Uint32Array, squarings: number): void => {
      const raised = Uint32Array.from(made);
      for (let i = 0; i < squarings; i++) this.square(raised, 0, raised, 0);
      made = this.times(raised, by) as Uint32Array<ArrayBuffer>;
    };
    for (const bit of (this.bits - 1).toString(2).slice(1)) {
      more(made, n);
      n *= 2;
      if (bit === '1') {
        more(a, 1);
        n += 1;
      }
    }
    this.square(made, 0, made, 0);
    return made;
  }
}
