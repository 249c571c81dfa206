/**
 * The tree under which many documents share one transaction, and the way from a document to a block's Merkle root.
 *
 * A leaf is SHA256(digest ‖ 16 random bytes), so that nobody guesses a short document and neighbours learn nothing. A node
 * is SHA256(left ‖ right); an odd one moves up unchanged. Not here: the format of proofs (`ots.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { blockIn, display, merklePath, merkleRoot, type BareTransaction, type Block } from '../bitcoin/block.ts';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import type { Output } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  addAttestation,
  addBranch,
  bitcoinAttestation,
  emptyTimestamp,
  op,
  OTS_LIMITS,
  type Op,
  type OtsFile,
} from './ots.ts';

const HASH = 32;
export const NONCE_SIZE = 16;

/** A document under the root: its SHA256 digest and the nonce that hides it. */
export interface Leaf {
  digest: Uint8Array;
  nonce: Uint8Array;
}

/** Documents by their places, such as a list of leaves. */
export interface Places<T extends Leaf> {
  readonly length: number;
  at(place: number): T | undefined;
}

const LEAF = HASH + NONCE_SIZE;
const BLOCK = 65_536;
/** Leaves in 48 bytes each, so that a million need no million objects. */
export class Leaves implements Places<Leaf & { name: string | undefined }> {
  readonly #blocks: Uint8Array[] = [];
  readonly #names = new Map<number, string>();
  length = 0;

  add({ digest, nonce }: Leaf, name: string | undefined): void {
    if (this.length % BLOCK === 0) this.#blocks.push(new Uint8Array(BLOCK * LEAF));
    const at = (this.length % BLOCK) * LEAF;
    this.#blocks.at(-1)!.set(digest, at);
    this.#blocks.at(-1)!.set(nonce, at + HASH);
    if (name !== undefined) this.#names.set(this.length, name);
    this.length += 1;
  }
  at(place: number): (Leaf & { name: string | undefined }) | undefined {
    if (place < 0 || place >= this.length) return undefined;
    const start = (place % BLOCK) * LEAF;
    const bytes = this.#blocks[Math.floor(place / BLOCK)]!.subarray(start, start + LEAF);
    return { digest: bytes.subarray(0, HASH), nonce: bytes.subarray(HASH), name: this.#names.get(place) };
  }
}

/** The levels of the tree, leaves first, each level's nodes one behind another. */
export type Tree = readonly Uint8Array[];

/** Makes the tree of at least one leaf. */
export function makeTree(leaves: Places<Leaf>): Tree {
  const pair = new Uint8Array(LEAF);
  const bottom = new Uint8Array(leaves.length * HASH);
  for (let i = 0; i < leaves.length; i++) {
    const { digest, nonce } = leaves.at(i)!;
    pair.set(digest);
    pair.set(nonce, HASH);
    bottom.set(sha256(pair), i * HASH);
  }
  return grow(bottom);
}
export const rootOf = (tree: Tree): Uint8Array => tree.at(-1)!;

/** Grows the levels over leaves; an odd last node moves up. */
function grow(bottom: Uint8Array): Uint8Array[] {
  const levels: Uint8Array[] = [bottom];
  for (let level: Uint8Array = bottom; level.length > HASH;) {
    const count = Math.ceil(level.length / HASH / 2);
    const next = new Uint8Array(count * HASH);
    for (let i = 0; i < count; i++) {
      const nodes = level.subarray(2 * i * HASH, 2 * (i + 1) * HASH);
      next.set(nodes.length === 2 * HASH ? sha256(nodes) : nodes, i * HASH);
    }
    levels.push(next);
    level = next;
  }
  return levels;
}

const SHA = op('sha256');
/** Joins a message with its sibling: a node at an odd place has it on its left. */
const joined = (place: number, sibling: Uint8Array): Op => op(place % 2 === 1 ? 'prepend' : 'append', sibling);

/** Operations from a leaf to the root. */
function branch(levels: Tree, index: number): Op[] {
  return levels.slice(0, -1).flatMap((level, row) => {
    const place = index >> row;
    const sibling = level.subarray((place ^ 1) * HASH, ((place ^ 1) + 1) * HASH);
    return sibling.length > 0 ? [joined(place, sibling), SHA] : [];
  });
}

/** The output that commits to a root: OP_RETURN with its 32 bytes. */
export const commitment = (root: Uint8Array): Output => ({ sat: 0n, script: `6a20${bytesToHex(root)}` });

/** A block that holds the commitment: its transactions' ids, and the one that commits. */
export interface Anchor {
  height: number;
  root: Uint8Array;
  /** Operations from the committed root to the Merkle root of the block. */
  steps: readonly Op[];
  txid: string;
}

/**
 * Finds the transaction of a block that commits to a root, and the way from it to the block's Merkle root.
 * @param transactions of the block, in its order
 * @returns undefined where none commits to it
 * @throws Refusal `stamp-too-large` for a transaction that is longer than a proof can hold
 */
export function anchorIn(
  transactions: readonly BareTransaction[],
  root: Uint8Array,
  height: number,
): Anchor | undefined {
  const { script } = commitment(root);
  const index = transactions.findIndex(({ outputs }) => outputs.some((output) => output.script === script));
  if (index < 0) return undefined;
  const { bytes, txid } = transactions[index]!;
  if (bytes.length > OTS_LIMITS.result.most)
    throw new Refusal(
      'stamp-too-large',
      `a transaction of ${bytes.length} bytes found, ${OTS_LIMITS.result.most} at most expected`,
    );
  const at = (bytesToHex(bytes).indexOf(script) + script.indexOf(bytesToHex(root))) / 2;
  const txids = transactions.map((transaction) => transaction.txid);
  const steps = [
    op('prepend', bytes.subarray(0, at)),
    op('append', bytes.subarray(at + HASH)),
    SHA,
    SHA,
    ...merklePath(txids, index).flatMap((sibling, row) => [joined(index >> row, sibling), SHA, SHA]),
  ];
  return { height, root: merkleRoot(txids), steps, txid: display(txid) };
}

/** Makes the proof of one leaf: its nonce, its way to the root, the transaction, the block. */
export function proofOf(leaf: Leaf, index: number, tree: Tree, anchor: Anchor): OtsFile {
  const steps = [op('append', leaf.nonce), SHA, ...branch(tree, index), ...anchor.steps];
  const timestamp = steps.reduceRight((next, step) => {
    const made = emptyTimestamp();
    addBranch(made, step, next);
    return made;
  }, attestedBy(anchor.height));
  return { hash: 'sha256', digest: leaf.digest, timestamp };
}
function attestedBy(height: number): OtsFile['timestamp'] {
  const made = emptyTimestamp();
  addAttestation(made, bitcoinAttestation(BigInt(height)));
  return made;
}

/** Reads a raw block. @throws Refusal `malformed-block`, `root-differs` where its transactions are not its header's */
export function readBlock(bytes: Uint8Array): Block {
  const block = blockIn(bytes, 'malformed-block');
  if (!equalBytes(merkleRoot(block.transactions.map(({ txid }) => txid)), block.header.subarray(36, 68)))
    throw new Refusal('root-differs', 'the block: its transactions lead to another root than its header has');
  return block;
}
