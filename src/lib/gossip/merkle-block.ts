/**
 * Paths to a Merkle root, and Core's MerkleBlock of one transaction (BIP37), as `gettxoutproof` prints it.
 *
 * A row of odd length doubles its last hash, which is why equal siblings prove nothing elsewhere (CVE-2012-2459).
 * Not here: blocks and their trees (`bitcoin/block.ts`), MerkleBlocks of several transactions.
 */
import { doubleHash } from '../bitcoin/block.ts';
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { HEADER_SIZE } from '../bitcoin/header.ts';

/** A leaf of a tree, and its siblings from the leaf upwards. */
export interface MerklePath {
  /** Number of leaves. */
  leaves: number;
  index: number;
  siblings: Uint8Array[];
}

/** Number of rows of a tree, without the leaves. */
const depthOf = (leaves: number): number => Math.ceil(Math.log2(leaves));
/** Reports whether the node above a leaf, so many rows up, has a sibling that is not itself. */
const hasSibling = ({ leaves, index }: Omit<MerklePath, 'siblings'>, row: number): boolean =>
  (Math.floor(index / 2 ** row) ^ 1) < Math.ceil(leaves / 2 ** row);

/**
 * Returns the root that a leaf and its siblings lead to.
 * Undefined for another number of siblings than the tree has rows, an index beyond it, or equal siblings where no hash is
 * doubled.
 */
export function rootOf(leaf: Uint8Array, path: MerklePath): Uint8Array | undefined {
  const { leaves, index, siblings } = path;
  if (index >= leaves || siblings.length !== depthOf(leaves)) return undefined;
  let hash = leaf;
  for (const [row, sibling] of siblings.entries()) {
    if (hasSibling(path, row) === equalBytes(sibling, hash)) return undefined;
    hash = doubleHash((index >> row) % 2 === 0 ? concatBytes(hash, sibling) : concatBytes(sibling, hash));
  }
  return hash;
}

const littleEndian = (value: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 0xff);

/**
 * Writes the MerkleBlock of one transaction.
 *
 * Bits and hashes stand in the order of a walk from the root: down to the leaf, where a bit 0 and a hash stand for what lies
 * to the left; then up again, for what lies to the right.
 */
export function writeMerkleBlock(header: Uint8Array, txid: Uint8Array, path: MerklePath): Uint8Array {
  const bits = [1];
  const left: Uint8Array[] = [];
  const right: Uint8Array[] = [];
  path.siblings.forEach((sibling, row) => {
    const isRight = (path.index >> row) % 2 === 0;
    if (!isRight) left.unshift(sibling);
    else if (hasSibling(path, row)) right.push(sibling);
    bits.splice(1, 0, ...(isRight ? [1] : [0, 1]));
  });
  bits.push(...right.map(() => 0));
  const flags = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => (flags[i >> 3]! |= bit << (i & 7)));
  // A tree has fewer rows than a CompactSize of one byte can count.
  const hashes = [...left, txid, ...right];
  return concatBytes(
    header,
    littleEndian(path.leaves, 4),
    littleEndian(hashes.length, 1),
    ...hashes,
    littleEndian(flags.length, 1),
    flags,
  );
}

export interface MerkleBlock extends MerklePath {
  header: Uint8Array;
  txid: Uint8Array;
}

/** Reads a MerkleBlock. @throws Refusal `malformed-spv` for any that this file would not write */
export function readMerkleBlock(bytes: Uint8Array): MerkleBlock {
  const from = new Cursor(bytes, 'malformed-spv');
  const header = from.take(HEADER_SIZE);
  const leaves = from.little(4);
  const hashes = Array.from({ length: from.count(32) }, () => from.take(32));
  const flags = from.take(from.count(1));
  if (leaves === 0 || leaves > 1_000_000) from.refuse(`MerkleBlock of ${leaves} transactions found`);
  const isSet = (bit: number): boolean => ((flags[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  let [bit, index] = [1, 0];
  const left = new Set<number>();
  for (let row = depthOf(leaves) - 1; row >= 0; row--, bit++) {
    const hasLeft = !isSet(bit);
    if (hasLeft) {
      left.add(row);
      bit += 1;
    }
    index = 2 * index + Number(hasLeft);
  }
  const own = hashes.splice(0, left.size).reverse();
  const txid = hashes.shift() ?? from.refuse('MerkleBlock: a hash is missing');
  // A doubled hash is not in the message: it is that of the node itself.
  let node = txid;
  const siblings = Array.from({ length: depthOf(leaves) }, (_, row) => {
    const isLeft = left.has(row);
    const sibling = (isLeft ? own : hasSibling({ leaves, index }, row) ? hashes : [node]).shift();
    const found = sibling ?? from.refuse('MerkleBlock: a hash is missing');
    node = doubleHash(isLeft ? concatBytes(found, node) : concatBytes(node, found));
    return found;
  });
  const block = { header, leaves, index, txid, siblings };
  if (!equalBytes(writeMerkleBlock(header, txid, block), bytes))
    from.refuse('MerkleBlock: one transaction expected, and no bits or hashes left over');
  return block;
}
