/**
 * secp256k1 for signing: scalars, points, tagged hashes.
 *
 * The base point is multiplied by @noble/secp256k1, which is several times faster at that than @noble/curves; other
 * points by @noble/curves, which is faster at those. So only one table of multiples of the base point is ever made: in a
 * process that signs once, such a table costs more than the signature. JavaScript's bigint does not promise constant
 * time: whoever can time single signatures of this process very precisely is outside what it protects from.
 */
import { Point as BasePoint } from '@noble/secp256k1';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

import { allows, type Limits } from '../protocol/limit.ts';

export { bytesToHex, concatBytes, hexToBytes };

export const Point = secp256k1.Point;
export type Point = InstanceType<typeof Point>;
export const G = Point.BASE;
/** The order of the group. */
export const N = Point.Fn.ORDER;

export const SCALAR_LIMITS = {
  /** A secret key, or half of a secret nonce. */
  secret: { unit: 'number', least: 1n, most: N - 1n },
  /** A tweak, a partial signature, the second half of a signature. */
  residue: { unit: 'number', least: 0n, most: N - 1n },
} satisfies Limits;

export const mod = (n: bigint): bigint => ((n % N) + N) % N;
export const toNumber = (bytes: Uint8Array): bigint => bytesToNumberBE(bytes);
export const toBytes = (n: bigint): Uint8Array => numberToBytesBE(n, 32);

/** scalar · G, also for secret scalars. */
export function timesG(scalar: bigint): Point {
  if (scalar === 0n) return Point.ZERO;
  const { x, y } = BasePoint.BASE.multiply(scalar).toAffine();
  return Point.fromAffine({ x, y });
}
/** The public key of a secret scalar from 1 to N − 1, 33 bytes. */
export const publicBytes = (secret: bigint): Uint8Array => BasePoint.BASE.multiply(secret).toBytes(true);
/** A secret scalar of 32 bytes; undefined for zero and for what is not below the order. */
export function parseScalar(bytes: Uint8Array): bigint | undefined {
  const scalar = toNumber(bytes);
  return bytes.length === 32 && allows(SCALAR_LIMITS.secret, scalar) ? scalar : undefined;
}
/** A number from 0 to N − 1 in 32 bytes; undefined for any other. */
export function parseResidue(bytes: Uint8Array): bigint | undefined {
  const n = toNumber(bytes);
  return bytes.length === 32 && allows(SCALAR_LIMITS.residue, n) ? n : undefined;
}
/** A secret key of the home's own, of which nothing else is possible. @throws Error where it is out of range all the same */
export function secretScalar(bytes: Uint8Array): bigint {
  const scalar = parseScalar(bytes);
  if (scalar === undefined) throw new Error('the secret key is out of range');
  return scalar;
}
/** Of a secret key and its negative the one whose point has even y: that of the x-only key. */
export function evenSecret(secret: Uint8Array): Uint8Array {
  const d = secretScalar(secret);
  return publicBytes(d)[0] === 2 ? secret : toBytes(N - d);
}
/** scalar · point, for public scalars only. */
export const publicTimes = (point: Point, scalar: bigint): Point =>
  scalar === 0n ? Point.ZERO : point.multiplyUnsafe(scalar);

/** A compressed point of 33 bytes; undefined for anything else. */
export function parsePoint(bytes: Uint8Array): Point | undefined {
  if (bytes.length !== 33) return undefined;
  try {
    return Point.fromBytes(bytes);
  } catch {
    return undefined;
  }
}
export const pointBytes = (point: Point): Uint8Array => point.toBytes(true);
export const hasEvenY = (point: Point): boolean => point.toAffine().y % 2n === 0n;
/** The x coordinate, 32 bytes. */
export const xBytes = (point: Point): Uint8Array => toBytes(point.toAffine().x);

const prefixes = new Map<string, Uint8Array>();

/** BIP340's tagged hash; the tags are few, so their prefixes are kept. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  let prefix = prefixes.get(tag);
  if (!prefix) {
    const half = sha256(utf8ToBytes(tag));
    prefixes.set(tag, (prefix = concatBytes(half, half)));
  }
  return sha256(concatBytes(prefix, ...parts));
}

/** The tagged hash of a text in UTF-8. */
export const taggedTextHash = (tag: string, text: string): Uint8Array => taggedHash(tag, utf8ToBytes(text));

/** A number as `size` big-endian bytes. */
export const bigEndian = (n: number, size: number): Uint8Array => numberToBytesBE(n, size);
