/**
 * Keys that share one taproot output: `tr(musig(A,B))`, with the BIP86-style tweak or over a script tree.
 *
 * Spec: BIP327, BIP341 (the tweak), BIP390 (order of the keys), BIP373 (how PSBTs name them).
 * A set is aggregated once and kept: a contract signs many times with the same keys.
 */
import type { MusigKey } from '../bitcoin/psbt.ts';
import { bytesToHex, concatBytes, hexToBytes, pointBytes, taggedHash } from './curve.ts';
import { applyTweak, keyAgg, keySort, type KeyAgg } from './musig2.ts';

export interface KeySet extends MusigKey {
  /** Aggregate and tweak, as signing needs them. */
  readonly agg: KeyAgg;
  /** The output script, hex. */
  readonly script: string;
  /** Key list, tweaks and modes as bytes: what a deterministic nonce must commit to. */
  readonly commitment: Uint8Array;
}

const KEPT = 256;
const kept = new Map<string, KeySet>();

/** The set of these keys (33 bytes, hex), in BIP390's order. @throws InvalidContribution for a key that is no point */
export const sortedKeySet = (pubkeys: readonly string[]): KeySet =>
  keySet(keySort(pubkeys.map(hexToBytes)).map(bytesToHex));

/** The set of these keys in the given order; `merkleRoot` (32 bytes) commits to a script tree. */
export function keySet(participants: readonly string[], merkleRoot: Uint8Array = new Uint8Array()): KeySet {
  const name = [...participants, bytesToHex(merkleRoot)].join();
  const known = kept.get(name);
  if (known) return known;
  const plain = keyAgg(participants.map(hexToBytes));
  const tweak = taggedHash('TapTweak', plain.xQ, merkleRoot);
  const agg = applyTweak(plain, { tweak, xOnly: true });
  const made: KeySet = {
    participants,
    internalKey: bytesToHex(pointBytes(plain.Q)),
    outputKey: bytesToHex(pointBytes(agg.Q)),
    agg,
    script: `5120${bytesToHex(agg.xQ)}`,
    commitment: concatBytes(
      Uint8Array.of(participants.length),
      ...participants.map(hexToBytes),
      Uint8Array.of(1),
      tweak,
      Uint8Array.of(1),
    ),
  };
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value!);
  kept.set(name, made);
  return made;
}
