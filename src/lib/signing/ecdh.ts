/**
 * ECDH on secp256k1 as libsecp256k1 and BOLT4 have it: SHA256 of the compressed shared point.
 *
 * The multiplication goes the way of libsecp256k1's `ecmult_const`: the scalar is split in two halves by the curve's
 * endomorphism, each half is written in odd digits, and every digit costs one addition, so that the pattern of point
 * operations is the same for all scalars. Three times as fast as @noble/curves' general one, against which it is tested.
 * JavaScript's bigint itself is not constant-time; see `curve.ts`.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { N, Point, pointBytes } from './curve.ts';

/** GLV: λ·(x, y) = (β·x, y). The lattice basis of "Guide to Elliptic Curve Cryptography", 3.5. */
const BETA = 0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een;
const A1 = 0x3086d221a7d46bcde86c90e49284eb15n;
const B1 = -0xe4437ed6010e88286f547fa90abfe4c3n;
const A2 = 0x114ca50f7a8e2f3f657c1108d9d44cfd8n;
const B2 = A1;

/** Bits of a digit. Odd digits of ±1 … ±15 need a table of 8 multiples. */
const WIDTH = 4n;
/** Digits of a half: both are below 2^128 in size, and one more takes what making them odd adds. */
const DIGITS = 33;
const P = Point.Fp;

const roundedDivision = (a: bigint, b: bigint): bigint => (a + b / 2n) / b;

/** k = k1 + k2·λ (mod N), both of about 128 bits, of either sign. */
function split(k: bigint): [bigint, bigint] {
  const c1 = roundedDivision(B2 * k, N);
  const c2 = roundedDivision(-B1 * k, N);
  return [k - c1 * A1 - c2 * A2, -c1 * B1 - c2 * B2];
}

/** An odd number as `DIGITS` odd digits, the lowest first. */
function oddDigits(odd: bigint): number[] {
  const digits: number[] = [];
  let rest = odd;
  for (let i = 0; i < DIGITS - 1; i++) {
    // The low WIDTH + 1 bits, moved down so that what remains is odd again.
    const digit = (rest & 31n) - 16n;
    digits.push(Number(digit));
    rest = (rest - digit) >> WIDTH;
  }
  digits.push(Number(rest));
  return digits;
}

/** P, 3P, … 15P. */
function oddMultiples(point: Point): Point[] {
  const twice = point.double();
  const multiples = [point];
  for (let i = 1; i < 8; i++) multiples.push(multiples[i - 1]!.add(twice));
  return multiples;
}

/** scalar · point for a secret scalar from 1 to N − 1. */
export function secretTimes(point: Point, scalar: bigint): Point {
  const [k1, k2] = split(scalar);
  const halves = [k1, k2].map((half) => {
    const sign = half < 0n ? -1 : 1;
    const size = half < 0n ? -half : half;
    const even = 1 - Number(size & 1n);
    return { sign, even, digits: oddDigits(size + BigInt(even)) };
  });
  const base = oddMultiples(point);
  const moved = base.map((p) => new Point(P.mul(p.X, BETA), p.Y, p.Z));
  const tables = [base, moved];
  const pick = (half: number, digit: number): Point => {
    const signed = digit * halves[half]!.sign;
    const chosen = tables[half]![(Math.abs(digit) - 1) >> 1]!;
    const negated = chosen.negate();
    return signed < 0 ? negated : chosen;
  };
  let sum = pick(0, halves[0]!.digits[DIGITS - 1]!).add(pick(1, halves[1]!.digits[DIGITS - 1]!));
  for (let i = DIGITS - 2; i >= 0; i--) {
    sum = sum.double().double().double().double();
    for (const half of [0, 1]) sum = sum.add(pick(half, halves[half]!.digits[i]!));
  }
  // What was added to make a half odd is taken off again, or nothing is.
  for (const half of [0, 1]) {
    const { sign, even } = halves[half]!;
    const one = tables[half]![0]!;
    const back = sign < 0 ? one : one.negate();
    const kept = sum.add(back);
    sum = even ? kept : sum;
  }
  return sum;
}

/** The shared secret of 32 bytes of a secret scalar (1 to N − 1) and a point other than infinity. */
export const ecdh = (secret: bigint, point: Point): Uint8Array => sha256(pointBytes(secretTimes(point, secret)));
