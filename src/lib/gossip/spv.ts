/**
 * Proofs that the output of a channel is in a block: a path to the block's Merkle root, and a second one for the coinbase,
 * whose length shows how deep the tree is, so that no inner node passes for a transaction.
 *
 * No standard exists; the document is this project's. Whether the block is in the best chain, a proof cannot say: that is
 * the anchor, which the verifier brings. Not here: trees and blocks (`block.ts`).
 */
import { display, merklePath } from '../bitcoin/block.ts';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { shortChannelId } from '../wire/fields.ts';
import { readBlock, readHeader, readMerkleBlock, readTransaction, rootOf, writeMerkleBlock } from './block.ts';
import { lineOf } from './line.ts';
import { Verifier, type ChannelOutput } from './verify.ts';

export interface SpvProof {
  header: Uint8Array;
  height: number;
  leaves: number;
  index: number;
  siblings: Uint8Array[];
  tx: Uint8Array;
  vout: number;
  scid: string;
  /** Missing where only Core's MerkleBlock is there. */
  coinbase?: { tx: Uint8Array; siblings: Uint8Array[] };
}

const parts = (scid: string): [number, number, number] => scid.split('x').map(Number) as [number, number, number];

/** The proof of a channel's output, from the whole block. @throws Refusal `malformed-spv` where the block has no such output */
export function makeProof(block: Uint8Array, scid: string): SpvProof {
  const { header, transactions } = readBlock(block);
  const [height, index, vout] = parts(scid);
  const found = transactions[index];
  if (!found || vout >= found.outputs.length)
    throw new Refusal(
      'malformed-spv',
      `a block of ${transactions.length} transactions found, none has the output of ${scid}`,
    );
  const txids = transactions.map(({ txid }) => txid);
  return {
    header,
    height,
    leaves: txids.length,
    index,
    siblings: merklePath(txids, index),
    tx: found.bytes,
    vout,
    scid,
    coinbase: { tx: transactions[0]!.bytes, siblings: merklePath(txids, 0) },
  };
}

export const proofDocument = (proof: SpvProof): object => ({
  type: 'spv-proof',
  version: 1,
  header: bytesToHex(proof.header),
  height: proof.height,
  tx_count: proof.leaves,
  index: proof.index,
  siblings: proof.siblings.map(bytesToHex),
  ...(proof.coinbase && {
    coinbase: { tx: bytesToHex(proof.coinbase.tx), siblings: proof.coinbase.siblings.map(bytesToHex) },
  }),
  tx: bytesToHex(proof.tx),
  vout: proof.vout,
  short_channel_id: proof.scid,
  merkle_block: bytesToHex(
    writeMerkleBlock(proof.header, proof.leaves, proof.index, readTransaction(proof.tx).txid, proof.siblings),
  ),
});

/**
 * Reads a proof. `merkle_block` (hex of `gettxoutproof`) stands for header, tx_count, index and siblings where these are not there.
 * @throws Refusal `malformed-message`, `malformed-spv`
 */
export function parseProof(from: Fields): SpvProof {
  const hashes = (at: Fields, name: string): Uint8Array[] =>
    (at.list(name, (hash) => hash) ?? at.refuse(name, 'a list of hashes')).map((hash) => {
      if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) at.refuse(name, 'hashes of 32 bytes in hex');
      return Uint8Array.from(Buffer.from(hash as string, 'hex'));
    });
  const bytes = (name: string): Uint8Array => from.need(name, from.bytes(name), 'hex');
  const count = (name: string, most: number): number =>
    Number(from.need(name, from.whole(name, BigInt(most)), 'a whole number'));
  const scid = shortChannelId.parse(from, 'short_channel_id');
  const tx = bytes('tx');
  const vout = count('vout', 0xffff);
  const height = Number(from.whole('height', 0xffffffn) ?? BigInt(parts(scid)[0]));
  const coinbase = from.object('coinbase');
  const path = from.has('siblings')
    ? {
        header: bytes('header'),
        leaves: count('tx_count', 1_000_000),
        index: count('index', 0xffffff),
        siblings: hashes(from, 'siblings'),
      }
    : readMerkleBlock(bytes('merkle_block'));
  const proof: SpvProof = {
    ...path,
    height,
    tx,
    vout,
    scid,
    ...(coinbase && {
      coinbase: { tx: coinbase.need('tx', coinbase.bytes('tx')), siblings: hashes(coinbase, 'siblings') },
    }),
  };
  coinbase?.end();
  from.skip('type', 'version', 'merkle_block');
  from.end();
  return proof;
}

