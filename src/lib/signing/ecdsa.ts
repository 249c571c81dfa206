/** ECDSA as in Bitcoin's older scripts: DER, low s (BIP146), nonces by RFC 6979. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Affine, RecoverableSignature } from './backend.ts';
import { backend, N, parseScalar, Point, pointBytes, secretScalar, toNumber } from './curve.ts';

/**
 * Signs a 32-byte hash: DER.
 * @param lowR takes a signature whose r is a byte shorter; without it the first of RFC 6979, as
 * Lightning nodes do
 * @throws Error if the secret key is out of range
 */
export function signEcdsa(hash: Uint8Array, secret: Uint8Array, lowR = true): Uint8Array {
  secretScalar(secret);
  let { compact } = backend().signEcdsa(hash, secret);
  for (let count = 0; lowR && toNumber(compact.subarray(0, 32)) >= N >> 1n; count++) {
    const extra = new Uint8Array(32);
    new DataView(extra.buffer).setUint32(0, count, true);
    ({ compact } = backend().signEcdsa(hash, secret, extra));
  }
  return derOf(compact);
}
/** Returns r and s (64 bytes) as DER. @throws Error for numbers that are out of range */
export const derOf = (compact: Uint8Array): Uint8Array => secp256k1.Signature.fromBytes(compact).toBytes('der');

/** Returns whether a DER signature (low s) of a 33- or 65-byte key verifies; false if malformed. */
export function verifiesEcdsa(signature: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean {
  const compact = compactOf(signature);
  const point = backend().parse(key);
  return compact !== undefined && point !== undefined && backend().verifyEcdsa(compact, hash, point);
}

function compactOf(der: Uint8Array): Uint8Array | undefined {
  try {
    return secp256k1.Signature.fromBytes(der, 'der').toBytes('compact');
  } catch {
    return undefined;
  }
}

/** Recovers the public key (33 bytes) of a compact signature; undefined if there is none. */
export function recoverEcdsa(compact: Uint8Array, recovery: number, hash: Uint8Array): Uint8Array | undefined {
  const affine = backend().recoverEcdsa({ compact, recovery }, hash);
  return affine && pointBytes(new Point(affine));
}

/** Signs a 32-byte hash, recoverably. @throws Error if the secret key is out of range */
export function signRecoverable(hash: Uint8Array, secret: Uint8Array): RecoverableSignature {
  secretScalar(secret);
  return backend().signEcdsa(hash, secret);
}

/** Parses a key once for many signatures; undefined if it is no point. */
export const parsedKey = (key: Uint8Array): Affine | undefined => backend().parse(key);

/** Returns whether a compact signature (64 bytes, low s) of a parsed key verifies. */
export function verifiesParsed(compact: Uint8Array, hash: Uint8Array, key: Affine): boolean {
  const inRange = parseScalar(compact.subarray(0, 32)) !== undefined && parseScalar(compact.subarray(32)) !== undefined;
  return inRange && backend().verifyEcdsa(compact, hash, key);
}

/** Returns whether a compact signature of a key of 33 bytes verifies; false for malformed input. */
export function verifiesCompact(compact: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean {
  const point = parsedKey(key);
  return point !== undefined && verifiesParsed(compact, hash, point);
}
