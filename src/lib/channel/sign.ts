/**
 * Signatures of channel transactions: made, verified and put into witnesses, for every way of
 * spending.
 *
 * ECDSA by RFC 6979 without grinding, as BOLT3's vectors have it; taproot by BIP340. Not here: what
 * both sides sign of the funding output (`funding.ts`), which outputs are spent (`spend.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, equalBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { SIGHASH_ALL, SIGHASH_DEFAULT, Sighashes, type SighashType } from '../bitcoin/sighash.ts';
import { withWitness } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { evenPair, mod, secretScalar, taggedHash, toBytes, toNumber, xBytes } from '../signing/curve.ts';
import { signEcdsa, verifiesEcdsa } from '../signing/ecdsa.ts';
import type { SecondStage } from './commitment.ts';
import { keyOwner, type CommitmentKeys, type KeyName, type ChannelSide } from './keys.ts';
import { wayTaken, channelWitness, type ChannelLock, type ChannelWay } from './scripts.ts';

/** Returns the secret that signs for a way; for the key path it is tweaked with the tree. */
function tweaked(lock: ChannelLock, way: ChannelWay, secret: Uint8Array): Uint8Array {
  if (lock.kind !== 'p2tr' || way.leaf) return secret;
  const [even, point] = evenPair(secretScalar(secret));
  return toBytes(mod(even + toNumber(taggedHash('TapTweak', xBytes(point), lock.merkleRoot!))));
}
const ownType = (lock: ChannelLock): SighashType => (lock.kind === 'p2tr' ? SIGHASH_DEFAULT : SIGHASH_ALL);

/** Returns the hash that input `index` signs for a way, 32 bytes. */
export const wayHash = (
  hashes: Sighashes,
  index: number,
  lock: ChannelLock,
  way: ChannelWay,
  type = ownType(lock),
): Uint8Array => (lock.kind === 'p2tr' ? hashes.v1(index, type, way.leaf?.code) : hashes.v0(index, lock.code!, type));

const withType = (signature: Uint8Array, type: SighashType): Uint8Array =>
  type === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(type));

/** Returns the signature as the witness has it: with its sighash type, unless the default. */
export function signWay(
  hashes: Sighashes,
  index: number,
  lock: ChannelLock,
  way: ChannelWay,
  secret: Uint8Array,
  type: SighashType = ownType(lock),
): Uint8Array {
  const hash = wayHash(hashes, index, lock, way, type);
  if (lock.kind !== 'p2tr') return withType(signEcdsa(hash, secret, false), type);
  return withType(hexToBytes(signHash(hash, tweaked(lock, way, secret))), type);
}

/**
 * Returns whether a signature verifies.
 * @param signature without sighash type
 * @param key 33 bytes; the key path needs none
 */
function isBy(lock: ChannelLock, way: ChannelWay, signature: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean {
  if (lock.kind !== 'p2tr') return verifiesEcdsa(signature, hash, key);
  const xOnly = way.leaf ? bytesToHex(key.subarray(1)) : lock.script.slice(4);
  return signature.length === 64 && verifies(bytesToHex(signature), hash, xOnly);
}

/** Transaction that is verified: its hashes, the keys of its commitment and the holder. */
export interface Checked {
  hashes: Sighashes;
  keys: CommitmentKeys;
  holder: ChannelSide;
  /** Sighash type of the second signature. */
  peerType: SighashType;
  /** Expected SHA256 of the preimage. */
  paymentHash?: Uint8Array | undefined;
}
/**
 * Verifies every signature and preimage in the witness of an input whose output is known.
 * @throws Refusal `signature-invalid`, `sighash-refused`, `wrong-preimage`
 */
export function checkChannelWitness(of: Checked, index: number, lock: ChannelLock, stack: readonly Uint8Array[]): void {
  const invalid = (why: string, blame?: ChannelSide): Refusal =>
    new Refusal('signature-invalid', `the witness of input ${index}: ${why}`, { ...(blame && { blame }) });
  const taken = wayTaken(lock, stack);
  if (!taken) throw invalid('none that its output has');
  const { way, parts } = taken;
  const check = (part: Uint8Array | undefined, name: KeyName | null | undefined, expected: SighashType): void => {
    const key = name ? of.keys[name] : undefined;
    if (!part || (name && !key)) return;
    const isBare = lock.kind === 'p2tr' && part.length === 64;
    const [signature, type] = isBare ? [part, SIGHASH_DEFAULT] : [part.subarray(0, -1), part.at(-1)];
    if (type !== expected)
      throw new Refusal('sighash-refused', `sighash type ${type} found at input ${index}, ${expected} expected`);
    if (!isBy(lock, way, signature, wayHash(of.hashes, index, lock, way, expected), key!))
      throw invalid('a signature does not verify', name ? keyOwner(name, of.holder) : undefined);
  };
  check(parts.sig, way.key, ownType(lock));
  check(parts['peer-sig'], way.peer, of.peerType);
  if (parts.preimage && of.paymentHash && !equalBytes(sha256(parts.preimage), of.paymentHash))
    throw new Refusal('wrong-preimage', `the preimage at input ${index} does not hash to the payment hash`);
}

/** Returns the other side's HTLC signature, without sighash type: DER, or 64 bytes. */
export const signSecondStage = ({ template, spent, way, peerType }: SecondStage, secret: Uint8Array): Uint8Array =>
  signWay(new Sighashes(template), 0, spent, way, secret, peerType).slice(0, -1);
/** Verifies an HTLC signature. @throws Refusal `signature-invalid`, naming output and blame */
export function checkSecondStage(
  { template, spent, way, peerType, vout }: SecondStage,
  signature: Uint8Array,
  { keys, holder }: Pick<Checked, 'keys' | 'holder'>,
): void {
  const hash = wayHash(new Sighashes(template), 0, spent, way, peerType);
  if (!isBy(spent, way, signature, hash, keys.otherHtlc!))
    throw new Refusal('signature-invalid', `the signature of the HTLC transaction of output ${vout} does not verify`, {
      blame: keyOwner('otherHtlc', holder),
    });
}
/** Secrets for a second stage, and `peer`, the other side's verified signature without its type. */
export interface StageGiven {
  peer: Uint8Array;
  secret: Uint8Array;
  preimage?: Uint8Array | undefined;
}
/** Returns the witness of input `index`, which spends an HTLC output by its second stage. */
export const stageWitness = (
  hashes: Sighashes,
  index: number,
  { spent, way, peerType }: Pick<SecondStage, 'spent' | 'way' | 'peerType'>,
  { peer, secret, preimage }: StageGiven,
): Uint8Array[] =>
  channelWitness(spent, way, {
    sig: signWay(hashes, index, spent, way, secret),
    'peer-sig': withType(peer, peerType),
    preimage,
  });
/** Returns the finished HTLC transaction, hex. */
export const finishSecondStage = (stage: SecondStage, given: StageGiven): Hex =>
  withWitness(stage.template, [stageWitness(new Sighashes(stage.template), 0, stage, given)]);
