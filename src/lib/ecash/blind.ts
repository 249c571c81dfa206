/**
 * Blind signatures over the curve of `signing/`. A wallet blinds: B' = Y + r·G, Y being the point
 * of its secret. The mint signs: C' = a·B', and proves that the a of A = a·G made it. The wallet
 * unblinds: C = C' − r·A. The bytes are those of @cashu/cashu-ts, which is many times slower; tests
 * compare.
 *
 * NUT-00, NUT-12: https://github.com/cashubtc/nuts. Not here: which outputs are signed
 * (`promise.ts`).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { equalBytes } from '../bitcoin/bytes.ts';
import type { Hex } from '../protocol/action.ts';
import {
  bytesToHex,
  concatBytes,
  hexToBytes,
  linear,
  mod,
  N,
  parsePoint,
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

/** Returns an uncompressed point, 65 bytes. */
const long = (point: Point): Uint8Array => concatBytes(Uint8Array.of(4), point.affine!);
const challenge = (...points: readonly Point[]): Uint8Array =>
  sha256(utf8ToBytes(points.map((point) => bytesToHex(long(point))).join('')));

/** Returns the point of a secret (NUT-00, `hash_to_curve`). */
export function hashToCurve(secret: Uint8Array): Point {
  const hash = sha256(concatBytes(utf8ToBytes('Secp256k1_HashToCurve_Cashu_'), secret));
  const counter = new DataView(new ArrayBuffer(4));
  for (let i = 0; ; i++) {
    counter.setUint32(0, i, true);
    const x = sha256(concatBytes(hash, new Uint8Array(counter.buffer)));
    const point = parsePoint(concatBytes(Uint8Array.of(2), x));
    if (point) return point;
  }
}

/** Returns B' of a secret. @param r blinding factor, 32 bytes @throws Error if out of range */
export const blinded = (secret: Uint8Array, r: Uint8Array): Point => hashToCurve(secret).add(timesG(secretScalar(r)));

/** Returns C of a mint's C' under its key A. @param r as in `blinded` */
export const unblinded = (C_: Point, A: Point, r: Uint8Array): Point => C_.subtract(secretTimes(A, secretScalar(r)));

/** Signs blindly, with a DLEQ proof. @throws Error if the secret is out of range */
export function blindSignature(B: Point, secret: Uint8Array): BlindSignature {
  const a = secretScalar(secret);
  const [A, C] = [timesG(a), secretTimes(B, a)];
  const r = proofNonce(secret, A, B, C);
  const e = challenge(timesG(r), secretTimes(B, r), A, C);
  const s = mod(r + toNumber(e) * a);
  return { C_: bytesToHex(pointBytes(C)), dleq: { e: bytesToHex(e), s: bytesToHex(toBytes(s)) } };
}

/** Returns a nonce derived from all that the proof covers, so that an output has one proof. */
function proofNonce(secret: Uint8Array, ...points: readonly Point[]): bigint {
  const about = concatBytes(utf8ToBytes('Cashu_DLEQ_R_v1'), ...points.map(long));
  for (let i = 0; ; i++) {
    const r = parseScalar(hmac(sha256, secret, concatBytes(about, Uint8Array.of(i))));
    if (r !== undefined) return r;
  }
}

/** Returns whether the secret behind the mint's key A made C' of B'. */
export function isBlindSignature(C: Point, B: Point, A: Point, dleq: BlindSignature['dleq']): boolean {
  const e = parseScalar(hexToBytes(dleq.e));
  const s = parseScalar(hexToBytes(dleq.s));
  if (e === undefined || s === undefined) return false;
  const points = [linear(A, N - e, s), publicSum([B, C], [s, N - e])];
  return points.every((point) => point.affine) && equalBytes(challenge(...points, A, C), toBytes(e));
}
