/**
 * A mint's blind signature and its proof, over the curve of `signing/`: C' = a·B', and that the a of A = a·G made it. The bytes
 * are those of @cashu/cashu-ts, which takes many times as long; the tests compare.
 *
 * NUT-00, NUT-12: https://github.com/cashubtc/nuts. Not here: which outputs are signed (`promise.ts`).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Hex } from '../protocol/action.ts';
import {
  bytesToHex,
  concatBytes,
  hexToBytes,
  linear,
  mod,
  N,
  parseScalar,
  Point,
  pointBytes,
  publicSum,
  secretScalar,
  secretTimes,
  timesG,
  toBytes,
  toNumber,
} from '../signing/curve.ts';

/** C' (33 bytes) and its proof e and s (32 bytes). */
export interface BlindSignature {
  C_: Hex;
  dleq: { e: Hex; s: Hex };
}

/** 65 bytes. */
const long = (point: Point): Uint8Array => concatBytes(Uint8Array.of(4), point.affine!);
const challenge = (...points: readonly Point[]): Uint8Array =>
  sha256(utf8ToBytes(points.map((point) => bytesToHex(long(point))).join('')));

/** @throws Error where the secret is out of range */
export function blindSignature(B: Point, secret: Uint8Array): BlindSignature {
  const a = secretScalar(secret);
  const [A, C] = [timesG(a), secretTimes(B, a)];
  const r = proofNonce(secret, A, B, C);
  const e = challenge(timesG(r), secretTimes(B, r), A, C);
  const s = mod(r + toNumber(e) * a);
  return { C_: bytesToHex(pointBytes(C)), dleq: { e: bytesToHex(e), s: bytesToHex(toBytes(s)) } };
}

/** Returns a nonce made of all that the proof is about: the same output gets the same bytes. */
function proofNonce(secret: Uint8Array, ...points: readonly Point[]): bigint {
  const about = concatBytes(utf8ToBytes('Cashu_DLEQ_R_v1'), ...points.map(long));
  for (let i = 0; ; i++) {
    const r = parseScalar(hmac(sha256, secret, concatBytes(about, Uint8Array.of(i))));
    if (r !== undefined) return r;
  }
}

/** Returns whether the secret behind the mint's key A has made C' of B'. */
export function isBlindSignature(C: Point, B: Point, A: Point, dleq: BlindSignature['dleq']): boolean {
  const e = parseScalar(hexToBytes(dleq.e));
  const s = parseScalar(hexToBytes(dleq.s));
  if (e === undefined || s === undefined) return false;
  const points = [linear(A, N - e, s), publicSum([B, C], [s, N - e])];
  return points.every((point) => point.affine) && bytesToHex(challenge(...points, A, C)) === dleq.e;
}