export interface Proved {
  type: 'spv-verified';
  version: 1;
  short_channel_id: string;
  block_hash: string;
  height: number;
  txid: string;
  vout: number;
  amount_sat: bigint;
  script: string;
  /** Does the verifier know the block? */
  anchored: boolean;
  checks: Record<string, 'not-checked'>;
}

/**
 * Checks a proof, and the output against an announcement.
 * @param anchors hashes in display order that the verifier takes for blocks of the best chain at the height
 * @throws Refusal `merkle-differs`, `work-missing`, `output-differs`, `signature-invalid`, `malformed-spv`, `malformed-gossip`
 */
export function verifyProof(proof: SpvProof, anchors: readonly string[], announcement?: Uint8Array): Proved {
  const header = readHeader(proof.header);
  const { txid, outputs } = readTransaction(proof.tx);
  const [height, index, vout] = parts(proof.scid);
  const differs = (text: string): never => {
    throw new Refusal('merkle-differs', text);
  };
  if (height !== proof.height || index !== proof.index || vout !== proof.vout)
    differs(
      `height ${proof.height}, index ${proof.index}, output ${proof.vout} found, those of ${proof.scid} expected`,
    );
  const root = rootOf(txid, proof.index, proof.siblings, proof.leaves);
  if (!root || !equalBytes(root, header.root))
    differs('the path of the transaction does not lead to the root of the block');
  const checks: Proved['checks'] = {};
  if (proof.coinbase) {
    const first = readTransaction(proof.coinbase.tx);
    const top = first.coinbase ? rootOf(first.txid, 0, proof.coinbase.siblings, proof.leaves) : undefined;
    if (!top || !equalBytes(top, header.root))
      differs('the path of the coinbase does not lead to the root of the block');
  } else checks['coinbase'] = 'not-checked';
  if (!header.worked)
    throw new Refusal('work-missing', `hash ${display(header.hash)} found, one below the stated target expected`);
  const output = outputs[vout];
  if (!output) throw new Refusal('output-differs', `${outputs.length} outputs found, number ${vout} expected`);
  if (announcement) checkAnnouncement(announcement, proof.scid, { script: output.script, amountSat: output.sat });
  else checks['announcement'] = 'not-checked';
  const anchored = anchors.includes(display(header.hash));
  if (!anchored) checks['anchor'] = 'not-checked';
  return {
    type: 'spv-verified',
    version: 1,
    short_channel_id: proof.scid,
    block_hash: display(header.hash),
    height,
    txid: display(txid),
    vout,
    amount_sat: output.sat,
    script: output.script,
    anchored,
    checks,
  };
}

/** The announcement must be of this channel, stand on this output, and be signed. */
function checkAnnouncement(message: Uint8Array, scid: string, output: ChannelOutput): void {
  const { kind, valid, problems, short_channel_id: named } = lineOf(message, { verifier: new Verifier(() => output) });
  if (!kind.startsWith('channel_announcement'))
    throw new Refusal('malformed-gossip', `${kind} found, the announcement of a channel expected`);
  if (named !== scid)
    throw new Refusal('output-differs', `an announcement of ${String(named)} found, of ${scid} expected`);
  const [first] = problems;
  if (!valid) throw new Refusal(first?.code ?? 'output-differs', `the announcement: ${first?.field}: ${first?.text}`);
}
