/** BIP340 signatures, on `curve.ts`. */
import { equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  bytesToHex,
  concatBytes,
  evenPair,
  hasEvenY,
  hexToBytes,
  linear,
  mod,
  parsePoint,
  parseResidue,
  Point,
  secretScalar,
  taggedHash,
  timesG,
  toBytes,
  toNumber,
  xBytes,
} from './curve.ts';

/** Zero auxiliary randomness: the nonce still depends on key and message, so results repeat. */
const NO_AUX = new Uint8Array(32);

/**
 * Signs a 32-byte hash (BIP340): 64 bytes, hex, verified.
 * @param aux 32 bytes of auxiliary randomness
 * @throws Error if the secret key is out of range
 */
export function signHash(hash: Uint8Array, secret: Uint8Array, aux: Uint8Array = NO_AUX): string {
  const [d, P] = evenPair(secretScalar(secret));
  const key = xBytes(P);
  const mask = taggedHash('BIP0340/aux', aux);
  const masked = toBytes(d).map((byte, i) => byte ^ mask[i]!);
  const [k, R] = evenPair(mod(toNumber(taggedHash('BIP0340/nonce', masked, key, hash))));
  const signature = concatBytes(xBytes(R), toBytes(mod(k + challenge(xBytes(R), key, hash) * d)));
  if (!isSignature(signature, hash, key)) throw new Refusal('bug', 'an own signature does not verify');
  return bytesToHex(signature);
}

/** Returns BIP340's challenge, from x-only nonce point and key, and the hash. */
export const challenge = (r: Uint8Array, key: Uint8Array, hash: Uint8Array): bigint =>
  mod(toNumber(taggedHash('BIP0340/challenge', r, key, hash)));

function isSignature(signature: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean {
  const r = signature.subarray(0, 32);
  const s = parseResidue(signature.subarray(32));
  const P = key.length === 32 ? parsePoint(concatBytes(Uint8Array.of(2), key)) : undefined;
  if (s === undefined || !P) return false;
  const R = linear(P, mod(-challenge(r, key, hash)), s);
  return !R.equals(Point.ZERO) && hasEvenY(R) && equalBytes(xBytes(R), r);
}

/** Returns whether a signature of `pubkey` (32 bytes, hex) verifies; false for malformed input. */
export function verifies(signature: string, hash: Uint8Array, pubkey: string): boolean {
  const [made, key] = [signature, pubkey].map(readHex);
  return made !== undefined && key !== undefined && isSignature(made, hash, key);
}

function readHex(hex: string): Uint8Array | undefined {
  try {
    return hexToBytes(hex);
  } catch {
    return undefined;
  }
}

/** Returns the x-only public key (32 bytes, hex) of a secret key. @throws Error if out of range */
export const xOnlyKey = (secret: Uint8Array): string => bytesToHex(xBytes(timesG(secretScalar(secret))));
