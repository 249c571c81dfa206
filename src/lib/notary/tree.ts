/**
 * Merkle tree by which many documents share one transaction, and the way to the block's Merkle
 * root.
 *
 * A leaf is SHA256(digest ‖ 16 random bytes), so that short documents cannot be guessed and
 * neighbours learn nothing. A node is SHA256(left ‖ right); an odd one moves up unchanged. Not
 * here: the format of proofs (`ots.ts`).
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { blockIn, displayHash, merklePath, merkleRoot, type BlockTransaction, type Block } from '../bitcoin/block.ts';
import { bytesToHex, concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { unsignedHex, type Output, type Template } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { attestationBytes, bitcoinAttestation, headOf, op, opBytes, OTS_LIMITS, type OtsOp } from './ots.ts';

const HASH = 32;
export const NONCE_SIZE = 16;

/** Document under the root: its SHA256 digest and the nonce that hides it. */
export interface DocumentLeaf {
  digest: Uint8Array;
  nonce: Uint8Array;
}

/** Documents by index. */
interface Places<T extends DocumentLeaf> {
  readonly length: number;
  at(place: number): T | undefined;
}

const BLOCK = 65_536;
/** Documents in typed arrays, because a million objects would cost too much. */
export class Leaves implements Places<DocumentLeaf & { name: string | undefined }> {
  readonly #digests: Uint8Array[] = [];
  readonly #nonces: Uint8Array[] = [];
  readonly #names = new Map<number, string>();
  #drawn: { block: number; nonces: Uint8Array } | undefined;
  #key = new Uint8Array(32);
  length = 0;

