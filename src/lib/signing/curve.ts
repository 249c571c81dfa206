/**
 * secp256k1 for signing: scalars, points, tagged hashes.
 *
 * Computed by libsecp256k1 in WebAssembly, or by bigint where that is missing (`backend.ts`). The
 * back end is chosen at first use and never changes. Scalars are added and multiplied with
 * JavaScript's bigint, which does not promise constant time. An attacker who can time single
 * signatures of this process very precisely is not guarded against.
 */
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { equalBytes } from '../bitcoin/bytes.ts';
import { sha256After, type Hasher } from '../bitcoin/hash.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { negated, pairSums } from './affine.ts';
import { N, type Affine, type Backend } from './backend.ts';
import { libsecp256k1 } from './libsecp256k1.ts';
import { noble } from './noble.ts';
import { wasmCode } from './wasm-code.ts';

export { bytesToHex, concatBytes, hexToBytes, N };

let chosenBackend: Backend | undefined;
/** Returns the back end of this process. */
export const backend = (): Backend => (chosenBackend ??= libsecp256k1(wasmCode()) ?? noble);

export const SCALAR_LIMITS = {
  /** Secret key, or half of a secret nonce. */
  secret: { unit: 'number', least: 1n, most: N - 1n },
  /** Tweak, partial signature, or second half of a signature. */
  residue: { unit: 'number', least: 0n, most: N - 1n },
} satisfies Limits;

export const mod = (n: bigint): bigint => ((n % N) + N) % N;
export const toNumber = (bytes: Uint8Array): bigint => bytesToNumberBE(bytes);
export const toBytes = (n: bigint): Uint8Array => numberToBytesBE(n, 32);

/** Point of the curve, or infinity. */
export class Point {
  static readonly ZERO = new Point(undefined);
  /** Coordinates; undefined for infinity. */
  readonly affine: Affine | undefined;

  constructor(affine: Affine | undefined) {
    this.affine = affine;
  }
  add(other: Point): Point {
    return pairwise([[this, other]])[0]!;
  }
  negate(): Point {
    return this.affine ? new Point(negated(this.affine)) : this;
  }
  subtract(other: Point): Point {
    return this.add(other.negate());
  }
  equals({ affine }: Point): boolean {
    return this.affine && affine ? equalBytes(this.affine, affine) : this.affine === affine;
  }
}

export const G = new Point(
  hexToBytes(
    '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798' +
      '483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
  ),
);

/** Returns the coordinates of a point. @throws Error for infinity */
function finite({ affine }: Point): Affine {
  if (!affine) throw new Error('the point at infinity has no coordinates');
  return affine;
}
function inRange(scalar: bigint, limit: { least: bigint; most: bigint }): bigint {
  if (!allows(limit, scalar)) throw new Error('the scalar is out of range');
  return scalar;
}

/** Returns scalar · G, also for secret scalars, from 0. @throws Error for a scalar from N on */
export const timesG = (scalar: bigint): Point =>
  inRange(scalar, SCALAR_LIMITS.residue) === 0n ? Point.ZERO : new Point(backend().timesG(scalar));
/** Returns the public key (33 bytes) of a secret scalar from 1 to N − 1. */
export const publicBytes = (secret: bigint): Uint8Array => pointBytes(timesG(secret));
/** Parses a secret scalar of 32 bytes; undefined for zero and numbers from N on. */
export function parseScalar(bytes: Uint8Array): bigint | undefined {
  const scalar = toNumber(bytes);
  return bytes.length === 32 && allows(SCALAR_LIMITS.secret, scalar) ? scalar : undefined;
}
/** Reads a secret key. @throws Refusal `wrong-key`, which begins with `name` */
export function needScalar(bytes: Uint8Array, name: string): bigint {
  const scalar = parseScalar(bytes);
  if (scalar === undefined)
    throw new Refusal('wrong-key', `${name}: 32 bytes from 1 to the order of the curve expected`);
  return scalar;
}
/** Parses a number from 0 to N − 1 in 32 bytes; undefined for any other. */
export function parseResidue(bytes: Uint8Array): bigint | undefined {
  const n = toNumber(bytes);
  return bytes.length === 32 && allows(SCALAR_LIMITS.residue, n) ? n : undefined;
}
/** Parses a secret key of this home, made in range. @throws Error if it is out of range */
export function secretScalar(bytes: Uint8Array): bigint {
  const scalar = parseScalar(bytes);
  if (scalar === undefined) throw new Error('the secret key is out of range');
  return scalar;
}
/** Returns a secret scalar or its negative, whichever has a point with even y, and that point. */
export function evenPair(scalar: bigint): readonly [bigint, Point] {
  const point = timesG(scalar);
  return hasEvenY(point) ? [scalar, point] : [N - scalar, point.negate()];
}
/** Returns the secret of the x-only key: a secret key or its negative, whichever has even y. */
export const evenSecret = (secret: Uint8Array): Uint8Array => toBytes(evenPair(secretScalar(secret))[0]);
/** Returns a · point + b · G for public scalars, from 0. @throws Error for a scalar from N on */
export function linear(point: Point, a: bigint, b: bigint): Point {
  inRange(a, SCALAR_LIMITS.residue);
  inRange(b, SCALAR_LIMITS.residue);
  if (a === 1n && b === 0n) return point;
  return point.affine && a !== 0n ? new Point(backend().linear(point.affine, a, b)) : timesG(b);
}
/** Returns scalar · point for public scalars. */
export const publicTimes = (point: Point, scalar: bigint): Point => linear(point, scalar, 0n);
/** Returns scalar · point for a secret scalar from 1 to N − 1, and a point other than infinity. */
export const secretTimes = (point: Point, scalar: bigint): Point =>
  new Point(backend().timesSecret(finite(point), inRange(scalar, SCALAR_LIMITS.secret)));

