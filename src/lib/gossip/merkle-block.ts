/**
 * Paths to a Merkle root, and Core's MerkleBlock of one transaction (BIP37), as `gettxoutproof`
 * prints it.
 *
 * A row of odd length doubles its last hash. Equal siblings anywhere else prove nothing
 * (CVE-2012-2459). Not here: blocks and their trees (`bitcoin/block.ts`), MerkleBlocks of several
 * transactions.
 */
import { doubleHash } from '../bitcoin/block.ts';
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { HEADER_SIZE } from '../bitcoin/header.ts';
import { Writer } from '../bitcoin/writer.ts';

/** Path of a leaf: its siblings from the leaf upwards. */
export interface MerklePath {
  /** Number of leaves in the tree. */
  leaves: number;
  index: number;
  siblings: Uint8Array[];
}

/** Returns the number of rows above the leaves. */
const depthOf = (leaves: number): number => Math.ceil(Math.log2(leaves));
/** Returns whether the node above a leaf, `row` rows up, has a sibling other than itself. */
const hasSibling = ({ leaves, index }: Omit<MerklePath, 'siblings'>, row: number): boolean =>
  (Math.floor(index / 2 ** row) ^ 1) < Math.ceil(leaves / 2 ** row);

/**
 * Returns the root of a leaf and its siblings. Undefined for a wrong number of siblings, an index
 * outside the tree, or equal siblings where no hash is doubled.
 */
export function merklePathRoot(leaf: Uint8Array, path: MerklePath): Uint8Array | undefined {
  const { leaves, index, siblings } = path;
  if (index >= leaves || siblings.length !== depthOf(leaves)) return undefined;
  let hash = leaf;
  for (const [row, sibling] of siblings.entries()) {
    if (hasSibling(path, row) === equalBytes(sibling, hash)) return undefined;
    hash = doubleHash((index >> row) % 2 === 0 ? concatBytes(hash, sibling) : concatBytes(sibling, hash));
  }
  return hash;
}

/**
 * Writes the MerkleBlock of one transaction: bits and hashes of a walk from the root, left first.
 * Bit 1 is a node above the transaction; bit 0 is any other, with its hash.
 */
export function writeMerkleBlock(header: Uint8Array, txid: Uint8Array, path: MerklePath): Uint8Array {
  const bits: number[] = [];
  const hashes: Uint8Array[] = [];
  const walk = (row: number, node: number): void => {
    if (node * 2 ** row >= path.leaves) return;
    const above = path.index >> row === node;
    bits.push(above ? 1 : 0);
    if (!above || row === 0) return void hashes.push(above ? txid : path.siblings[row]!);
    walk(row - 1, 2 * node);
    walk(row - 1, 2 * node + 1);
  };
  walk(path.siblings.length, 0);
  const flags = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => (flags[i >> 3]! |= bit << (i & 7)));
  return new Writer()
    .put(header)
    .u32(path.leaves)
    .compact(hashes.length)
    .put(concatBytes(...hashes))
    .sized(flags)
    .written();
}

export interface MerkleBlock extends MerklePath {
  header: Uint8Array;
  txid: Uint8Array;
}

/** Reads a MerkleBlock. @throws Refusal `malformed-spv` for any not as `writeMerkleBlock` has it */
export function readMerkleBlock(bytes: Uint8Array): MerkleBlock {
  const from = new Cursor(bytes, 'malformed-spv');
  const header = from.take(HEADER_SIZE);
  const leaves = from.little(4);
  const hashes = Array.from({ length: from.count(32) }, () => from.take(32));
  const flags = from.take(from.count(1));
  if (leaves === 0 || leaves > 1_000_000) from.refuse(`MerkleBlock of ${leaves} transactions found`);
  const next = (): Uint8Array => hashes.shift() ?? from.refuse('MerkleBlock: a hash is missing');
  const siblings: Uint8Array[] = [];
  let [bit, index, txid] = [1, 0, header];
  /** Returns the hash of the node `row` rows above the transaction. */
  const below = (row: number): Uint8Array => {
    if (row === 0) return (txid = next());
    const isRight = ((flags[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0;
    bit += isRight ? 2 : 1;
    index = 2 * index + Number(isRight);
    const left = isRight ? next() : undefined;
    const hash = below(row - 1);
    // A doubled hash is not in the message: it is that of the node itself.
    const sibling = left ?? (hasSibling({ leaves, index }, row - 1) ? next() : hash);
    siblings.push(sibling);
    return doubleHash(isRight ? concatBytes(sibling, hash) : concatBytes(hash, sibling));
  };
  below(depthOf(leaves));
  const block = { header, leaves, index, txid, siblings };
  if (!equalBytes(writeMerkleBlock(header, txid, block), bytes))
    from.refuse('MerkleBlock: one transaction expected, and no bits or hashes left over');
  return block;
}
