/**
 * The tree under which many documents share one transaction, and the way from a document to a block's Merkle root.
 *
 * A leaf is SHA256(digest ‖ 16 random bytes), so that nobody guesses a short document and neighbours learn nothing. A node
 * is SHA256(left ‖ right); an odd one moves up unchanged. Not here: the format of proofs (`ots.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, equalBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { parseTransaction, strippedHex, type Output } from '../bitcoin/transaction.ts';
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

/** The levels of the tree, leaves first, each level's nodes one behind another. */
export type Tree = readonly Uint8Array[];

/** Makes the tree of at least one leaf. */
export function makeTree(leaves: readonly Leaf[]): Tree {
  const pair = new Uint8Array(HASH + NONCE_SIZE);
  const bottom = new Uint8Array(leaves.length * HASH);
  leaves.forEach(({ digest, nonce }, i) => {
    pair.set(digest);
    pair.set(nonce, HASH);
    bottom.set(sha256(pair), i * HASH);
  });
  return grow(bottom, (nodes) => sha256(nodes), 'moves-up');
}
export const rootOf = (tree: Tree): Uint8Array => tree.at(-1)!;

/** Grows a tree over nodes; an odd last node moves up, or is joined with itself as in a block. */
function grow(bottom: Uint8Array, join: (pair: Uint8Array) => Uint8Array, odd: 'moves-up' | 'twice'): Uint8Array[] {
  const levels: Uint8Array[] = [bottom];
  for (let level: Uint8Array = bottom; level.length > HASH;) {
    const count = Math.ceil(level.length / HASH / 2);
    const next = new Uint8Array(count * HASH);
    for (let i = 0; i < count; i++) {
      const nodes = level.subarray(2 * i * HASH, 2 * (i + 1) * HASH);
      if (nodes.length === 2 * HASH) next.set(join(nodes), i * HASH);
      else next.set(odd === 'moves-up' ? nodes : join(concatBytes(nodes, nodes)), i * HASH);
    }
    levels.push(next);
    level = next;
  }
  return levels;
}

const SHA = op('sha256');
/** Operations from a node to the root; after each join the node is hashed so many times. */
function branch(levels: Tree, index: number, hashes: 1 | 2, odd: 'moves-up' | 'twice'): Op[] {
  const steps: Op[] = [];
  let at = index;
  for (const level of levels.slice(0, -1)) {
    const right = at % 2 === 1;
    const sibling = level.subarray((at ^ 1) * HASH, ((at ^ 1) + 1) * HASH);
    const joined =
      sibling.length > 0 ? sibling : odd === 'twice' ? level.subarray(at * HASH, (at + 1) * HASH) : undefined;
    if (joined) steps.push(op(right ? 'prepend' : 'append', joined), ...Array<Op>(hashes).fill(SHA));
    at >>= 1;
  }
  return steps;
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
 * @param transactions raw transactions of the block, in its order
 * @returns undefined where none commits to it
 * @throws Refusal `stamp-too-large` for a transaction that is longer than a proof can hold
 */
export function anchorIn(transactions: readonly string[], root: Uint8Array, height: number): Anchor | undefined {
  const { script } = commitment(root);
  const index = transactions.findIndex((hex) =>
    parseTransaction(hex).outputs.some((o) => bytesToHex(o.script) === script),
  );
  if (index < 0) return undefined;
  const raw = strippedHex(transactions[index]!);
  const at = raw.indexOf(script) + script.indexOf(bytesToHex(root));
  const [before, after] = [raw.slice(0, at), raw.slice(at + 2 * HASH)];
  if (raw.length / 2 > OTS_LIMITS.result.most)
    throw new Refusal(
      'stamp-too-large',
      `a transaction of ${raw.length / 2} bytes found, ${OTS_LIMITS.result.most} at most expected`,
    );
  const ids = transactions.map((hex) => sha256(sha256(hexToBytes(strippedHex(hex)))));
  const levels = grow(concatBytes(...ids), (pair) => sha256(sha256(pair)), 'twice');
  const steps: Op[] = [
    op('prepend', hexToBytes(before)),
    op('append', hexToBytes(after)),
    SHA,
    SHA,
    ...branch(levels, index, 2, 'twice'),
  ];
  return { height, root: rootOf(levels), steps, txid: bytesToHex(ids[index]!.toReversed()) };
}

/** Makes the proof of one leaf: its nonce, its way to the root, the transaction, the block. */
export function proofOf(leaf: Leaf, index: number, tree: Tree, anchor: Anchor): OtsFile {
  const steps = [op('append', leaf.nonce), SHA, ...branch(tree, index, 1, 'moves-up'), ...anchor.steps];
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

/** Cuts a raw block into its header and transactions. @throws Refusal `malformed-block`, `root-differs` */
export function readBlock(bytes: Uint8Array): { header: Uint8Array; transactions: string[] } {
  const from = { bytes, at: 80 };
  const count = compactSize(from);
  const transactions: string[] = [];
  while (transactions.length < count) {
    const start = from.at;
    skipTransaction(from);
    transactions.push(bytesToHex(bytes.subarray(start, from.at)));
  }
  if (from.at !== bytes.length) throw cut(`${bytes.length - from.at} bytes found behind the last transaction`);
  const ids = transactions.map((hex) => sha256(sha256(hexToBytes(strippedHex(hex)))));
  if (ids.length === 0) throw cut('no transaction found');
  const root = rootOf(grow(concatBytes(...ids), (pair) => sha256(sha256(pair)), 'twice'));
  if (!equalBytes(root, bytes.subarray(36, 68)))
    throw new Refusal('root-differs', `the block: its transactions lead to another root than its header has`);
  return { header: bytes.subarray(0, 80), transactions };
}
const cut = (why: string): Refusal => new Refusal('malformed-block', `the block: ${why}`);

interface Cursor {
  bytes: Uint8Array;
  at: number;
}
function skip(from: Cursor, length: number): Uint8Array {
  from.at += length;
  if (from.at > from.bytes.length) throw cut('ends inside a transaction');
  return from.bytes.subarray(from.at - length, from.at);
}
function compactSize(from: Cursor): number {
  const first = skip(from, 1)[0]!;
  const length = first < 0xfd ? 0 : first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
  if (length === 0) return first;
  return skip(from, length).reduceRight((value, byte) => value * 256 + byte, 0);
}
function skipTransaction(from: Cursor): void {
  skip(from, 4);
  const segwit = from.bytes[from.at] === 0 && from.bytes[from.at + 1] === 1;
  if (segwit) skip(from, 2);
  const inputs = compactSize(from);
  for (let i = 0; i < inputs; i++) {
    skip(from, 36);
    skip(from, compactSize(from));
    skip(from, 4);
  }
  for (let left = compactSize(from); left > 0; left--) {
    skip(from, 8);
    skip(from, compactSize(from));
  }
  for (let left = segwit ? inputs : 0; left > 0; left--)
    for (let items = compactSize(from); items > 0; items--) skip(from, compactSize(from));
  skip(from, 4);
}
