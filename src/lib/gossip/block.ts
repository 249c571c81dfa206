/**
 * Blocks and their Merkle trees: cutting a block into transactions, paths to the root, Core's MerkleBlock.
 *
 * Hashes stand here as they are in bytes (not in display order). A row of odd length doubles its last hash, which is why
 * equal siblings prove nothing elsewhere (CVE-2012-2459). Format of MerkleBlock: BIP37, as `gettxoutproof` prints it.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';

const doubleHash = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));

/** A cursor over little-endian bytes. */
class Little {
  readonly bytes: Uint8Array;
  at = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  take(size: number): Uint8Array {
    if (size > this.bytes.length - this.at)
      throw new Refusal(
        'malformed-spv',
        `byte ${this.at}: ${this.bytes.length - this.at} bytes found, ${size} expected`,
      );
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
  number(size: number): number {
    return this.take(size).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }
  compact(): number {
    const first = this.number(1);
    return first < 0xfd ? first : this.number(first === 0xfd ? 2 : first === 0xfe ? 4 : 8);
  }
  /** How many of something follow, each of `least` bytes or more. */
  count(least: number): number {
    const count = this.compact();
    if (count * least > this.bytes.length - this.at)
      throw new Refusal(
        'malformed-spv',
        `byte ${this.at}: ${count} items found in ${this.bytes.length - this.at} bytes`,
      );
    return count;
  }
}

export interface BareTransaction {
  /** Without witness. */
  bytes: Uint8Array;
  txid: Uint8Array;
  /** One input that spends nothing: of a coinbase, which only the first transaction of a block is. */
  coinbase: boolean;
  outputs: { sat: bigint; script: string }[];
}

function transactionAt(from: Little): BareTransaction {
  const version = from.take(4);
  let start = from.at;
  const witness = from.bytes[from.at] === 0 && from.bytes[from.at + 1] === 1;
  if (witness) start = from.at += 2;
  const inputs = from.count(41);
  let coinbase = inputs === 1;
  for (let i = 0; i < inputs; i++) {
    const outpoint = from.take(36);
    if (!outpoint.every((byte, place) => byte === (place < 32 ? 0 : 0xff))) coinbase = false;
    from.take(from.count(1));
    from.take(4);
  }
  const outputs = Array.from({ length: from.count(9) }, () => {
    const sat = from.take(8).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    return { sat, script: bytesToHex(from.take(from.count(1))) };
  });
  const body = from.bytes.subarray(start, from.at);
  if (witness)
    for (let i = 0; i < inputs; i++) for (let items = from.count(1); items > 0; items--) from.take(from.count(1));
  const bytes = concatBytes(version, body, from.take(4));
  return { bytes, txid: doubleHash(bytes), coinbase, outputs };
}

/** A whole transaction, with or without witness. @throws Refusal `malformed-spv` */
export function readTransaction(bytes: Uint8Array): BareTransaction {
  const from = new Little(bytes);
  const made = transactionAt(from);
  if (from.at !== bytes.length)
    throw new Refusal('malformed-spv', `${bytes.length - from.at} bytes found behind a transaction`);
  return made;
}

export interface Block {
  /** 80 bytes. */
  header: Uint8Array;
  transactions: BareTransaction[];
}

/** @throws Refusal `malformed-spv` */
export function readBlock(bytes: Uint8Array): Block {
  const from = new Little(bytes);
  const header = from.take(80);
  const transactions = Array.from({ length: from.count(10) }, () => transactionAt(from));
  if (from.at !== bytes.length || transactions.length === 0)
    throw new Refusal(
      'malformed-spv',
      `a block of ${transactions.length} transactions and ${bytes.length - from.at} bytes found`,
    );
  return { header, transactions };
}

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
  const from = new Little(bytes);
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
/** A hash as people read it. */
export const display = (hash: Uint8Array): string => bytesToHex(hash.slice().reverse());

/** Hashes of the row above. */
function above(row: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i < row.length; i += 2) next.push(doubleHash(concatBytes(row[i]!, row[i + 1] ?? row[i]!)));
  return next;
}

/** The siblings of a leaf, from the leaf upwards. */
export function merklePath(txids: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  for (let row = [...txids], at = index; row.length > 1; row = above(row), at >>= 1) path.push(row[at ^ 1] ?? row[at]!);
  return path;
}

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
  const from = new Little(bytes);
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
