/**
 * BIP327 (MuSig2): key aggregation with tweaks, nonces, partial signatures, the deterministic last
 * signer.
 *
 * The algorithms have the BIP's names. They are not taken from @scure/btc-signer, which aggregates
 * the keys again in every session; here a key set is aggregated once. Tests compare with the BIP's
 * vectors and with @scure. Not here: who may use which nonce when (`exchange.ts`).
 */
import { equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  bigEndian,
  concatBytes,
  G,
  hasEvenY,
  linear,
  mod,
  N,
  pairwise,
  parsePoint,
  parseResidue,
  parseScalar,
  Point,
  pointBytes,
  publicBytes,
  publicSum,
  publicTimes,
  secretScalar,
  timesG,
  taggedHash,
  toBytes,
  toNumber,
  xBytes,
} from './curve.ts';

/** Error for an unusable contribution, with the index of its signer (null: the aggregator). */
export class InvalidContribution extends Error {
  readonly signer: number | null;
  readonly part: 'pubkey' | 'pubnonce' | 'aggnonce' | 'psig' | 'aggothernonce';
  constructor(signer: number | null, part: InvalidContribution['part']) {
    super(signer === null ? `invalid ${part}` : `invalid ${part} of signer ${signer}`);
    this.signer = signer;
    this.part = part;
  }
}

export interface Tweak {
  /** 32 bytes. */
  tweak: Uint8Array;
  /** True for a tweak of the x-only key (taproot), false for a plain one (BIP32). */
  xOnly: boolean;
}

/** Keys that sign together, aggregated and tweaked. */
export interface KeyAgg {
  readonly pubkeys: readonly Uint8Array[];
  /** Aggregate after all tweaks. */
  readonly Q: Point;
  readonly xQ: Uint8Array;
  readonly evenQ: boolean;
  readonly gacc: bigint;
  readonly tacc: bigint;
  /** Coefficient of each key. */
  readonly coefficients: readonly bigint[];
  readonly points: readonly Point[];
}

/** KeySort: orders keys as BIP390 does. */
export const keySort = (pubkeys: readonly Uint8Array[]): Uint8Array[] =>
  [...pubkeys].sort((a, b) => Buffer.compare(a, b));

/** KeyAggCoefficient of each key: from hashes alone, so the keys need not be points. */
export function keyAggCoefficients(pubkeys: readonly Uint8Array[]): bigint[] {
  const list = taggedHash('KeyAgg list', ...pubkeys);
  const second = pubkeys.find((key) => !equalBytes(key, pubkeys[0]!));
  return pubkeys.map((key) =>
    second && equalBytes(key, second) ? 1n : mod(toNumber(taggedHash('KeyAgg coefficient', list, key))),
  );
}

/** KeyAgg. @throws InvalidContribution naming the key that is no point */
export function keyAgg(pubkeys: readonly Uint8Array[]): KeyAgg {
  const points = pubkeys.map((bytes, i) => {
    const point = parsePoint(bytes);
    if (!point) throw new InvalidContribution(i, 'pubkey');
    return point;
  });
  const coefficients = keyAggCoefficients(pubkeys);
  const Q = publicSum(points, coefficients);
  return made({ pubkeys, points, coefficients, Q, gacc: 1n, tacc: 0n });
}

function made(key: Omit<KeyAgg, 'xQ' | 'evenQ'>): KeyAgg {
  // Only keys chosen against the hash sum to the point at infinity.
  if (key.Q.equals(Point.ZERO)) throw new Error('the aggregate key is the point at infinity');
  return { ...key, xQ: xBytes(key.Q), evenQ: hasEvenY(key.Q) };
}

/** ApplyTweak. @throws Error for a tweak that is not below the order */
export function applyTweak(key: KeyAgg, { tweak, xOnly }: Tweak): KeyAgg {
  const t = parseResidue(tweak);
  if (t === undefined) throw new Error('a tweak must be 32 bytes below the order of the group');
  const g = xOnly && !key.evenQ ? N - 1n : 1n;
  const Q = linear(g === 1n ? key.Q : key.Q.negate(), 1n, t);
  return made({ ...key, Q, gacc: mod(g * key.gacc), tacc: mod(t + g * key.tacc) });
}

export interface NonceInput {
  /** 32 fresh random bytes. */
  random: Uint8Array;
  secret?: Uint8Array | undefined;
  pubkey: Uint8Array;
  /** x-only aggregate after tweaks. */
  aggregate?: Uint8Array | undefined;
  message?: Uint8Array | undefined;
  extra?: Uint8Array | undefined;
}

/**
 * NonceGen: a secret nonce (97 bytes) and its public nonce (66). The secret signs once, then is
 * erased.
 * @throws Error if `random` is not 32 bytes, or the secret key is out of range
 */
