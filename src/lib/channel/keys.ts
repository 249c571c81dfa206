/**
 * Keys of one commitment: basepoints of both sides bound to its per-commitment point, and their
 * secrets.
 *
 * BOLT3, Key Derivation; the obscured commitment number (Commitment Transaction). `holder` is the
 * side that broadcasts the commitment; the other side punishes it if it was revoked.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import {
  linear,
  mod,
  needPoint,
  pointBytes,
  publicBytes,
  publicSum,
  secretScalar,
  toBytes,
  toNumber,
} from '../signing/curve.ts';
import { FORMAT, type FormatName } from './format.ts';
import { FIRST_INDEX } from './secrets.ts';

/** Basepoints that a side gives for a channel. */
export const BASES = ['funding', 'revocation', 'payment', 'delayed', 'htlc'] as const;
export type Base = (typeof BASES)[number];
/** Basepoints that are known: compressed, 33 bytes. */
export type Basepoints = { readonly [K in Base]?: Uint8Array };
/** Secrets of basepoints, 32 bytes. */
export type BaseSecrets = { readonly [K in Base]?: Uint8Array };

export const SIDES = ['local', 'remote'] as const;
export type ChannelSide = (typeof SIDES)[number];
export const otherSide = (side: ChannelSide): ChannelSide => (side === 'local' ? 'remote' : 'local');

/** Origin of each key in a commitment's scripts: side, basepoint, whether the point binds it. */
const ORIGIN = {
  delayed: ['holder', 'delayed', true],
  revocation: ['other', 'revocation', true],
  holderHtlc: ['holder', 'htlc', true],
  otherHtlc: ['other', 'htlc', true],
  /** Bound in the `legacy` format alone. */
  otherPayment: ['other', 'payment', true],
  holderFunding: ['holder', 'funding', false],
  otherFunding: ['other', 'funding', false],
} as const satisfies Readonly<Record<string, readonly [of: 'holder' | 'other', base: Base, bound: boolean]>>;
export type KeyName = keyof typeof ORIGIN;
export type CommitmentKeys = { readonly [K in KeyName]?: Uint8Array };
export type CommitmentSecrets = CommitmentKeys;
const KEY_NAMES = Object.keys(ORIGIN) as KeyName[];
/** Returns the side of a channel that has the secret of a key, in a commitment of `holder`. */
export const keyOwner = (name: KeyName, holder: ChannelSide): ChannelSide =>
  ORIGIN[name][0] === 'holder' ? holder : otherSide(holder);

const numberOf = (...parts: readonly Uint8Array[]): bigint => mod(toNumber(sha256(concatBytes(...parts))));

/** Returns basepoint + SHA256(point ‖ basepoint)·G, 33 bytes. @throws Refusal `wrong-key` */
export const deriveKey = (basepoint: Uint8Array, point: Uint8Array): Uint8Array =>
  pointBytes(linear(needPoint(basepoint, 'basepoint'), 1n, numberOf(point, basepoint)));
/** Returns the secret of `deriveKey`, 32 bytes. */
export const deriveSecret = (base: Uint8Array, point: Uint8Array): Uint8Array =>
  toBytes(mod(secretScalar(base) + numberOf(point, publicBytes(secretScalar(base)))));

/** Returns the revocation key of a basepoint and the holder's point. @throws Refusal `wrong-key` */
export const revocationKey = (basepoint: Uint8Array, point: Uint8Array): Uint8Array =>
  pointBytes(
    publicSum(
      [needPoint(basepoint, 'revocation basepoint'), needPoint(point, 'per-commitment point')],
      [numberOf(basepoint, point), numberOf(point, basepoint)],
    ),
  );
/** Returns the secret of `revocationKey`, from both secrets, 32 bytes. */
export function revocationSecret(base: Uint8Array, commitmentSecret: Uint8Array): Uint8Array {
  const [basepoint, point] = [publicBytes(secretScalar(base)), publicBytes(secretScalar(commitmentSecret))];
  return toBytes(
    mod(secretScalar(base) * numberOf(basepoint, point) + secretScalar(commitmentSecret) * numberOf(point, basepoint)),
  );
}

