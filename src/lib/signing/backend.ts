/**
 * Interface of a secp256k1 back end: `libsecp256k1.ts` (WebAssembly) and `noble.ts` (bigint), with
 * equal results. All other code calls `curve.ts`, which checks ranges first.
 */

/** Order of the group. */
export const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Point other than infinity: x and y, 64 bytes. */
export type Affine = Uint8Array;

/** ECDSA signature with low s: r and s (64 bytes), and the recovery number (0 to 3). */
export interface RecoverableSignature {
  compact: Uint8Array;
  recovery: number;
}

/** Operations of a back end. Scalars are 1 to N − 1 unless stated; hashes and keys are 32 bytes. */
export interface Backend {
  readonly name: 'libsecp256k1' | 'noble';
  /** Parses a point of 33 or 65 bytes; undefined for anything else. */
  parse(bytes: Uint8Array): Affine | undefined;
  /** Returns scalar · G, also for secret scalars. */
  timesG(scalar: bigint): Affine;
  /** Returns a · point + b · G for public scalars, b from 0; undefined for infinity. */
  linear(point: Affine, a: bigint, b: bigint): Affine | undefined;
  /** Returns scalar · point for secret scalars. */
  timesSecret(point: Affine, scalar: bigint): Affine;
  /** Signs with RFC 6979; `extra` (32 bytes) is its additional data. The secret key is in range. */
  signEcdsa(hash: Uint8Array, secret: Uint8Array, extra?: Uint8Array): RecoverableSignature;
  /** Verifies a signature with low s, r and s from 1 to N − 1. */
  verifyEcdsa(compact: Uint8Array, hash: Uint8Array, key: Affine): boolean;
  /** Recovers the public key of a signature; undefined if there is none. */
  recoverEcdsa(signature: RecoverableSignature, hash: Uint8Array): Affine | undefined;
}