export function nonceGen({ random, secret, pubkey, aggregate, message, extra }: NonceInput): {
  secnonce: Uint8Array;
  pubnonce: Uint8Array;
} {
  if (random.length !== 32) throw new Error('a nonce is drawn from 32 random bytes');
  const rand = secret ? xor(toBytes(secretScalar(secret)), taggedHash('MuSig/aux', random)) : random;
  const prefixed = message ? concatBytes(Uint8Array.of(1), bigEndian(message.length, 8), message) : Uint8Array.of(0);
  const agg = aggregate ?? new Uint8Array();
  const more = extra ?? new Uint8Array();
  const [k1, k2] = drawn((i) =>
    taggedHash(
      'MuSig/nonce',
      rand,
      Uint8Array.of(pubkey.length),
      pubkey,
      Uint8Array.of(agg.length),
      agg,
      prefixed,
      bigEndian(more.length, 4),
      more,
      i,
    ),
  );
  return {
    secnonce: concatBytes(toBytes(k1), toBytes(k2), pubkey),
    pubnonce: concatBytes(pointBytes(timesG(k1)), pointBytes(timesG(k2))),
  };
}

/** Returns the two scalars of a secret nonce, hashed by index. */
function drawn(hash: (index: Uint8Array) => Uint8Array): readonly [bigint, bigint] {
  const k = (i: number): bigint => mod(toNumber(hash(Uint8Array.of(i))));
  const pair = [k(0), k(1)] as const;
  // The hash is zero modulo the order with negligible probability.
  if (pair.includes(0n)) throw new Refusal('bug', 'a nonce of zero');
  return pair;
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ b[i]!);

type PointPair = readonly [Point, Point];

/** Parses the two points of a public nonce; undefined if they are none. */
export function parseNonce(pubnonce: Uint8Array): PointPair | undefined {
  if (pubnonce.length !== 66) return undefined;
  const first = parsePoint(pubnonce.subarray(0, 33));
  const second = first && parsePoint(pubnonce.subarray(33));
  return first && second && [first, second];
}
/** Parses an aggregate nonce, in which 33 zero bytes are infinity. */
function parseAggNonce(aggnonce: Uint8Array): PointPair | undefined {
  if (aggnonce.length !== 66) return undefined;
  const half = (bytes: Uint8Array) => (bytes.every((b) => b === 0) ? Point.ZERO : parsePoint(bytes));
  const first = half(aggnonce.subarray(0, 33));
  const second = half(aggnonce.subarray(33));
  return first && second && [first, second];
}
const pointBytesExt = (point: Point): Uint8Array => (point.equals(Point.ZERO) ? new Uint8Array(33) : pointBytes(point));

const sumsOf = (a: PointPair, b: PointPair): PointPair =>
  pairwise([
    [a[0], b[0]],
    [a[1], b[1]],
  ]) as [Point, Point];

/** NonceAgg. @throws InvalidContribution naming the signer whose nonce is no pair of points */
export function nonceAgg(pubnonces: readonly Uint8Array[]): Uint8Array {
  let sum: PointPair = [Point.ZERO, Point.ZERO];
  pubnonces.forEach((pubnonce, i) => {
    const pair = parseNonce(pubnonce);
    if (!pair) throw new InvalidContribution(i, 'pubnonce');
    sum = sumsOf(sum, pair);
  });
  return concatBytes(pointBytesExt(sum[0]), pointBytesExt(sum[1]));
}

/** GetSessionValues: what all partial signatures of one message and aggregate nonce share. */
export interface Session {
  readonly key: KeyAgg;
  readonly message: Uint8Array;
  readonly b: bigint;
  readonly e: bigint;
  readonly R: Point;
  readonly evenR: boolean;
}

/** Returns the session of an aggregate nonce. @throws InvalidContribution for an invalid one */
export function session(key: KeyAgg, aggnonce: Uint8Array, message: Uint8Array): Session {
  const pair = parseAggNonce(aggnonce);
  if (!pair) throw new InvalidContribution(null, 'aggnonce');
  return sessionWith(key, pair, aggnonce, message);
}

function sessionWith(key: KeyAgg, pair: PointPair, aggnonce: Uint8Array, message: Uint8Array): Session {
  const b = mod(toNumber(taggedHash('MuSig/noncecoef', aggnonce, key.xQ, message)));
  const sum = pair[0].add(publicTimes(pair[1], b));
  const R = sum.equals(Point.ZERO) ? G : sum;
  const e = mod(toNumber(taggedHash('BIP0340/challenge', xBytes(R), key.xQ, message)));
  return { key, message, b, e, R, evenR: hasEvenY(R) };
}