/** Returns the sum of each pair, at little more than the cost of one. */
export const pairwise = (pairs: readonly (readonly [Point, Point])[]): Point[] =>
  pairSums(pairs.map(([a, b]) => [a.affine, b.affine])).map((sum) => new Point(sum));
/** Returns Σ scalar · point for public scalars. */
export function publicSum(points: readonly Point[], scalars: readonly bigint[]): Point {
  let terms = points.map((point, i) => publicTimes(point, scalars[i]!));
  while (terms.length > 1)
    terms = pairwise(terms.flatMap((term, i) => (i % 2 === 0 ? [[term, terms[i + 1] ?? Point.ZERO] as const] : [])));
  return terms[0] ?? Point.ZERO;
}

const CACHED_POINTS = 256;
const pointCache = new Map<string, Point>();

/**
 * Parses a compressed point of 33 bytes; undefined for other bytes. The newest points are cached,
 * since a step parses the same keys and nonces many times.
 */
export function parsePoint(bytes: Uint8Array): Point | undefined {
  if (bytes.length !== 33) return undefined;
  const name = bytesToHex(bytes);
  const known = pointCache.get(name);
  if (known) return known;
  const affine = backend().parse(bytes);
  if (!affine) return undefined;
  if (pointCache.size >= CACHED_POINTS) pointCache.delete(pointCache.keys().next().value!);
  const point = new Point(affine);
  pointCache.set(name, point);
  return point;
}
/** Reads a public key of 33 bytes. @throws Refusal `wrong-key`, which begins with `name` */
export function needPoint(bytes: Uint8Array, name: string): Point {
  const point = parsePoint(bytes);
  if (!point) throw new Refusal('wrong-key', `${name}: bytes found that are no point of the curve`);
  return point;
}
/** Returns a compressed point, 33 bytes. @throws Error for infinity */
export function pointBytes(point: Point): Uint8Array {
  const affine = finite(point);
  return concatBytes(Uint8Array.of(2 + (affine[63]! & 1)), affine.subarray(0, 32));
}
export const hasEvenY = (point: Point): boolean => (finite(point)[63]! & 1) === 0;
/** Returns the x coordinate, 32 bytes. */
export const xBytes = (point: Point): Uint8Array => finite(point).slice(0, 32);

const hashers = new Map<string, Hasher>();

/**
 * Returns BIP340's tagged hash, 32 bytes. The hash state behind each tag is cached.
 * @example
 * ```ts
 * Buffer.from(taggedHash('TapTweak')).toString('hex', 0, 16); // '8aa4229474ab0100b2d6f0687f031d1f'
 * ```
 */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  let hash = hashers.get(tag);
  if (!hash) {
    const half = sha256(utf8ToBytes(tag));
    hashers.set(tag, (hash = sha256After(half, half)));
  }
  return hash(...parts);
}

/** Returns the tagged hash of a text in UTF-8. */
export const taggedTextHash = (tag: string, text: string): Uint8Array => taggedHash(tag, utf8ToBytes(text));

/** Returns a number as `size` big-endian bytes. */
export const bigEndian = (n: number, size: number): Uint8Array => numberToBytesBE(n, size);

/** Returns the ECDH secret of libsecp256k1 and BOLT4: SHA256 of the compressed secret · point. */
export const ecdh = (secret: bigint, point: Point): Uint8Array => sha256(pointBytes(secretTimes(point, secret)));
