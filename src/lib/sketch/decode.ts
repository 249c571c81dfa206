/**
 * Decoding of a sketch: its syndromes become the elements of the set, or show that there is none.
 *
 * Berlekamp-Massey finds the polynomial whose roots are the inverses of the elements. Reversed, its
 * roots are the elements. Traces split it (Berlekamp's trace algorithm). Not here: bytes and
 * capacities (`sketch.ts`).
 */
import { BinaryField } from './field.ts';

/** Polynomial: coefficients from the constant one up, and its degree; −1 for zero. */
interface Polynomial {
  row: Uint32Array;
  degree: number;
}

const isZero = (row: Uint32Array, at: number): boolean => (row[2 * at]! | row[2 * at + 1]!) === 0;

/**
 * Finds the set of at most `most` elements whose sums of odd powers are `odd`.
 * @returns its elements in rising order; undefined if there is no such set
 */
export function decodeSyndromes(field: BinaryField, odd: Uint32Array, most: number): bigint[] | undefined {
  const capacity = odd.length / 2;
  const locator = shortestRecurrence(field, allSyndromes(field, odd), Math.min(most, capacity));
  if (!locator) return undefined;
  const elements = rootsOf(field, reversed(locator));
  return elements?.sort((a, b) => (a < b ? -1 : 1));
}

/** Returns the sums of the powers 1 to 2c; an even one is the square of that of half the power. */
function allSyndromes(field: BinaryField, odd: Uint32Array): Uint32Array {
  const count = odd.length / 2;
  const all = new Uint32Array(4 * count);
  for (let i = 0; i < count; i++) {
    all[4 * i] = odd[2 * i]!;
    all[4 * i + 1] = odd[2 * i + 1]!;
    field.square(all, 2 * i + 1, all, i);
  }
  return all;
}

/**
 * Finds the shortest recurrence by Berlekamp-Massey; in characteristic 2 every second discrepancy
 * is 0. It keeps the products of the syndromes with both polynomials, so that a step has one
 * multiplier.
 */
function shortestRecurrence(field: BinaryField, syndromes: Uint32Array, most: number): Polynomial | undefined {
  const length = syndromes.length / 2;
  let [now, before] = [new Uint32Array(2 * (most + 2)), new Uint32Array(2 * (most + 2))];
  let [product, productBefore] = [Uint32Array.from(syndromes), Uint32Array.from(syndromes)];
  now[0] = 1;
  before[0] = 1;
  let [degree, degreeBefore, shift] = [0, 0, 1];
  let inverseBefore: Uint32Array = Uint32Array.of(1, 0);
  for (let n = 0; n < length; n += 2, shift += 2) {
    if (isZero(product, n)) continue;
    const discrepancy = product.slice(2 * n, 2 * n + 2);
    const factor = field.times(discrepancy, inverseBefore);
    const grows = 2 * degree <= n;
    if (grows && n + 1 - degree > most) return undefined;
    const [kept, keptProduct, keptDegree] = grows ? [now.slice(), product.slice(), degree] : [];
    field.load(factor, 0, length - n);
    field.addScaled(now, shift, before, 0, Math.min(degreeBefore + 1, most + 2 - shift));
    field.addScaled(
      product,
      Math.max(n, shift),
      productBefore,
      Math.max(n, shift) - shift,
      length - Math.max(n, shift),
    );
    if (!grows) continue;
    [before, productBefore, degreeBefore] = [kept!, keptProduct!, keptDegree!];
    inverseBefore = field.inverse(discrepancy);
    degree = n + 1 - degree;
    shift = 0;
  }
  return isZero(now, degree) ? undefined : { row: now, degree };
}

function reversed({ row, degree }: Polynomial): Polynomial {
  const made = new Uint32Array(2 * (degree + 1));
  for (let i = 0; i <= degree; i++) made.set(row.subarray(2 * (degree - i), 2 * (degree - i) + 2), 2 * i);
  return { row: made, degree };
}

