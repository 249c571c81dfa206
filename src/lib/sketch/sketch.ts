/**
 * PinSketch: a set of b-bit numbers as a few sums, which tell the difference of two sets.
 *
 * A sketch of capacity c is the sums of e, e³, … e^(2c−1) over the elements e in GF(2^b). They are
 * b bits each, in one little-endian string of bits, padded to bytes. Format and parameters are
 * those of minisketch (https://github.com/bitcoin-core/minisketch). Not here: meanings of elements
 * (`gossip/reconcile.ts`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { decodeSyndromes } from './decode.ts';
import { BinaryField } from './field.ts';

export const SKETCH_LIMITS = {
  capacity: { unit: 'items', least: 1, most: 65_536 },
  element: { unit: 'number', least: 1n, most: (bits: number) => (1n << BigInt(bits)) - 1n },
  falsePositive: { unit: 'number', least: 0, most: 256 },
} satisfies Limits;

/** Sums of odd powers, from e^(2·from + 1) on. */
export interface Sketch {
  bits: number;
  syndromes: Uint32Array;
}
/** Returns the number of differences that a sketch can tell. */
export const capacityOf = ({ syndromes }: Sketch): number => syndromes.length / 2;

/**
 * Sketches a set; an element that comes twice cancels itself.
 * @param elements numbers from 1 to 2^bits − 1
 * @param from number of leading syndromes to leave out, which another sketch has
 * @throws Refusal `element-range`
 */
export function makeSketch(elements: Iterable<bigint>, bits: number, capacity: number, from = 0): Sketch {
  const field = new BinaryField(bits);
  const syndromes = new Uint32Array(2 * (capacity - from));
  const bounds = { least: SKETCH_LIMITS.element.least, most: SKETCH_LIMITS.element.most(bits) };
  for (const element of elements) {
    if (!allows(bounds, element))
      throw new Refusal('element-range', `${element} found, a number from 1 to 2^${bits} − 1 expected`);
    const first = BinaryField.row([element]);
    const square = new Uint32Array(2);
    field.square(square, 0, first, 0);
    for (let skipped = from, factor = square.slice(); skipped > 0; skipped = Math.floor(skipped / 2)) {
      if (skipped % 2 === 1) first.set(field.times(first, factor));
      field.square(factor, 0, factor, 0);
    }
    field.load(square, 0, capacity - from);
    field.addSeries(syndromes, first, capacity - from);
  }
  return { bits, syndromes };
}

/** Returns the sketch of the difference of two sets with equal bits, of the smaller capacity. */
export function mergeSketches(a: Sketch, b: Sketch): Sketch {
  const length = Math.min(a.syndromes.length, b.syndromes.length);
  return { bits: a.bits, syndromes: a.syndromes.slice(0, length).map((word, i) => word ^ b.syndromes[i]!) };
}

/** Appends syndromes made with `from` equal to the capacity of the first sketch. */
export const appendSketch = (a: Sketch, b: Sketch): Sketch => ({
  bits: a.bits,
  syndromes: Uint32Array.of(...a.syndromes, ...b.syndromes),
});

/**
 * Decodes a sketch.
 * @param falsePositiveBits f: a random sketch passes with a chance of at most 2^−f
 * @returns the elements in rising order; undefined if there is no set, or it is too large to count
 */
export function decodeSketch(sketch: Sketch, falsePositiveBits = 0, most = Infinity): bigint[] | undefined {
  const counted = maxElements(sketch.bits, capacityOf(sketch), falsePositiveBits);
  return decodeSyndromes(new BinaryField(sketch.bits), sketch.syndromes, Math.min(most, counted));
}

/** Returns the largest d with b·c − log2 of the number of sets up to d elements ≥ f, else 0. */
export function maxElements(bits: number, capacity: number, falsePositiveBits: number): number {
  if (falsePositiveBits === 0) return capacity;
  if (bits * capacity < falsePositiveBits) return 0;
  const bound = 1n << BigInt(bits * capacity - falsePositiveBits);
  const all = (1n << BigInt(bits)) - 1n;
  let choices = 1n;
  let sets = 1n;
  for (let d = 1; d <= capacity; d++) {
    choices = (choices * (all - BigInt(d) + 1n)) / BigInt(d);
    sets += choices;
    if (sets > bound) return d - 1;
  }
  return capacity;
}

/** Writes a sketch, or an extension. */
export function sketchBytes({ bits, syndromes }: Sketch): Uint8Array {
  const count = syndromes.length / 2;
  const bytes = new Uint8Array(Math.ceil((bits * count) / 8));
  for (let i = 0, at = 0; i < count; i++)
    for (let bit = 0; bit < bits; bit++, at++)
      if ((syndromes[2 * i + (bit >> 5)]! >>> (bit & 31)) & 1) bytes[at >> 3]! |= 1 << (at & 7);
  return bytes;
}

/** Reads a sketch. @throws Refusal `malformed-message` for a wrong length, or bits in padding */
export function readSketch(bytes: Uint8Array, bits: number, capacity: number): Sketch {
  const size = Math.ceil((bits * capacity) / 8);
  if (bytes.length !== size)
    throw new Refusal('malformed-message', `sketch: ${bytes.length} bytes found, ${size} expected`);
  const syndromes = new Uint32Array(2 * capacity);
  for (let at = 0; at < 8 * size; at++) {
    if (!((bytes[at >> 3]! >>> (at & 7)) & 1)) continue;
    const [i, bit] = [Math.floor(at / bits), at % bits];
    if (i >= capacity) throw new Refusal('malformed-message', 'sketch: bits found behind its end');
    syndromes[2 * i + (bit >> 5)]! |= 1 << (bit & 31);
  }
  return { bits, syndromes };
}
