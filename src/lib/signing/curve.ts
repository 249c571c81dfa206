/**
 * secp256k1 for signing: scalars, points, tagged hashes.
 *
 * Secret scalars meet the base point in @noble/secp256k1, whose multiplication is several times faster than the one of
 * @noble/curves for that case; all arithmetic on public points is @noble/curves'. JavaScript's bigint does not promise
 * constant time: whoever can time single signatures of this process very precisely is outside what it protects from.
 */
import { Point as SecretPoint } from '@noble/secp256k1';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

export { bytesToHex, concatBytes, hexToBytes };

export const Point = secp256k1.Point;
export type Point = InstanceType<typeof Point>;
export const G = Point.BASE;
/** The order of the group. */
export const N = Point.Fn.ORDER;

export const mod = (n: bigint): bigint => ((n % N) + N) % N;
export const toNumber = (bytes: Uint8Array): bigint => bytesToNumberBE(bytes);
export const toBytes = (n: bigint): Uint8Array => numberToBytesBE(n, 32);

/** secret · G. The scalar must be 1 … N - 1. */
export function secretTimesG(secret: bigint): Point {
  const { x, y } = SecretPoint.BASE.multiply(secret).toAffine();
  return Point.fromAffine({ x, y });
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
export function tagged(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  let prefix = prefixes.get(tag);
  if (!prefix) {
    const half = sha256(utf8ToBytes(tag));
    prefixes.set(tag, (prefix = concatBytes(half, half)));
  }
  return sha256(concatBytes(prefix, ...parts));
}

/** A number as `size` big-endian bytes. */
export const bigEndian = (n: number, size: number): Uint8Array => numberToBytesBE(n, size);