/** Returns the roots of a monic polynomial; undefined if they are fewer than its degree. */
function rootsOf(field: BinaryField, whole: Polynomial): bigint[] | undefined {
  if (whole.degree === 0) return [];
  if (whole.degree === 1) return [BinaryField.number(whole.row, 0)];
  const powers = repeatedSquares(field, whole);
  if (!powers) return undefined;
  const roots: bigint[] = [];
  let factors = [whole];
  const beta = Uint32Array.of(1, 0);
  for (let bit = 0; factors.length > 0; bit++) {
    const trace = tracePolynomial(field, powers, beta, whole.degree);
    const left: Polynomial[] = [];
    for (const factor of factors)
      for (const part of splitBy(field, factor, trace))
        if (part.degree === 1) roots.push(BinaryField.number(part.row, 0));
        else left.push(part);
    factors = left;
    // The numbers 1, 2, 4, … are a basis of the field, so any two elements differ in one trace.
    beta[0] = bit < 31 ? 2 ** (bit + 1) : 0;
    beta[1] = bit < 31 ? 0 : 2 ** (bit - 31);
  }
  return roots;
}

/** Returns x, x², x⁴, … modulo the polynomial, b of them; undefined if x^(2^b) is not x again. */
function repeatedSquares(field: BinaryField, whole: Polynomial): Uint32Array[] | undefined {
  const { degree } = whole;
  let power = new Uint32Array(2 * degree);
  power[2] = 1;
  const powers: Uint32Array[] = [];
  for (let i = 0; i < field.bits; i++) {
    powers.push(power);
    const next = new Uint32Array(4 * degree);
    field.square(next, 0, power, 0, degree, 2);
    divide(field, { row: next, degree: 2 * degree - 2 }, whole);
    power = next.slice(0, 2 * degree);
  }
  return power.every((word, i) => word === powers[0]![i]) ? powers : undefined;
}

/** Returns Tr(β·x) modulo the polynomial; its value at a root is the trace of β times the root. */
function tracePolynomial(
  field: BinaryField,
  powers: readonly Uint32Array[],
  beta: Uint32Array,
  degree: number,
): Uint32Array {
  const made = new Uint32Array(2 * degree);
  const factor = Uint32Array.from(beta);
  for (const power of powers) {
    field.load(factor, 0, degree);
    field.addScaled(made, 0, power, 0, degree);
    field.square(factor, 0, factor, 0);
  }
  return made;
}

/** Splits a factor by the trace of its roots, 0 or 1; the factor alone if all have the same. */
function splitBy(field: BinaryField, factor: Polynomial, trace: Uint32Array): Polynomial[] {
  const rest = { row: trace.slice(), degree: trace.length / 2 - 1 };
  divide(field, rest, factor);
  const zeros = commonDivisor(field, factor, degreeOf(rest.row, factor.degree - 1));
  if (zeros.degree === 0 || zeros.degree === factor.degree) return [factor];
  const quotient = { row: factor.row.slice(0, 2 * (factor.degree + 1)), degree: factor.degree };
  divide(field, quotient, zeros);
  return [zeros, { row: quotient.row.slice(2 * zeros.degree), degree: factor.degree - zeros.degree }];
}

function degreeOf(row: Uint32Array, from: number): Polynomial {
  let degree = from;
  while (degree >= 0 && isZero(row, degree)) degree -= 1;
  return { row, degree };
}

/** Returns the greatest common divisor, with leading coefficient 1. */
function commonDivisor(field: BinaryField, a: Polynomial, b: Polynomial): Polynomial {
  let [large, small] = [a, b];
  while (small.degree >= 0) {
    const lead = small.row.slice(2 * small.degree, 2 * small.degree + 2);
    const monic = new Uint32Array(2 * (small.degree + 1));
    const inverse = field.inverse(lead);
    field.load(inverse, 0, small.degree);
    field.addScaled(monic, 0, small.row, 0, small.degree + 1);
    const next = { row: large.row.slice(0, 2 * (large.degree + 1)), degree: large.degree };
    const divisor = { row: monic, degree: small.degree };
    divide(field, next, divisor);
    [large, small] = [divisor, degreeOf(next.row, divisor.degree - 1)];
  }
  return large;
}

/** Divides in place by a monic polynomial: remainder below its degree, quotient above. */
function divide(field: BinaryField, { row, degree }: Polynomial, by: Polynomial): void {
  for (let k = degree; k >= by.degree; k--) {
    if (isZero(row, k)) continue;
    field.load(row, k, by.degree);
    field.addScaled(row, k - by.degree, by.row, 0, by.degree);
  }
}
