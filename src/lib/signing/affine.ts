/**
 * Affine points of secp256k1, added with JavaScript's bigint, because the library behind
 * `libsecp256k1.ts` has no addition. In variable time: summands are public, or random halves of a
 * secret product.
 */
import { invert } from '@noble/curves/abstract/modular.js';
import { bytesToNumberBE, concatBytes, numberToBytesBE } from '@noble/curves/utils.js';
import type { Affine } from './backend.ts';

/** Prime of the field. */
const P = 2n ** 256n - 2n ** 32n - 977n;

const mod = (n: bigint): bigint => ((n % P) + P) % P;
const xOf = (point: Affine): bigint => bytesToNumberBE(point.subarray(0, 32));
const yOf = (point: Affine): bigint => bytesToNumberBE(point.subarray(32));
const made = (x: bigint, y: bigint): Affine => concatBytes(numberToBytesBE(x, 32), numberToBytesBE(y, 32));

export const negated = (point: Affine): Affine =>
  concatBytes(point.subarray(0, 32), numberToBytesBE(P - yOf(point), 32));

export type Summands = readonly [Affine | undefined, Affine | undefined];

/** Line through two points, or the tangent; its slope is a fraction. */
interface Line {
  x1: bigint;
  y1: bigint;
  x2: bigint;
  rise: bigint;
  run: bigint;
}

/** Returns the sum of each pair; undefined is the point at infinity. One inversion serves all. */
export function pairSums(pairs: readonly Summands[]): (Affine | undefined)[] {
  const lines = pairs.map(([a, b]) => (a && b ? lineOf(a, b) : undefined));
  const slopes = inverses(lines.map((line) => line?.run ?? 1n));
  return pairs.map(([a, b], i) => {
    if (!a || !b) return a ?? b;
    const line = lines[i];
    if (!line) return undefined;
    const { x1, y1, x2, rise } = line;
    const slope = mod(rise * slopes[i]!);
    const x = mod(slope * slope - x1 - x2);
    return made(x, mod(slope * (x1 - x) - y1));
  });
}

/** Returns the line of two points; undefined for a point and its negative. No point has y = 0. */
function lineOf(a: Affine, b: Affine): Line | undefined {
  const [x1, y1, x2, y2] = [xOf(a), yOf(a), xOf(b), yOf(b)];
  if (x1 !== x2) return { x1, y1, x2, rise: mod(y2 - y1), run: mod(x2 - x1) };
  return y1 === y2 ? { x1, y1, x2, rise: mod(3n * x1 * x1), run: mod(2n * y1) } : undefined;
}

/** Returns the inverses of non-zero numbers by one inversion, that of their product. */
function inverses(numbers: readonly bigint[]): bigint[] {
  const products: bigint[] = [];
  let product = 1n;
  for (const n of numbers) products.push((product = mod(product * n)));
  let inverse = invert(product, P);
  const found: bigint[] = [];
  for (let i = numbers.length - 1; i >= 0; i--) {
    found[i] = i === 0 ? inverse : mod(inverse * products[i - 1]!);
    inverse = mod(inverse * numbers[i]!);
  }
  return found;
}
