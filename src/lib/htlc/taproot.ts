/**
 * The taproot output of an HTLC: two leaves, claim and refund, under an internal key that nobody has, or that both have
 * together (MuSig2), for a spend that shows no HTLC.
 *
 * BIP341, BIP342 (leaf version 0xc0), BIP327. Not here: the leaves (`scripts.ts`), signing together (`cooperate.ts`).
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

/** The keys of the internal key in the order of aggregation; null: nobody's. */
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

/** The output of two leaves. @throws InvalidContribution for participants that are no points */
export function treeOf(leaves: Record<PathName, Uint8Array>, internal: Internal): Tree {
  const hashes = { claim: tapLeafHash(leaves.claim), refund: tapLeafHash(leaves.refund) };
  const merkleRoot = branch(hashes.claim, hashes.refund);
  const internalKey = internal ? cooperativeKeys(internal, merkleRoot).internalKey.slice(2) : NUMS;
  const [output, parity] = taprootTweakPubkey(hexToBytes(internalKey), merkleRoot);
  const control = (sibling: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(LEAF_VERSION | parity), hexToBytes(internalKey), sibling);
  return {
    internalKey,
    merkleRoot,
    script: `5120${bytesToHex(output)}`,
    control: { claim: control(hashes.refund), refund: control(hashes.claim) },
  };
}

const branch = (a: Uint8Array, b: Uint8Array): Uint8Array =>
  taggedHash('TapBranch', ...[a, b].sort((x, y) => Buffer.compare(x, y)));
