/**
 * SPV proofs of a channel's output: Merkle paths of its transaction and of the coinbase.
 *
 * The length of the coinbase's path shows the depth of the tree, so that no inner node passes for a
 * transaction. A row of odd length doubles its last hash; equal siblings elsewhere prove nothing
 * (CVE-2012-2459). The document is this project's own, because no standard exists. Core's
 * MerkleBlock of one transaction (BIP37, `gettxoutproof`) is read and written too. A proof cannot
 * show that its block is in the best chain: the verifier brings that as an anchor. Not here: blocks
 * and their trees (`bitcoin/block.ts`), MerkleBlocks of several transactions.
 */
import { blockIn, displayHash, merklePath, transactionIn, doubleHash } from '../bitcoin/block.ts';
import { bytesToHex, equalBytes, hexToBytes, concatBytes } from '../bitcoin/bytes.ts';
import { hasWork, parseHeader, HEADER_SIZE } from '../bitcoin/header.ts';
import { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { hexBytes, scidParts, shortChannelId } from '../wire/fields.ts';
import { gossipLine, Verifier, type ChannelOutput, type SignatureVerdict } from './verify.ts';
import { Cursor } from '../bitcoin/cursor.ts';
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
    // A doubled hash is not in the message; it equals the node's own.
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

/** Proof as JSON: bytes in hex and internal order, siblings from the leaf upwards. */
export interface SpvProof {
  type: 'spv-proof';
  version: 1;
  header: string;
  height: number;
  tx_count: number;
  index: number;
  siblings: string[];
  /** Missing if only Core's MerkleBlock is at hand. */
  coinbase?: { tx: string; siblings: string[] };
  /** Transaction without witness. */
  tx: string;
  vout: number;
  short_channel_id: string;
  /** Header and path as `gettxoutproof` prints them. */
  merkle_block?: string;
}

/** Proves a channel's output from its block. @throws Refusal `malformed-spv` if it is not there */
export function makeSpvProof(block: Uint8Array, scid: string): SpvProof {
  const { header, transactions } = blockIn(block, 'malformed-spv');
  const [height, index, vout] = scidParts(scid);
  const found = transactions[index];
  const leaves = transactions.length;
  if (!found || vout >= found.outputs.length)
    throw new Refusal('malformed-spv', `a block of ${leaves} transactions found, none has the output of ${scid}`);
  const txids = transactions.map(({ txid }) => txid);
  const siblings = merklePath(txids, index);
  return {
    type: 'spv-proof',
    version: 1,
    header: bytesToHex(header),
    height,
    tx_count: leaves,
    index,
    siblings: siblings.map(bytesToHex),
    coinbase: { tx: bytesToHex(transactions[0]!.bytes), siblings: merklePath(txids, 0).map(bytesToHex) },
    tx: bytesToHex(found.bytes),
    vout,
    short_channel_id: scid,
    merkle_block: bytesToHex(writeMerkleBlock(header, found.txid, { leaves, index, siblings })),
  };
}

const HEX = hexBytes();
const HASH = hexBytes(32);
const hashesIn = (from: Fields): string[] =>
  from.need(
    'siblings',
    from.list('siblings', (hash) => HASH.parse(new Fields({ hash }, from.path('siblings')), 'hash')),
  );

/**
 * Reads a proof. `merkle_block` (hex of `gettxoutproof`) replaces header, tx_count, index and
 * siblings.
 * @throws Refusal `malformed-message`, `malformed-spv`
 */
export function parseSpvProof(from: Fields): SpvProof {
  const count = (name: string, most: bigint): number =>
    Number(from.need(name, from.whole(name, most), 'a whole number'));
  const scid = shortChannelId.parse(from, 'short_channel_id');
  const coinbase = from.object('coinbase');
  const block = from.has('siblings') ? undefined : readMerkleBlock(hexToBytes(HEX.parse(from, 'merkle_block')));
  const proof: SpvProof = {
    type: 'spv-proof',
    version: 1,
    header: block ? bytesToHex(block.header) : HEX.parse(from, 'header'),
    height: from.has('height') ? count('height', 0xffffffn) : scidParts(scid)[0],
    tx_count: block ? block.leaves : count('tx_count', 1_000_000n),
    index: block ? block.index : count('index', 0xffffffn),
    siblings: block ? block.siblings.map(bytesToHex) : hashesIn(from),
    ...(coinbase && { coinbase: { tx: HEX.parse(coinbase, 'tx'), siblings: hashesIn(coinbase) } }),
    tx: HEX.parse(from, 'tx'),
    vout: count('vout', 0xffffn),
    short_channel_id: scid,
  };
  coinbase?.end();
  from.skip('type', 'version', 'merkle_block');
  from.end();
  return proof;
}

/**
 * Checks a proof, and the output against an announcement.
 * @param anchors hashes in display order that the verifier takes for blocks of the best chain at
 * the height
 * @throws Refusal `merkle-differs`, `work-missing`, `output-differs`, `signature-invalid`,
 * `malformed-spv`, `malformed-gossip`
 */
export function verifySpvProof(proof: SpvProof, anchors: readonly string[], announcement?: Uint8Array) {
  const header = parseHeader(hexToBytes(proof.header), 'malformed-spv');
  const { txid, outputs } = transactionIn(hexToBytes(proof.tx), 'malformed-spv');
  const { short_channel_id: scid, coinbase } = proof;
  const [height, index, vout] = scidParts(scid);
  const differs = (text: string): never => {
    throw new Refusal('merkle-differs', text);
  };
  if (height !== proof.height || index !== proof.index || vout !== proof.vout)
    differs(`height ${proof.height}, index ${proof.index}, output ${proof.vout} found, those of ${scid} expected`);
  const leads = (leaf: Uint8Array, at: number, siblings: readonly string[]): boolean => {
    const root = merklePathRoot(leaf, { leaves: proof.tx_count, index: at, siblings: siblings.map(hexToBytes) });
    return root !== undefined && equalBytes(root, header.root);
  };
  if (!leads(txid, index, proof.siblings))
    differs('the path of the transaction does not lead to the root of the block');
  const checks: SignatureVerdict['checks'] = {};
  if (coinbase) {
    const first = transactionIn(hexToBytes(coinbase.tx), 'malformed-spv');
    if (!first.coinbase || !leads(first.txid, 0, coinbase.siblings))
      differs('the path of the coinbase does not lead to the root of the block');
  } else checks['coinbase'] = 'not-checked';
  if (!hasWork(header))
    throw new Refusal('work-missing', `hash ${header.hash} found, one below the stated target expected`);
  const output = outputs[vout];
  if (!output) throw new Refusal('output-differs', `${outputs.length} outputs found, number ${vout} expected`);
  if (announcement) checkAnnouncement(announcement, scid, { script: output.script, amountSat: output.sat });
  else checks['announcement'] = 'not-checked';
  const anchored = anchors.includes(header.hash);
  if (!anchored) checks['anchor'] = 'not-checked';
  return {
    type: 'spv-verified' as const,
    version: 1 as const,
    short_channel_id: scid,
    block_hash: header.hash,
    height,
    txid: displayHash(txid),
    vout,
    amount_sat: output.sat,
    script: output.script,
    // True if the verifier knows the block.
    anchored,
    checks,
  };
}

/** Refuses an announcement of another channel or output, or without valid signatures. */
function checkAnnouncement(message: Uint8Array, scid: string, output: ChannelOutput): void {
  const {
    kind,
    valid,
    problems,
    short_channel_id: named,
  } = gossipLine(message, { verifier: new Verifier(() => output) });
  if (!kind.startsWith('channel_announcement'))
    throw new Refusal('malformed-gossip', `${kind} found, the announcement of a channel expected`);
  if (named !== scid)
    throw new Refusal('output-differs', `an announcement of ${String(named)} found, of ${scid} expected`);
  const [first] = problems;
  if (!valid) throw new Refusal(first?.code ?? 'output-differs', `the announcement: ${first?.field}: ${first?.text}`);
}