/** Returns an object of `make(name)` for each name, without those that are undefined. */
export function known<N extends string, T>(names: readonly N[], make: (name: N) => T | undefined): { [K in N]?: T } {
  const made: { [K in N]?: T } = {};
  for (const name of names) {
    const value = make(name);
    if (value !== undefined) made[name] = value;
  }
  return made;
}
/** Returns an object of byte strings in hex. */
export const hexMap = <N extends string>(
  bytes: { readonly [K in N]?: Uint8Array },
  nameOf: (name: N) => string = (name) => name,
): object =>
  Object.fromEntries(
    (Object.entries(bytes) as [N, Uint8Array][]).map(([name, one]) => [nameOf(name), bytesToHex(one)]),
  );
/** Gathers keys or secrets of a format. `bound` says whether the per-commitment point binds it. */
const gather = (
  format: FormatName,
  make: (name: KeyName, base: Base, bound: boolean) => Uint8Array | undefined,
): CommitmentKeys =>
  known(KEY_NAMES, (name) => {
    const [, base, bound] = ORIGIN[name];
    return make(name, base, bound && !(name === 'otherPayment' && FORMAT[format].staticRemote));
  });
/** Basepoints of both sides. */
export type ChannelPoints = { format: FormatName } & Readonly<Record<ChannelSide, { points: Basepoints }>>;

/** Returns the known keys; `point` is the holder's for this number. @throws Refusal `wrong-key` */
export const commitmentKeys = (
  channel: ChannelPoints,
  holder: ChannelSide,
  point: Uint8Array | undefined,
): CommitmentKeys =>
  gather(channel.format, (name, base, bound) => {
    const basepoint = channel[keyOwner(name, holder)].points[base];
    if (!bound) return basepoint;
    return basepoint && point && (name === 'revocation' ? revocationKey : deriveKey)(basepoint, point);
  });

/** Owner of secrets, and the commitment: its holder, point and, if it was revoked, its secret. */
export interface Standpoint {
  owner: ChannelSide;
  holder: ChannelSide;
  point: Uint8Array | undefined;
  revoked?: Uint8Array | undefined;
}
/** Returns the known secrets behind the keys of a commitment, 32 bytes each. */
export const commitmentSecrets = (format: FormatName, secrets: BaseSecrets, from: Standpoint): CommitmentSecrets =>
  gather(format, (name, base, bound) => {
    const secret = keyOwner(name, from.holder) === from.owner ? secrets[base] : undefined;
    if (!bound || !secret) return secret;
    if (name === 'revocation') return from.revoked && revocationSecret(secret, from.revoked);
    return from.point && deriveSecret(secret, from.point);
  });

/** Mask of commitment numbers: lower 48 bits of SHA256(opener's payment basepoint ‖ accepter's). */
export const obscuringMask = (opener: Uint8Array, accepter: Uint8Array): bigint =>
  toNumber(sha256(concatBytes(opener, accepter)).subarray(26));

/** Returns the locktime and sequence that hide a commitment number. */
export function obscure(number: bigint, mask: bigint): { locktime: number; sequence: number } {
  const hidden = number ^ mask;
  return {
    locktime: 0x20000000 + Number(hidden & 0xffffffn),
    sequence: 0x80000000 + Number(hidden >> 24n),
  };
}
/** Returns the hidden number that a transaction shows; undefined if it is no commitment. */
export function hiddenNumber(locktime: number, sequence: number): bigint | undefined {
  if (locktime >>> 24 !== 0x20 || sequence >>> 24 !== 0x80) return undefined;
  return (BigInt(sequence & 0xffffff) << 24n) | BigInt(locktime & 0xffffff);
}
export const reveal = (hidden: bigint, mask: bigint): bigint => (hidden ^ mask) & FIRST_INDEX;
