/**
 * ECDSA adaptor signatures, as in Discreet Log Contracts: a pre-signature becomes a signature with
 * a secret. Schnorr's are in `adaptor.ts`.
 *
 * dlcspecs, ECDSA-adaptor; libsecp256k1-zkp (module ecdsa_adaptor). Y = y·G is the adaptor point. A
 * pre-signature is 162 bytes: R = k·Y and R′ = k·G compressed, s′ = (m + r·x)/k, and a proof (e, s)
 * that both have the same k. The nonce commits to key, message and Y.
 */
import { invert } from '@noble/curves/abstract/modular.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { adaptorPoint, adaptorSecret, invalid, masked } from './adaptor.ts';
import { linear, mod, N, parsePoint, parseResidue, parseScalar, Point, pointBytes, publicBytes } from './curve.ts';
import { secretScalar, secretTimes, taggedHash, timesG, toBytes, toNumber, xBytes } from './curve.ts';
import { verifiesCompact } from './ecdsa.ts';

/** Returns a point's x modulo the order: r of an ECDSA signature. */
const rOf = (point: Point): bigint => mod(toNumber(xBytes(point)));
const lowS = (s: bigint): bigint => (s > N >> 1n ? N - s : s);

/** Returns the challenge of the proof that R′ is to G as R is to Y. */
const challenge = (...points: readonly [R1: Point, Y: Point, R: Point, onG: Point, onY: Point]): bigint =>
  mod(toNumber(taggedHash('DLEQ', ...points.map(pointBytes))));

/**
 * Returns the pre-signature (162 bytes) of a 32-byte message under Y (33 bytes).
 * @param aux 32 random bytes
 * @throws Refusal `adaptor-invalid` for a Y that is no point, Error if the secret key is out of
 * range
 */
export function presign(secret: Uint8Array, message: Uint8Array, adaptor: Uint8Array, aux: Uint8Array): Uint8Array {
  const Y = adaptorPoint(adaptor);
  const x = secretScalar(secret);
  const nonce = (tag: string, key: bigint, text: Uint8Array): bigint => {
    const drawn = mod(toNumber(taggedHash(tag, masked(key, 'ECDSAadaptor/aux', aux), adaptor, text)));
    if (drawn === 0n) throw invalid('a nonce of zero');
    return drawn;
  };
  const k = nonce('ECDSAadaptor/non', x, message);
  const [R1, R] = [timesG(k), secretTimes(Y, k)];
  const s = mod((toNumber(message) + rOf(R) * x) * invert(k, N));
  const l = nonce('DLEQ', k, sha256(concatBytes(pointBytes(R1), pointBytes(R))));
  const e = challenge(R1, Y, R, timesG(l), secretTimes(Y, l));
  const pre = concatBytes(pointBytes(R), pointBytes(R1), ...[s, e, mod(l + e * k)].map(toBytes));
  verifyPre(publicBytes(x), message, adaptor, pre);
  return pre;
}

/** Parses a pre-signature. @throws Refusal `adaptor-invalid`, `scalar-range` */
export function parsePre(pre: Uint8Array): { R: Point; R1: Point; s: bigint; e: bigint; proof: bigint } {
  if (pre.length !== 162) throw invalid(`${pre.length} bytes found, 162 expected`);
  const [R, R1] = [adaptorPoint(pre.subarray(0, 33), 'R'), adaptorPoint(pre.subarray(33, 66), "R'")];
  const s = parseScalar(pre.subarray(66, 98));
  const [e, proof] = [parseResidue(pre.subarray(98, 130)), parseResidue(pre.subarray(130))];
  if (s === undefined || e === undefined || proof === undefined)
    throw new Refusal('scalar-range', 'a number found in the pre-signature that is zero or not below the order');
  return { R, R1, s, e, proof };
}

/** Verifies a pre-signature. @throws Refusal `adaptor-invalid`, `scalar-range`, `wrong-key` */
export function verifyPre(pubkey: Uint8Array, message: Uint8Array, adaptor: Uint8Array, pre: Uint8Array): void {
  const Y = adaptorPoint(adaptor);
  const X = parsePoint(pubkey);
  if (!X) throw new Refusal('wrong-key', 'a public key found that is no point of the curve');
  const { R, R1, s, e, proof } = parsePre(pre);
  const onG = linear(R1, mod(-e), proof);
  const onY = linear(Y, proof, 0n).subtract(linear(R, e, 0n));
  if (onG.equals(Point.ZERO) || onY.equals(Point.ZERO) || challenge(R1, Y, R, onG, onY) !== e)
    throw invalid('its proof does not verify for this adaptor point');
  const inverse = invert(s, N);
  if (!linear(X, mod(rOf(R) * inverse), mod(toNumber(message) * inverse)).equals(R1))
    throw invalid('it does not verify for this key and message');
}

/**
 * Returns the signature (r and low s, 64 bytes) of a pre-signature and y.
 * @throws Refusal `adaptor-invalid`, `scalar-range`
 */
export function adapt(pre: Uint8Array, secret: Uint8Array): Uint8Array {
  const { R, s } = parsePre(pre);
  return concatBytes(toBytes(rOf(R)), toBytes(lowS(mod(s * invert(adaptorSecret(secret), N)))));
}

/**
 * Returns the secret y (32 bytes) from a pre-signature and its finished signature, of low or high
 * s.
 * @throws Refusal `adaptor-invalid` if they do not belong together, `scalar-range`
 */
export function extract(pre: Uint8Array, adaptor: Uint8Array, signature: Uint8Array): Uint8Array {
  const Y = adaptorPoint(adaptor);
  const { R, s } = parsePre(pre);
  const finished = parseScalar(signature.subarray(32));
  if (finished === undefined) throw new Refusal('scalar-range', 'a signature found whose s is out of range');
  if (toNumber(signature.subarray(0, 32)) !== rOf(R)) throw invalid('a signature found that was not made from it');
  const y = mod(s * invert(finished, N));
  const secret = [y, N - y].find((one) => timesG(one).equals(Y));
  if (secret === undefined) throw invalid('the signature shows another secret than that of the adaptor point');
  return toBytes(secret);
}

/** Returns whether a finished signature (64 bytes, low or high s) of a key of 33 bytes verifies. */
export function isFinished(signature: Uint8Array, message: Uint8Array, pubkey: Uint8Array): boolean {
  const s = parseScalar(signature.subarray(32));
  return s !== undefined && verifiesCompact(concatBytes(signature.subarray(0, 32), toBytes(lowS(s))), message, pubkey);
}
