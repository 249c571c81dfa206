/**
 * Key update of two parties: their keys change while the point P of the coin stays. Before, P is
 * KeyAgg([S, O]) + t·G; after, it has fresh keys S', O' and another public offset t'. The scheme is
 * "musig2-offset": BIP327 throughout, t as a plain tweak.
 *
 *   old owner   m1 = c_O·o + x                   x is the operator's, its point X = x·G public
 *   new owner   m2 = m1 − c'_O·o'                checks m1·G = c_O·O + X
 *   operator    t' = t + c_S·s + m2 − x − c'_S·s'
 *
 * Here c are the KeyAgg coefficients of [S, O], c' those of [S', O']. Whoever sees two of x, m1 and
 * m2 can compute a key, so each is sealed to one reader (`sealed-field.ts`). No publication has
 * analysed this. It protects only if secrets are deleted: an operator that kept s can still sign
 * with any owner that kept o. Not here: who deletes what, and when (the family's steps).
 */
import { Refusal } from '../protocol/refusal.ts';
import {
  bytesToHex,
  hexToBytes,
  linear,
  mod,
  parsePoint,
  parseResidue,
  pointBytes,
  publicTimes,
  secretScalar,
  timesG,
  toBytes,
  toNumber,
  type Point,
} from './curve.ts';
import { keyAgg, keyAggCoefficients } from './musig2.ts';

/** Public keys [operator, owner], unsorted: 33 bytes each, hex. */
export type UpdatePair = readonly [operator: string, owner: string];

/** Operator's secrets of one opening, 32 bytes each: share s', x, key e that m2 is sealed to. */
export interface OpeningSecrets {
  share: Uint8Array;
  x: Uint8Array;
  oneTime: Uint8Array;
}

const sumOf = (pair: UpdatePair): Point => keyAgg(pair.map(hexToBytes)).Q;
/** Returns the coefficients of operator and owner; the owner's, who stands second, is 1. */
const coefficients = (pair: UpdatePair): [bigint, bigint] =>
  keyAggCoefficients(pair.map(hexToBytes)) as [bigint, bigint];
const pointOf = (hex: string): Point | undefined => parsePoint(hexToBytes(hex));

/** Returns KeyAgg([S, O]) + t·G, 33 bytes, hex; undefined for an invalid key or t, or infinity. */
export function coinKey(pair: UpdatePair, offset: string): string | undefined {
  const t = parseResidue(hexToBytes(offset));
  if (t === undefined || !pair.every(pointOf)) return undefined;
  try {
    return bytesToHex(pointBytes(linear(sumOf(pair), 1n, t)));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return undefined;
  }
}

/** Returns T' = P − KeyAgg([S', O']), the point of the next pair's offset; undefined as above. */
export function offsetPoint(key: string, next: UpdatePair): string | undefined {
  try {
    return bytesToHex(pointBytes(pointOf(key)!.subtract(sumOf(next))));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return undefined;
  }
}

/** Returns m1 (32 bytes): the old owner's secret times its coefficient, plus x. */
export const firstMessage = (pair: UpdatePair, owner: Uint8Array, x: Uint8Array): Uint8Array =>
  toBytes(mod(coefficients(pair)[1] * secretScalar(owner) + secretScalar(x)));

/** Returns whether m1·G = c_O·O + X. */
export function firstMessageFits(pair: UpdatePair, m1: Uint8Array, xPubkey: string): boolean {
  const value = parseResidue(m1);
  const X = pointOf(xPubkey);
  const O = pointOf(pair[1]);
  if (value === undefined || !X || !O) return false;
  return timesG(value).equals(publicTimes(O, coefficients(pair)[1]).add(X));
}

/** Returns m2 (32 bytes): the first message without the new owner's part. */
export function secondMessage(m1: Uint8Array, next: UpdatePair, owner: Uint8Array): Uint8Array {
  return toBytes(mod(toNumber(m1) - coefficients(next)[1] * secretScalar(owner)));
}

/** Returns t' (32 bytes, hex), unchecked: `coinKey` shows whether it leads to the coin's key. */
export function nextOffset(
  from: { pair: UpdatePair; offset: string; share: Uint8Array },
  next: { pair: UpdatePair; share: Uint8Array },
  m2: Uint8Array,
  x: Uint8Array,
): string {
  const t = toNumber(hexToBytes(from.offset));
  const old = coefficients(from.pair)[0] * secretScalar(from.share);
  const fresh = coefficients(next.pair)[0] * secretScalar(next.share);
  return bytesToHex(toBytes(mod(t + old + toNumber(m2) - secretScalar(x) - fresh)));
}
