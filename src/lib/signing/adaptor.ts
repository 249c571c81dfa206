/**
 * Schnorr adaptor signatures: a pre-signature becomes a BIP340 signature with a secret t. Whoever
 * has both signatures learns t.
 *
 * T = t·G is the adaptor point. A pre-signature is 65 bytes: R′ compressed, with T in it, and s′.
 * One key follows the Python specification of Schnorr adaptor signatures (tags SchnorrAdaptor/nonce
 * and /aux). Two keys add T to the first nonce before BIP327 hashes it, as libsecp256k1-zkp does;
 * to add it after the hash (the crate musig2) gives other bytes. ECDSA's are in `ecdsa-adaptor.ts`.
 * Not here: documents, stored nonces.
 */
import { bytesToHex, concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { challenge, verifies } from './bip340.ts';
import {
  evenPair,
  hasEvenY,
  linear,
  mod,
  parsePoint,
  parseResidue,
  parseScalar,
  Point,
  pointBytes,
  secretScalar,
  taggedHash,
  timesG,
  toBytes,
  toNumber,
  xBytes,
} from './curve.ts';
import * as musig2 from './musig2.ts';

export const invalid = (why: string): Refusal => new Refusal('adaptor-invalid', `the pre-signature: ${why}`);

/** Parses a point of 33 bytes. @throws Refusal `adaptor-invalid` */
export function adaptorPoint(bytes: Uint8Array, what = 'an adaptor point'): Point {
  const point = parsePoint(bytes);
  if (!point) throw invalid(`${what} found that is no point of the curve`);
  return point;
}
/** Parses the secret of an adaptor point. @throws Refusal `scalar-range` */
export function adaptorSecret(bytes: Uint8Array): bigint {
  const secret = parseScalar(bytes);
  if (secret === undefined)
    throw new Refusal('scalar-range', 'an adaptor secret found that is zero or not below the order');
  return secret;
}
/** Masks a secret with 32 random bytes, for a nonce. */
export function masked(secret: bigint, tag: string, aux: Uint8Array): Uint8Array {
  const mask = taggedHash(tag, aux);
  return toBytes(secret).map((byte, i) => byte ^ mask[i]!);
}

/**
 * Returns the pre-signature (65 bytes) of a 32-byte message under T (33 bytes).
 * @param aux 32 random bytes; the nonce commits to T besides
 * @throws Refusal `adaptor-invalid` for a T that is no point, Error if the secret key is out of
 * range
 */
export function presign(secret: Uint8Array, message: Uint8Array, adaptor: Uint8Array, aux: Uint8Array): Uint8Array {
  const T = adaptorPoint(adaptor);
  const [d, P] = evenPair(secretScalar(secret));
  const hidden = masked(d, 'SchnorrAdaptor/aux', aux);
  const k = mod(toNumber(taggedHash('SchnorrAdaptor/nonce', hidden, adaptor, xBytes(P), message)));
  const R = timesG(k).add(T);
  if (k === 0n || R.equals(Point.ZERO)) throw invalid('a nonce that cancels the adaptor point');
  const e = challenge(xBytes(R), xBytes(P), message);
  const pre = concatBytes(pointBytes(R), toBytes(mod((hasEvenY(R) ? k : -k) + e * d)));
  verifyPre(xBytes(P), message, adaptor, pre);
  return pre;
}

interface Parsed {
  R: Point;
  s: bigint;
}
/** Parses a pre-signature. @throws Refusal `adaptor-invalid`, `scalar-range` */
function parsePre(pre: Uint8Array): Parsed {
  if (pre.length !== 65) throw invalid(`${pre.length} bytes found, 65 expected`);
  const R = adaptorPoint(pre.subarray(0, 33), "R'");
  const s = parseResidue(pre.subarray(33));
  if (s === undefined)
    throw new Refusal('scalar-range', 'a number found in the pre-signature that is not below the order');
  return { R, s };
}

/** Verifies a pre-signature. @throws Refusal `adaptor-invalid`, `scalar-range`, `wrong-key` */
export function verifyPre(pubkey: Uint8Array, message: Uint8Array, adaptor: Uint8Array, pre: Uint8Array): void {
  const T = adaptorPoint(adaptor);
  const P = pubkey.length === 32 ? parsePoint(concatBytes(Uint8Array.of(2), pubkey)) : undefined;
  if (!P) throw new Refusal('wrong-key', 'a public key found that is no point of the curve');
  const { R, s } = parsePre(pre);
  const found = linear(P, mod(-challenge(xBytes(R), pubkey, message)), s);
  const expected = R.subtract(T);
  if (found.equals(Point.ZERO) || !found.equals(hasEvenY(R) ? expected : expected.negate()))
    throw invalid('it does not verify for this key, message and adaptor point');
}

/** Returns the BIP340 signature (64 bytes). @throws Refusal `adaptor-invalid`, `scalar-range` */
export function adapt(pre: Uint8Array, secret: Uint8Array): Uint8Array {
  const { R, s } = parsePre(pre);
  const t = adaptorSecret(secret);
  return concatBytes(xBytes(R), toBytes(mod(hasEvenY(R) ? s + t : s - t)));
}

/**
 * Returns the secret t (32 bytes) from a pre-signature and its finished signature.
 * @throws Refusal `adaptor-invalid` if they do not belong together, `scalar-range`
 */
export function extract(pre: Uint8Array, adaptor: Uint8Array, signature: Uint8Array): Uint8Array {
  const T = adaptorPoint(adaptor);
  const { R, s } = parsePre(pre);
  const finished = parseResidue(signature.subarray(32));
  if (finished === undefined)
    throw new Refusal('scalar-range', 'a number found in the signature that is not below the order');
  if (signature.length !== 64 || !equalBytes(signature.subarray(0, 32), xBytes(R)))
    throw invalid('a signature found that was not made from it');
  const t = mod(hasEvenY(R) ? finished - s : s - finished);
  if (!timesG(t).equals(T)) throw invalid('the signature shows another secret than that of the adaptor point');
  return toBytes(t);
}

/** Returns whether a finished signature verifies under an x-only key. */
export const isFinished = (signature: Uint8Array, message: Uint8Array, pubkey: Uint8Array): boolean =>
  verifies(bytesToHex(signature), message, bytesToHex(pubkey));

/** Keys of a two-party pre-signature, and what else a deterministic nonce commits to. */
export interface Together {
  agg: musig2.KeyAgg;
  commitment: Uint8Array;
}
/** Returns the nonce, T added. @throws Refusal `peer-nonce-invalid`, `adaptor-invalid` */
function withAdaptor(nonce: Uint8Array, adaptor: Uint8Array): Uint8Array {
  const pair = musig2.parseNonce(nonce);
  if (!pair) throw new Refusal('peer-nonce-invalid', 'a public nonce found that is no pair of points');
  const first = pair[0].add(adaptorPoint(adaptor));
  if (first.equals(Point.ZERO))
    throw new Refusal('peer-nonce-invalid', 'a public nonce found that cancels the adaptor point');
  return concatBytes(pointBytes(first), nonce.subarray(33));
}

/**
 * Returns the last signer's nonce and partial signature (BIP327, DeterministicSign). They commit to
 * T through the opener's nonce.
 * @throws Refusal `peer-nonce-invalid`, `adaptor-invalid`
 */
export function signLastPre(
  secret: Uint8Array,
  { agg, commitment }: Together,
  openerNonce: Uint8Array,
  message: Uint8Array,
  adaptor: Uint8Array,
): { pubnonce: Uint8Array; partial: Uint8Array } {
  const rand = taggedHash('spillway/det-sign', commitment);
  const { pubnonce, partial } = musig2.deterministicSign(secret, withAdaptor(openerNonce, adaptor), agg, message, rand);
  return { pubnonce, partial };
}

/** Returns the session of both parties. @throws Refusal `peer-nonce-invalid`, `adaptor-invalid` */
export function sessionPre(
  { agg }: Together,
  openerNonce: Uint8Array,
  lastNonce: Uint8Array,
  message: Uint8Array,
  adaptor: Uint8Array,
): musig2.Session {
  if (!musig2.parseNonce(lastNonce))
    throw new Refusal('peer-nonce-invalid', 'a public nonce found that is no pair of points');
  return musig2.session(agg, musig2.nonceAgg([withAdaptor(openerNonce, adaptor), lastNonce]), message);
}

/**
 * Returns the pre-signature (65 bytes) of two verified partial signatures, verified as a whole.
 * @throws Refusal `adaptor-invalid`
 */
export function combinePre(partials: readonly Uint8Array[], s: musig2.Session, adaptor: Uint8Array): Uint8Array {
  const pre = concatBytes(pointBytes(s.R), musig2.partialAgg(partials, s).subarray(32));
  verifyPre(s.key.xQ, s.message, adaptor, pre);
  return pre;
}