/** Returns the BIP's g · gacc, the sign of every secret key. */
const keySign = (key: KeyAgg): bigint => (key.evenQ ? key.gacc : mod(-key.gacc));
/** Returns the index of a key. @throws Error if it is not in the set */
function indexOf(key: KeyAgg, pubkey: Uint8Array): number {
  const index = key.pubkeys.findIndex((k) => equalBytes(k, pubkey));
  if (index < 0) throw new Error('the key is not one of those that sign');
  return index;
}

/**
 * Sign. Erases `secnonce` before it returns; the result is not verified here.
 * @throws Error if the nonce was used or belongs to another key, or the key is not in the set
 */
export function sign(secnonce: Uint8Array, secret: Uint8Array, s: Session): Uint8Array {
  const k1 = parseScalar(secnonce.subarray(0, 32));
  const k2 = parseScalar(secnonce.subarray(32, 64));
  const owner = secnonce.slice(64);
  secnonce.fill(0);
  if (k1 === undefined || k2 === undefined) throw new Error('the secret nonce was used or is out of range');
  const d = secretScalar(secret);
  const pubkey = publicBytes(d);
  if (!equalBytes(pubkey, owner)) throw new Error('the secret nonce belongs to another key');
  return toBytes(combine(s, indexOf(s.key, pubkey), k1, k2, d));
}

const combine = (s: Session, index: number, k1: bigint, k2: bigint, d: bigint): bigint => {
  const [n1, n2] = s.evenR ? [k1, k2] : [N - k1, N - k2];
  return mod(n1 + s.b * n2 + s.e * s.key.coefficients[index]! * keySign(s.key) * d);
};

/** PartialSigVerify, by the signer's own nonce. */
export function partialVerify(partial: Uint8Array, pubnonce: Uint8Array, index: number, s: Session): boolean {
  const value = parseResidue(partial);
  const pair = parseNonce(pubnonce);
  if (value === undefined || !pair) return false;
  const sum = pair[0].add(publicTimes(pair[1], s.b));
  const Re = s.evenR ? sum : sum.negate();
  const scalar = mod(s.e * s.key.coefficients[index]! * keySign(s.key));
  return linear(s.key.points[index]!, mod(-scalar), value).equals(Re);
}

/** PartialSigAgg: the signature, 64 bytes. @throws InvalidContribution for a bad partial */
export function partialAgg(partials: readonly Uint8Array[], s: Session): Uint8Array {
  const sum = partials.reduce((total, partial, i) => {
    const value = parseResidue(partial);
    if (value === undefined) throw new InvalidContribution(i, 'psig');
    return total + value;
  }, 0n);
  const g = s.key.evenQ ? 1n : N - 1n;
  return concatBytes(xBytes(s.R), toBytes(mod(sum + s.e * g * s.key.tacc)));
}

/** Verifies a session's signature, its challenge and nonce point being known: s·G = R + e·Q. */
export function verifyAggregate(signature: Uint8Array, s: Session): boolean {
  if (signature.length !== 64 || !equalBytes(signature.subarray(0, 32), xBytes(s.R))) return false;
  const value = parseResidue(signature.subarray(32));
  if (value === undefined) return false;
  const even = (point: Point, is: boolean) => (is ? point : point.negate());
  return linear(even(s.key.Q, s.key.evenQ), mod(-s.e), value).equals(even(s.R, s.evenR));
}

/**
 * DeterministicSign: the last signer's public nonce and partial signature, a function of its
 * arguments.
 * @param rand commits to what the BIP's own nonce does not, such as the key list
 * @throws InvalidContribution `aggothernonce`
 */
export function deterministicSign(
  secret: Uint8Array,
  aggothernonce: Uint8Array,
  key: KeyAgg,
  message: Uint8Array,
  rand: Uint8Array | undefined,
): { pubnonce: Uint8Array; partial: Uint8Array; session: Session } {
  const d = secretScalar(secret);
  const masked = rand ? xor(secret, taggedHash('MuSig/aux', rand)) : secret;
  const [k1, k2] = drawn((i) =>
    taggedHash('MuSig/deterministic/nonce', masked, aggothernonce, key.xQ, bigEndian(message.length, 8), message, i),
  );
  const own: PointPair = [timesG(k1), timesG(k2)];
  const other = parseAggNonce(aggothernonce);
  if (!other) throw new InvalidContribution(null, 'aggothernonce');
  const sum = sumsOf(own, other);
  const s = sessionWith(key, sum, concatBytes(pointBytesExt(sum[0]), pointBytesExt(sum[1])), message);
  return {
    pubnonce: concatBytes(pointBytes(own[0]), pointBytes(own[1])),
    partial: toBytes(combine(s, indexOf(key, publicBytes(d)), k1, k2, d)),
    session: s,
  };
}

/** Returns the public key (33 bytes) of a secret key. */
export const publicKey = (secret: Uint8Array): Uint8Array => publicBytes(secretScalar(secret));
