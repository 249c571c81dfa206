/**
 * Headers, paths to a Merkle root, and Core's MerkleBlock (BIP37), as `gettxoutproof` prints it.
 *
 * A row of odd length doubles its last hash, which is why equal siblings prove nothing elsewhere (CVE-2012-2459).
 * Not here: blocks and their trees (`bitcoin/block.ts`).
 */
import {
  blockIn,
  display,
  doubleHash,
  Little,
  transactionIn,
  type BareTransaction,
  type Block,
} from '../bitcoin/block.ts';
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Reads a whole transaction, with or without witness. @throws Refusal `malformed-spv` */
export const readTransaction = (bytes: Uint8Array): BareTransaction => transactionIn(bytes, 'malformed-spv');
/** Cuts a whole block into header and transactions. @throws Refusal `malformed-spv` */
export const readBlock = (bytes: Uint8Array): Block => blockIn(bytes, 'malformed-spv');

export interface Header {
  hash: Uint8Array;
  root: Uint8Array;
  time: number;
  /** Is the hash at or below the target that the header states? */
  worked: boolean;
}

/** @throws Refusal `malformed-spv` for another length than 80 */
export function readHeader(bytes: Uint8Array): Header {
  if (bytes.length !== 80) throw new Refusal('malformed-spv', `header: ${bytes.length} bytes found, 80 expected`);
  const from = new Little(bytes, 'malformed-spv');
  from.take(36);
  const root = from.take(32);
  const time = from.number(4);
  const bits = from.number(4);
  const hash = doubleHash(bytes);
  const [exponent, mantissa] = [bits >>> 24, BigInt(bits & 0x7fffff)];
  const target = exponent <= 3 ? mantissa >> BigInt(8 * (3 - exponent)) : mantissa << BigInt(8 * (exponent - 3));
  const worked = (bits & 0x800000) === 0 && target < 1n << 256n && numberOf(hash) <= target;
  return { hash, root, time, worked };
}
const numberOf = (hash: Uint8Array): bigint => BigInt(`0x${display(hash)}`);
/** Rows of a tree over so many leaves, without the leaves. */
const depthOf = (leaves: number): number => Math.ceil(Math.log2(leaves));

/**
 * The root that a leaf and its siblings lead to.
 * @returns undefined for another number of siblings than the tree has rows, an index beyond it, or siblings that are equal
 *   where no hash is doubled
 */
export function rootOf(
  leaf: Uint8Array,
  index: number,
  siblings: readonly Uint8Array[],
  leaves: number,
): Uint8Array | undefined {
  if (index >= leaves || siblings.length !== depthOf(leaves)) return undefined;
  let [hash, at, width] = [leaf, index, leaves];
  for (const sibling of siblings) {
    const doubled = (at ^ 1) >= width;
    if (doubled !== equalBytes(sibling, hash)) return undefined;
    hash = doubleHash(at % 2 === 0 ? concatBytes(hash, sibling) : concatBytes(sibling, hash));
    at >>= 1;
    width = Math.ceil(width / 2);
  }
  return hash;
}

const littleEndian = (value: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 0xff);
const compactSize = (value: number): Uint8Array =>
  value < 0xfd ? Uint8Array.of(value) : concatBytes(Uint8Array.of(0xfd), littleEndian(value, 2));

/** Core's MerkleBlock of one transaction, from its path. */
export function writeMerkleBlock(
  header: Uint8Array,
  leaves: number,
  index: number,
  txid: Uint8Array,
  siblings: readonly Uint8Array[],
): Uint8Array {
  const hashes: Uint8Array[] = [];
  const flags: number[] = [];
  const visit = (height: number): void => {
    flags.push(1);
    if (height === 0) return void hashes.push(txid);
    const place = index >> (height - 1);
    const width = Math.ceil(leaves / 2 ** (height - 1));
    const sibling = siblings[height - 1]!;
    if (place % 2 === 0) {
      visit(height - 1);
      if (place + 1 === width) return;
      flags.push(0);
      hashes.push(sibling);
    } else {
      flags.push(0);
      hashes.push(sibling);
      visit(height - 1);
    }
  };
  visit(depthOf(leaves));
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => (bytes[i >> 3]! |= flag << (i & 7)));
  return concatBytes(
    header,
    littleEndian(leaves, 4),
    compactSize(hashes.length),
    ...hashes,
    compactSize(bytes.length),
    bytes,
  );
}

export interface MerkleBlock {
  header: Uint8Array;
  leaves: number;
  index: number;
  txid: Uint8Array;
  siblings: Uint8Array[];
}

/** Reads a MerkleBlock of one transaction. @throws Refusal `malformed-spv` for any other, or bits and hashes left over */
export function readMerkleBlock(bytes: Uint8Array): MerkleBlock {
  const from = new Little(bytes, 'malformed-spv');
  const header = from.take(80);
  const leaves = from.number(4);
  const hashes = Array.from({ length: from.count(32) }, () => from.take(32));
  const flags = from.take(from.count(1));
  const odd = (text: string): never => {
    throw new Refusal('malformed-spv', `MerkleBlock: ${text}`);
  };
  if (from.at !== bytes.length || leaves === 0 || leaves > 1_000_000) odd(`${leaves} transactions found`);
  let [bit, used] = [0, 0];
  let found: Pick<MerkleBlock, 'index' | 'txid'> | undefined;
  const siblings: Uint8Array[] = [];
  const next = (): Uint8Array => hashes[used++] ?? odd('a hash is missing');
  /** The hash of a node, whether a match lies below it. */
  const visit = (height: number, place: number): { hash: Uint8Array; match: boolean } => {
    if (bit >= 8 * flags.length) return odd('a bit is missing');
    const match = ((flags[bit >> 3]! >> (bit & 7)) & 1) === 1;
    bit += 1;
    if (height === 0) {
      const hash = next();
      if (match && found) odd('two transactions found, one expected');
      if (match) found = { index: place, txid: hash };
      return { hash, match };
    }
    if (!match) return { hash: next(), match };
    const left = visit(height - 1, 2 * place);
    const width = Math.ceil(leaves / 2 ** (height - 1));
    const right = 2 * place + 1 < width ? visit(height - 1, 2 * place + 1) : undefined;
    if (left.match === (right?.match ?? false)) odd('a node without one match below it');
    siblings.push(left.match ? (right?.hash ?? left.hash) : left.hash);
    return { hash: doubleHash(concatBytes(left.hash, right?.hash ?? left.hash)), match };
  };
  visit(depthOf(leaves), 0);
  if (!found || used !== hashes.length || Math.ceil(bit / 8) !== flags.length) return odd('bits or hashes left over');
  return { header, leaves, ...found, siblings };
}
