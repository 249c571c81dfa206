/**
 * The taproot output of an HTLC: two leaves, claim and refund, under an internal key that nobody
 * has, or that both have together (MuSig2), for a spend that shows no HTLC.
 *
 * BIP341, BIP342 (leaf version 0xc0), BIP327. Not here: the leaves (`scripts.ts`), signing together
 * (`cooperate.ts`).
 */
import { tapLeafHash } from '@scure/btc-signer/payment.js';
import { taprootTweakPubkey } from '@scure/btc-signer/utils.js';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Hex } from '../protocol/action.ts';
import { taggedHash } from '../signing/curve.ts';
import { keySet, type KeySet } from '../signing/keyset.ts';
import type { PathName } from './scripts.ts';

/** BIP341's point without a known discrete logarithm, x-only. */
export const NUMS = '50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0';
export const LEAF_VERSION = 0xc0;

/** Keys of the internal key, in order; null for one without a known secret. */
export type Internal = readonly [Hex, Hex] | null;

export interface Tree {
  /** x-only. */
  internalKey: Hex;
  merkleRoot: Uint8Array;
  /** The output script. */
  script: Hex;
  control: Record<PathName, Uint8Array>;
}

/** Aggregate and tweak of a cooperative internal key, as signing needs them. */
export const cooperativeKeys = (participants: readonly [Hex, Hex], merkleRoot: Uint8Array): KeySet =>
  keySet(participants, merkleRoot === undefined ? {} : { merkleRoot });

/** Returns the output of one or two leaves, with the control block of each. */
export function scriptTree(internalKey: Hex, leaves: readonly Uint8Array[]) {
  const hashes = leaves.map((leaf) => tapLeafHash(leaf));
  const merkleRoot = hashes.length === 1 ? hashes[0]! : taggedHash('TapBranch', ...[...hashes].sort(Buffer.compare));
  const [output, parity] = taprootTweakPubkey(hexToBytes(internalKey), merkleRoot);
  const begin = concatBytes(Uint8Array.of(LEAF_VERSION | parity), hexToBytes(internalKey));
  const control = leaves.map((_, i) => concatBytes(begin, ...hashes.filter((__, other) => other !== i)));
  return { internalKey, merkleRoot, script: `5120${bytesToHex(output)}`, control };
}

/** Returns the output of two leaves. @throws InvalidContribution for keys off the curve */
export function treeOf(leaves: Record<PathName, Uint8Array>, internal: Internal): Tree {
  const internalKey = internal ? keySet(internal).internalKey.slice(2) : NUMS;
  const { control, ...tree } = scriptTree(internalKey, [leaves.claim, leaves.refund]);
  return { ...tree, control: { claim: control[0]!, refund: control[1]! } };
}
