/**
 * Merkle tree that BOLT12 signs, and ids made of its root.
 *
 * BOLT12, Signature Calculation: each record but signatures is a leaf, paired with a nonce so that
 * a proof can leave it out. A list splits at the largest power of two below its length. Pairs are
 * hashed in the order of their values.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { compareBytes, concatBytes } from '../bitcoin/bytes.ts';
import { taggedHash } from '../signing/curve.ts';
import { writeBigSize } from '../wire/bigsize.ts';
import { writeStream, type TlvRecord } from '../wire/tlv.ts';
import { isSignature } from './fields.ts';
import type { OfferKind } from './string.ts';

export type TlvPair = Pick<TlvRecord, 'type' | 'value'>;

/** Computes H("LnBranch", lesser ‖ greater). */
export function branch(a: Uint8Array, b: Uint8Array): Uint8Array {
  const [lesser, greater] = compareBytes(a, b) < 0 ? [a, b] : [b, a];
  return taggedHash('LnBranch', lesser, greater);
}

/** Computes H("LnLeaf", record). */
export const leafHash = (record: TlvPair): Uint8Array => taggedHash('LnLeaf', writeStream([record]));

/** Returns a function that computes the nonces of a stream: H("LnNonce" ‖ first record, type). */
export function leafNonces(first: TlvPair): (type: bigint) => Uint8Array {
  const tag = sha256(concatBytes(new TextEncoder().encode('LnNonce'), writeStream([first])));
  return (type) => sha256(concatBytes(tag, tag, writeBigSize(type)));
}

/** Returns the index at which a list splits: the largest power of two below its length. */
export const splitAt = (length: number): number => 2 ** Math.ceil(Math.log2(length) - 1);

/** Computes the root over the hashes of one leaf or more. */
function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0]!;
  const at = splitAt(hashes.length);
  return branch(rootOf(hashes.slice(0, at)), rootOf(hashes.slice(at)));
}

const roots = new WeakMap<readonly TlvPair[], Uint8Array>();

/** Computes the root of records, and keeps it with their list; undefined for signatures alone. */
export function offerRoot(records: readonly TlvPair[]): Uint8Array | undefined {
  const known = roots.get(records);
  if (known) return known;
  const signed = records.filter(({ type }) => !isSignature(type));
  if (signed.length === 0) return undefined;
  const nonce = leafNonces(signed[0]!);
  const root = rootOf(signed.map((record) => branch(leafHash(record), nonce(record.type))));
  roots.set(records, root);
  return root;
}

/** Computes the hash that is signed: H("lightning" ‖ message ‖ field, root). */
export const offerDigest = (kind: OfferKind, field: string, root: Uint8Array): Uint8Array =>
  taggedHash(`lightning${kind}${field}`, root);
