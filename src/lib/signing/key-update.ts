/**
 * A key of two parties that changes hands while the point stays: P = KeyAgg([S, O]) + t·G before, and with fresh S', O'
 * and another public offset t' after. "musig2-offset": BIP327 throughout, t as a plain tweak.
 *
 *   old owner   m1 = c_O·o + x                   x: the operator's, whose point X = x·G is public
 *   new owner   m2 = m1 − c'_O·o'                checks m1·G = c_O·O + X
 *   operator    t' = t + c_S·s + m2 − x − c'_S·s'
 *
 * c are the KeyAgg coefficients of [S, O], c' those of [S', O']. Whoever sees two of x, m1 and m2 computes a key, so each
 * travels sealed to one reader (`sealed-field.ts`). Who deletes what, and when: the family's steps.
 * Not analysed in any publication: what deletes nothing protects nothing, and an operator that kept s can, with any
 * owner that kept o, still sign.
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

/** [operator, owner], unsorted: 33 bytes each, hex. */
export type Pair = readonly [operator: string, owner: string];

/** An operator's secrets for one opening: the share s', x, and the key e to which m2 is sealed. 32 bytes each. */
export interface OpeningSecrets {
  share: Uint8Array;
  x: Uint8Array;
  oneTime: Uint8Array;
}

const sumOf = (pair: Pair): Point => keyAgg(pair.map(hexToBytes)).Q;
/** [c of the operator, c of the owner]: that of the owner, who stands second, is 1. */
const coefficients = (pair: Pair): [bigint, bigint] => keyAggCoefficients(pair.map(hexToBytes)) as [bigint, bigint];
const pointOf = (hex: string): Point | undefined => parsePoint(hexToBytes(hex));

/** KeyAgg([S, O]) + t·G, 33 bytes, hex. Undefined where a key is no point, t is out of range, or the sum is infinity. */
export function coinKey(pair: Pair, offset: string): string | undefined {
  const t = parseResidue(hexToBytes(offset));
  if (t === undefined || !pair.every(pointOf)) return undefined;
  try {
    return bytesToHex(pointBytes(linear(sumOf(pair), 1n, t)));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return undefined;
  }
}

/** T' = P − KeyAgg([S', O']): the point of the offset that the next pair needs, 33 bytes, hex; undefined as above. */
export function offsetPoint(key: string, next: Pair): string | undefined {
  try {
    return bytesToHex(pointBytes(pointOf(key)!.subtract(sumOf(next))));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return undefined;
  }
}

/** Returns m1 (32 bytes): the old owner's secret times its coefficient, blinded by the operator's x. */
export const firstMessage = (pair: Pair, owner: Uint8Array, x: Uint8Array): Uint8Array =>
  toBytes(mod(coefficients(pair)[1] * secretScalar(owner) + secretScalar(x)));

/** Returns whether m1·G = c_O·O + X. */
export function firstMessageFits(pair: Pair, m1: Uint8Array, xPubkey: string): boolean {
  const value = parseResidue(m1);
  const X = pointOf(xPubkey);
  const O = pointOf(pair[1]);
  if (value === undefined || !X || !O) return false;
  return timesG(value).equals(publicTimes(O, coefficients(pair)[1]).add(X));
}

/** m2, 32 bytes. */
export function secondMessage(m1: Uint8Array, next: Pair, owner: Uint8Array): Uint8Array {
  return toBytes(mod(toNumber(m1) - coefficients(next)[1] * secretScalar(owner)));
}

/** Returns t' (32 bytes, hex), unchecked: only `coinKey` shows whether it leads to the coin's key. */
export function nextOffset(
  from: { pair: Pair; offset: string; share: Uint8Array },
  next: { pair: Pair; share: Uint8Array },
  m2: Uint8Array,
  x: Uint8Array,
): string {
  const t = toNumber(hexToBytes(from.offset));
  const old = coefficients(from.pair)[0] * secretScalar(from.share);
  const fresh = coefficients(next.pair)[0] * secretScalar(next.share);
  return bytesToHex(toBytes(mod(t + old + toNumber(m2) - secretScalar(x) - fresh)));
}