  /** Adds a document. @param nonce given with all or none; without, `hide` draws them from a key */
  add({ digest, nonce }: Pick<DocumentLeaf, 'digest'> & Partial<DocumentLeaf>, name: string | undefined): void {
    put(this.#digests, this.length, digest);
    if (nonce) put(this.#nonces, this.length, nonce);
    if (name !== undefined) this.#names.set(this.length, name);
    this.length += 1;
  }
  /** Draws the nonces of all documents from a secret key; the same key gives the same nonces. */
  hide(key: Uint8Array): void {
    this.#key.set(key);
  }
  at(place: number): (DocumentLeaf & { name: string | undefined }) | undefined {
    if (place < 0 || place >= this.length) return undefined;
    const block = Math.floor(place / BLOCK);
    return {
      digest: part(this.#digests[block]!, place % BLOCK, HASH),
      nonce: part(this.#nonces[block] ?? this.#drawnIn(block), place % BLOCK, NONCE_SIZE),
      name: this.#names.get(place),
    };
  }
  /** Keeps only the last block of nonces: drawing one again costs less than keeping all. */
  #drawnIn(block: number): Uint8Array {
    const nonces = this.#drawn?.nonces ?? new Uint8Array(BLOCK * NONCE_SIZE);
    if (this.#drawn?.block !== block) {
      chacha20(this.#key, NO_NONCE, NOUGHT, nonces, (block * nonces.length) / CIPHER_BLOCK);
      this.#drawn = { block, nonces };
    }
    return nonces;
  }
}
const NO_NONCE = new Uint8Array(12);
const NOUGHT = new Uint8Array(BLOCK * NONCE_SIZE);
const CIPHER_BLOCK = 64;
const part = (bytes: Uint8Array, i: number, size: number): Uint8Array => bytes.subarray(i * size, (i + 1) * size);
function put(blocks: Uint8Array[], place: number, bytes: Uint8Array): void {
  if (place % BLOCK === 0) blocks.push(new Uint8Array(BLOCK * bytes.length));
  blocks.at(-1)!.set(bytes, (place % BLOCK) * bytes.length);
}

/** Returns the root over at least one leaf, in memory that does not grow with their number. */
export function rootOver(leaves: Places<DocumentLeaf>): Uint8Array {
  /** Complete subtrees, largest first. */
  const full: { size: number; hash: Uint8Array }[] = [];
  for (let i = 0; i < leaves.length; i++) {
    let [size, hash] = [1, leafHash(leaves.at(i)!)];
    for (; full.at(-1)?.size === size; size *= 2) hash = parent(full.pop()!.hash, hash);
    full.push({ size, hash });
  }
  return full.map(({ hash }) => hash).reduceRight((right, left) => parent(left, right));
}
/** Hashes two parts with a reused state; `sha256` would allocate a gigabyte for a million. */
const parent = (left: Uint8Array, right: Uint8Array): Uint8Array => {
  const hash = new Uint8Array(HASH);
  EMPTY._cloneInto(STATE).update(left).update(right).digestInto(hash);
  return hash;
};
const [EMPTY, STATE] = [sha256.create(), sha256.create()];
const leafHash = ({ digest, nonce }: DocumentLeaf): Uint8Array => parent(digest, nonce);

/** Tree over leaves: one array for each row above them; the leaves' own hashes are not kept. */
export interface StampTree {
  leaves: Places<DocumentLeaf>;
  rows: readonly Uint8Array[];
}

/** Makes the tree of at least one leaf; an odd last node moves up. */
export function makeTree(leaves: Places<DocumentLeaf>): StampTree {
  const rows: Uint8Array[] = [];
  let nodeAt = (i: number): Uint8Array => leafHash(leaves.at(i)!);
  for (let count = leaves.length; count > 1 || rows.length === 0; count = Math.ceil(count / 2)) {
    const row = new Uint8Array(Math.ceil(count / 2) * HASH);
    for (let i = 0; i < count; i += 2)
      row.set(i + 1 < count ? parent(nodeAt(i), nodeAt(i + 1)) : nodeAt(i), (i / 2) * HASH);
    rows.push(row);
    nodeAt = (i) => part(row, i, HASH);
  }
  return { leaves, rows };
}
export const treeRoot = ({ rows }: StampTree): Uint8Array => rows.at(-1)!;

/** Sibling on the way up, and its side. */
export interface Sibling {
  isLeft: boolean;
  hash: Uint8Array;
}

/** Returns the siblings from a leaf to the root. */
export function siblingsOf({ leaves, rows }: StampTree, index: number): Sibling[] {
  const found: Sibling[] = [];
  for (let row = 0, count = leaves.length; row < rows.length; row++, count = Math.ceil(count / 2)) {
    const at = (index >> row) ^ 1;
    if (at < count)
      found.push({ isLeft: at % 2 === 0, hash: row === 0 ? leafHash(leaves.at(at)!) : part(rows[row - 1]!, at, HASH) });
  }
  return found;
}

const SHA = op('sha256');
const joined = ({ isLeft, hash }: Sibling): OtsOp => op(isLeft ? 'prepend' : 'append', hash);

/** Returns the output that commits to a root: OP_RETURN with its 32 bytes. */
export const commitment = (root: Uint8Array): Output => ({ sat: 0n, script: `6a20${bytesToHex(root)}` });

/** Transaction in a block that has the commitment. */
export interface Anchor {
  height: number;
  /** Merkle root of the block. */
  root: Uint8Array;
  /** Transaction without its witness. */
  bytes: Uint8Array;
  txid: string;
  /** Siblings from the transaction to the Merkle root. */
  branch: readonly Sibling[];
}

/**
 * Finds the transaction of a block that has an output with this script.
 * @param transactions all transactions of the block, in order
 * @returns undefined if none has it
 */
export function anchorIn(
  transactions: readonly BlockTransaction[],
  script: string,
  height: number,
): Anchor | undefined {
  const index = transactions.findIndex(({ outputs }) => outputs.some((output) => output.script === script));
  if (index < 0) return undefined;
  const { bytes, txid } = transactions[index]!;
  const txids = transactions.map((transaction) => transaction.txid);
  const branch = merklePath(txids, index).map((hash, row) => ({ isLeft: (index >> row) % 2 === 1, hash }));
  return { height, root: merkleRoot(txids), bytes, txid: displayHash(txid), branch };
}

/** Checks that a proof can hold a transaction. @throws Refusal `stamp-too-large` */
export const checkFits = (template: Template): void => checkLength(unsignedHex(template).length / 2);
function checkLength(bytes: number): void {
  const { most } = OTS_LIMITS.result;
  if (bytes > most)
    throw new Refusal('stamp-too-large', `a transaction of ${bytes} bytes found, ${most} at most expected`, {
      hint: 'pay from fewer coins',
    });
}

/**
 * Returns a function that writes the proof file of a leaf, by index.
 * @throws Refusal `stamp-too-large` for a transaction that is longer than a proof can hold
 */
export function proofWriter(tree: StampTree, { bytes, branch, height }: Anchor): (index: number) => Uint8Array {
  checkLength(bytes.length);
  const at = Buffer.from(bytes).indexOf(treeRoot(tree));
  const end = [
    op('prepend', bytes.subarray(0, at)),
    op('append', bytes.subarray(at + HASH)),
    SHA,
    SHA,
    ...branch.flatMap((sibling) => [joined(sibling), SHA, SHA]),
  ].map(opBytes);
  const tail = concatBytes(...end, attestationBytes(bitcoinAttestation(BigInt(height))));
  const head = headOf('sha256');
  const sha = opBytes(SHA);
  const own = head.length + HASH + HIDE.length + NONCE_SIZE + sha.length;
  const step = BEFORE.length + HASH + sha.length;
  return (index) => {
    const { digest, nonce } = tree.leaves.at(index)!;
    const siblings = siblingsOf(tree, index);
    const made = new Uint8Array(own + siblings.length * step + tail.length);
    let end = 0;
    const put = (bytes: Uint8Array): void => {
      made.set(bytes, end);
      end += bytes.length;
    };
    [head, digest, HIDE, nonce, sha].forEach(put);
    for (const { isLeft, hash } of siblings) {
      put(isLeft ? BEFORE : AFTER);
      put(hash);
      put(sha);
    }
    put(tail);
    return made;
  };
}
/** Operations without their argument. */
const without = (word: 'append' | 'prepend', size: number): Uint8Array =>
  opBytes(op(word, new Uint8Array(size))).subarray(0, -size);
const [BEFORE, AFTER, HIDE] = [without('prepend', HASH), without('append', HASH), without('append', NONCE_SIZE)];

/** Reads a raw block. @throws Refusal `malformed-block`, `root-differs` for a wrong Merkle root */
export function readBlock(bytes: Uint8Array): Block {
  const block = blockIn(bytes, 'malformed-block');
  if (!equalBytes(merkleRoot(block.transactions.map(({ txid }) => txid)), block.header.subarray(36, 68)))
    throw new Refusal('root-differs', 'the block: its transactions lead to another root than its header has');
  return block;
}
