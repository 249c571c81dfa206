/**
 * Keys of one commitment: basepoints of both sides bound to its per-commitment point, and the secrets behind them.
 *
 * BOLT3, Key Derivation; the obscured commitment number (Commitment Transaction). `holder` is the side whose commitment
 * it is: it broadcasts it, and the other side punishes it where it was revoked.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  linear,
  mod,
  parsePoint,
  Point,
  pointBytes,
  publicBytes,
  publicSum,
  secretScalar,
  toBytes,
  toNumber,
} from '../signing/curve.ts';
import { FORMAT, type FormatName } from './format.ts';
import { FIRST_INDEX } from './secrets.ts';

/** What a side gives for a channel: four points and a key. */
export const BASES = ['funding', 'revocation', 'payment', 'delayed', 'htlc'] as const;
export type Base = (typeof BASES)[number];
/** Compressed points, 33 bytes; those that are not known are missing. */
export type Basepoints = { readonly [K in Base]?: Uint8Array };
/** Their secrets, 32 bytes. */
export type BaseSecrets = { readonly [K in Base]?: Uint8Array };

export type Side = 'local' | 'remote';
export const otherSide = (side: Side): Side => (side === 'local' ? 'remote' : 'local');

/** The keys in the scripts of one commitment. */
export const KEY_NAMES = [
  'delayed',
  'revocation',
  'holderHtlc',
  'otherHtlc',
  'otherPayment',
  'holderFunding',
  'otherFunding',
] as const;
export type KeyName = (typeof KEY_NAMES)[number];
export type CommitmentKeys = { readonly [K in KeyName]?: Uint8Array };
export type CommitmentSecrets = { readonly [K in KeyName]?: Uint8Array };

const numberOf = (...parts: readonly Uint8Array[]): bigint => mod(toNumber(sha256(concatBytes(...parts))));

/** @throws Refusal `wrong-key` for bytes that are no point */
function pointOf(bytes: Uint8Array, what: string): Point {
  const point = parsePoint(bytes);
  if (!point) throw new Refusal('wrong-key', `${what}: bytes found that are no point of the curve`);
  return point;
}
/** @throws Refusal `key-rejected` for a sum at infinity, which only keys made against one another have */
function finite(point: Point): Uint8Array {
  if (point.equals(Point.ZERO)) throw new Refusal('key-rejected', 'a key that cancels its per-commitment point found');
  return pointBytes(point);
}

/** basepoint + SHA256(point ‖ basepoint)·G, 33 bytes. @throws Refusal `wrong-key` */
export const deriveKey = (basepoint: Uint8Array, point: Uint8Array): Uint8Array =>
  finite(linear(pointOf(basepoint, 'basepoint'), 1n, numberOf(point, basepoint)));
/** The secret of `deriveKey`, 32 bytes. */
export const deriveSecret = (base: Uint8Array, point: Uint8Array): Uint8Array =>
  toBytes(mod(secretScalar(base) + numberOf(point, publicBytes(secretScalar(base)))));

/** The revocation key of the other side's basepoint and the holder's point, 33 bytes. @throws Refusal `wrong-key` */
export const revocationKey = (basepoint: Uint8Array, point: Uint8Array): Uint8Array =>
  finite(
    publicSum(
      [pointOf(basepoint, 'revocation basepoint'), pointOf(point, 'per-commitment point')],
      [numberOf(basepoint, point), numberOf(point, basepoint)],
    ),
  );
/** Its secret, from both secrets, 32 bytes. */
export function revocationSecret(base: Uint8Array, commitmentSecret: Uint8Array): Uint8Array {
  const [basepoint, point] = [publicBytes(secretScalar(base)), publicBytes(secretScalar(commitmentSecret))];
  return toBytes(
    mod(secretScalar(base) * numberOf(basepoint, point) + secretScalar(commitmentSecret) * numberOf(point, basepoint)),
  );
}

/** The keys of a commitment, as far as what is given makes them. `point`: the holder's for this number. */
export function commitmentKeys(
  format: FormatName,
  holder: Basepoints,
  other: Basepoints,
  point: Uint8Array | undefined,
): CommitmentKeys {
  const bound = (base: Uint8Array | undefined, make: typeof deriveKey): Uint8Array | undefined =>
    base && point && make(base, point);
  const payment = FORMAT[format].staticRemote ? other.payment : bound(other.payment, deriveKey);
  return present({
    delayed: bound(holder.delayed, deriveKey),
    revocation: bound(other.revocation, revocationKey),
    holderHtlc: bound(holder.htlc, deriveKey),
    otherHtlc: bound(other.htlc, deriveKey),
    otherPayment: payment,
    holderFunding: holder.funding,
    otherFunding: other.funding,
  });
}

/** The secrets of the holder's keys. */
export const holderSecrets = (secrets: BaseSecrets, point: Uint8Array | undefined): CommitmentSecrets =>
  present({
    delayed: point && secrets.delayed && deriveSecret(secrets.delayed, point),
    holderHtlc: point && secrets.htlc && deriveSecret(secrets.htlc, point),
    holderFunding: secrets.funding,
  });
/** The secrets of the other side's keys; with the holder's per-commitment secret the revocation key among them. */
export const otherSecrets = (
  format: FormatName,
  secrets: BaseSecrets,
  point: Uint8Array | undefined,
  revoked: Uint8Array | undefined,
): CommitmentSecrets =>
  present({
    revocation: revoked && secrets.revocation && revocationSecret(secrets.revocation, revoked),
    otherHtlc: point && secrets.htlc && deriveSecret(secrets.htlc, point),
    otherPayment: FORMAT[format].staticRemote
      ? secrets.payment
      : point && secrets.payment && deriveSecret(secrets.payment, point),
    otherFunding: secrets.funding,
  });

type Given = { [K in KeyName]?: Uint8Array | undefined };
const present = (all: Given): { [K in KeyName]?: Uint8Array } =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));

/** The mask of commitment numbers: the lower 48 bits of SHA256(opener's payment basepoint ‖ accepter's). */
export const obscuringMask = (opener: Uint8Array, accepter: Uint8Array): bigint =>
  toNumber(sha256(concatBytes(opener, accepter)).subarray(26));

/** Locktime and sequence that hide a commitment number. */
export function obscure(number: bigint, mask: bigint): { locktime: number; sequence: number } {
  const hidden = number ^ mask;
  return {
    locktime: 0x20000000 + Number(hidden & 0xffffffn),
    sequence: 0x80000000 + Number(hidden >> 24n),
  };
}
/** The hidden number that a transaction shows; undefined where it is no commitment. */
export function hiddenNumber(locktime: number, sequence: number): bigint | undefined {
  if (locktime >>> 24 !== 0x20 || sequence >>> 24 !== 0x80) return undefined;
  return (BigInt(sequence & 0xffffff) << 24n) | BigInt(locktime & 0xffffff);
}
export const reveal = (hidden: bigint, mask: bigint): bigint => (hidden ^ mask) & FIRST_INDEX;
