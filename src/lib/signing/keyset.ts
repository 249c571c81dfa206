/**
 * Keys that share one taproot output: `tr(musig(A,B))` with the BIP86-style tweak or over a script
 * tree. A plain tweak (an offset) before it lets other keys come to the same output. Spec: BIP327,
 * BIP341 (the tweak), BIP390 (order of the keys), BIP373 (how PSBTs name them). A set is aggregated
 * once and stored: a contract signs many times with the same keys.
 */
import type { MusigKey } from '../bitcoin/psbt.ts';
import { xOnlyKey } from './bip340.ts';
import {
  bytesToHex,
  concatBytes,
  evenSecret,
  hexToBytes,
  mod,
  pointBytes,
  secretScalar,
  taggedHash,
  toBytes,
} from './curve.ts';
import { applyTweak, keyAgg, keySort, type KeyAgg, type Tweak } from './musig2.ts';

/** Aggregate key of several signers, tweaked to an output (BIP327, BIP86). */
export interface KeySet extends MusigKey {
  /** Aggregate and tweaks that signing needs. */
  readonly agg: KeyAgg;
  /** Output script, hex. */
  readonly script: string;
  /** Key list, tweaks and modes as bytes; a deterministic nonce must commit to them. */
  readonly commitment: Uint8Array;
}

const CACHED_KEY_SETS = 256;
const keySetCache = new Map<string, KeySet>();

/** Returns the set of these keys (33 bytes, hex) in BIP390's order. @throws InvalidContribution */
export const sortedKeySet = (pubkeys: readonly string[]): KeySet =>
  keySet(keySort(pubkeys.map(hexToBytes)).map(bytesToHex));

/**
 * Returns the secret that spends a one-key output by its key path.
 * @param tree Merkle root of its script tree; empty for BIP86
 * @throws Error if the secret is out of range
 */
export function keyPathSecret(secret: Uint8Array, tree: Uint8Array = new Uint8Array()): Uint8Array {
  const tweak = taggedHash('TapTweak', hexToBytes(xOnlyKey(secret)), tree);
  return toBytes(mod(secretScalar(evenSecret(secret)) + secretScalar(tweak)));
}

/** Returns the script of a one-key output, hex. */
export const keyPathScript = (secret: Uint8Array, tree?: Uint8Array): string =>
  `5120${xOnlyKey(keyPathSecret(secret, tree))}`;

/**
 * Parts of the output besides its keys. `offset` (32 bytes below the order, hex) is added to the
 * aggregate; `merkleRoot` commits to a script tree.
 */
export interface KeySetParts {
  offset?: string | undefined;
  merkleRoot?: Uint8Array;
}

/**
 * Returns the set of these keys in the given order.
 * @throws InvalidContribution for a key that is no point, Error for an offset out of range or a sum
 * at infinity
 */
export function keySet(participants: readonly string[], { offset, merkleRoot }: KeySetParts = {}): KeySet {
  const root = merkleRoot ?? new Uint8Array();
  const name = [...participants, offset ?? '', bytesToHex(root)].join();
  const known = keySetCache.get(name);
  if (known) return known;
  const aggregate = keyAgg(participants.map(hexToBytes));
  const offsets: Tweak[] = offset === undefined ? [] : [{ tweak: hexToBytes(offset), xOnly: false }];
  const plain = offsets.reduce(applyTweak, aggregate);
  const taproot: Tweak = { tweak: taggedHash('TapTweak', plain.xQ, root), xOnly: true };
  const tweaks = [...offsets, taproot];
  const agg = applyTweak(plain, taproot);
  const made: KeySet = {
    participants,
    aggregateKey: bytesToHex(pointBytes(aggregate.Q)),
    internalKey: bytesToHex(pointBytes(plain.Q)),
    outputKey: bytesToHex(pointBytes(agg.Q)),
    agg,
    script: `5120${bytesToHex(agg.xQ)}`,
    commitment: concatBytes(
      Uint8Array.of(participants.length),
      ...participants.map(hexToBytes),
      Uint8Array.of(tweaks.length),
      ...tweaks.flatMap(({ tweak, xOnly }) => [tweak, Uint8Array.of(Number(xOnly))]),
    ),
  };
  if (keySetCache.size >= CACHED_KEY_SETS) keySetCache.delete(keySetCache.keys().next().value!);
  keySetCache.set(name, made);
  return made;
}
