/**
 * The interface of a secp256k1 back end. Two give the same answers: `libsecp256k1.ts` (WebAssembly) and
 * `noble.ts` (bigint). All other code calls `curve.ts`, which checks the ranges of scalars and points first.
 */

/** The order of the group. */
export const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A point other than the one at infinity: x and y, 64 bytes. */
export type Affine = Uint8Array;

/** An ECDSA signature with low s: r and s, 64 bytes, and the number (0 to 3) by which the public key is found from it. */
export interface RecoverableSignature {
  compact: Uint8Array;
  recovery: number;
}

/**
 * Operations of a back end. Scalars are from 1 to N − 1 unless stated otherwise; hashes and secret keys have 32
 * bytes.
 */
export interface Backend {
  readonly name: 'libsecp256k1' | 'noble';
  /** A point of 33 or 65 bytes; undefined for anything else. */
  parse(bytes: Uint8Array): Affine | undefined;
  /** scalar · G, also for secret scalars. */
  timesG(scalar: bigint): Affine;
  /** a · point + b · G, for public scalars, b from 0; undefined for the point at infinity. */
  linear(point: Affine, a: bigint, b: bigint): Affine | undefined;
  /** scalar · point, for secret scalars. */
  timesSecret(point: Affine, scalar: bigint): Affine;
  /** RFC 6979, with `extra` (32 bytes) as its additional data. The secret key is in range. */
  signEcdsa(hash: Uint8Array, secret: Uint8Array, extra?: Uint8Array): RecoverableSignature;
  /** Only signatures with low s verify; r and s are from 1 to N − 1. */
  verifyEcdsa(compact: Uint8Array, hash: Uint8Array, key: Affine): boolean;
  /** Recovers the public key of a signature; undefined if there is none. */
  recoverEcdsa(signature: RecoverableSignature, hash: Uint8Array): Affine | undefined;
}
