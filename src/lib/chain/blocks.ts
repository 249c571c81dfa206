/**
 * Blocks read for facts that no index of the node gives: depth of a transaction, spender of a coin,
 * transactions since a scan, median time of a block (BIP113). Each block is read once for all
 * callers, and none deeper than a pruned node has. Blocks are costly on a full chain, so they come
 * last: for a transaction with an unspent output, `gettxout` is faster (`spends.ts`).
 */
import { hexToBytes, bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import type { Limits } from '../protocol/limit.ts';
import type { Hex, SpentBy } from '../protocol/action.ts';
import type { Mined } from '../protocol/ports.ts';
import { parseHeader } from '../bitcoin/header.ts';
import { unlessJudged, type Rpc } from './rpc.ts';

export const RECENT_LIMITS = {
  /** Blocks that a pruned node keeps at least (Bitcoin Core: MIN_BLOCKS_TO_KEEP). */
  blocks: { unit: 'blocks', most: 288 },
} satisfies Limits;
export const KEPT_BLOCKS = RECENT_LIMITS.blocks.most;

/** Returns a transaction's depth; undefined if not found, or where an index was queried before. */
export type Recent = (txid: Hex) => Promise<number | undefined>;

/** Returns a search that runs one query at a time, so that no block is read twice. */
export function recentBlocks(rpc: Rpc): Recent {
  let index: boolean | undefined;
  let top: Hex | undefined;
  /** Txids of the read blocks in one buffer each; 300 full blocks take 30 MB. */
  let read: { depth: number; txids: Buffer }[] = [];
  /** The next block to read, and how deep it is; null: all are read. */
  let next: { hash: Hex; depth: number } | null = null;

  async function readNext({ hash, depth }: { hash: Hex; depth: number }): Promise<typeof next> {
    const block = await rpc.block(hash).catch(unlessJudged);
    if (!block) return null;
    const { txids, previous } = block;
    read.push({ depth, txids: Buffer.from(txids.join(''), 'hex') });
    return previous === undefined || depth === KEPT_BLOCKS ? null : { hash: previous, depth: depth + 1 };
  }

  async function find(txid: Hex): Promise<number | undefined> {
    index ??= await rpc.hasIndex();
    const id = Buffer.from(txid, 'hex');
    const among = (blocks: typeof read) => blocks.find(({ txids }) => has(txids, id))?.depth;
    while (!index) {
      // Depths count from the present tip, which may have changed since.
      const { bestBlock } = await rpc.blockchainInfo();
      if (bestBlock !== top) {
        top = bestBlock;
        read = [];
        next = { hash: top, depth: 1 };
      }
      const known = among(read);
      if (known !== undefined) return known;
      if (next === null) break;
      while (next) {
        next = await readNext(next);
        const depth = among(read.slice(-1));
        if (depth !== undefined) return depth;
      }
    }
    return undefined;
  }

  const turn = inTurn();
  return (txid) => turn(() => find(txid));
}

function has(txids: Buffer, id: Buffer): boolean {
  for (let at = txids.indexOf(id); at >= 0; at = txids.indexOf(id, at + 1)) if (at % id.length === 0) return true;
  return false;
}

/** Returns a queue that runs one task after another, in order. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}

/** Spender that was found in a block. */
type FoundSpender = SpentBy & { txid: Hex; hex: Hex };
/** Returns the spender of a coin in the newest blocks; undefined where none is found. */
export type Spenders = (outpoint: Outpoint) => Promise<FoundSpender | undefined>;

/** Serializes an outpoint as an input has it, in hex. */
export const outpointHex = ({ txid, vout }: Outpoint): Hex =>
  bytesToHex(hexToBytes(txid).reverse()) + vout.toString(16).padStart(8, '0').match(/../g)!.reverse().join('');

/** Returns a search that reads each block once for a coin, for as long as the process lives. */
export function spendersIn(rpc: Rpc): Spenders {
  const read = new Map<string, Set<Hex>>();
  const found = new Map<string, Omit<FoundSpender, 'confirmations'> & { block: Hex }>();

  async function search(outpoint: Outpoint): Promise<void> {
    const at = outpointText(outpoint);
    const before = read.get(at);
    const now = new Set(before);
    let hash: Hex | undefined = (await rpc.blockchainInfo()).bestBlock;
    for (let n = 0; n < KEPT_BLOCKS && hash !== undefined && !before?.has(hash); n++) {
      const hits = await rpc.blockWith(hash, outpointHex(outpoint)).catch(unlessJudged);
      const hit = hits?.find(({ hex }) => spends(hex, outpoint));
      if (hit) found.set(at, { ...hit, block: hash });
      if (!hits || hit) break;
      now.add(hash);
      hash = (await rpc.blockDepth(hash)).previous;
    }
    // Stores only completed searches; an aborted one has left older blocks unread.
    read.set(at, now);
  }

  async function find(outpoint: Outpoint): Promise<FoundSpender | undefined> {
    const at = outpointText(outpoint);
    for (let again = true; ; again = false) {
      const hit = found.get(at);
      if (hit) {
        const { block, ...tx } = hit;
        const { depth } = await rpc.blockDepth(block);
        if (depth > 0) return { ...tx, confirmations: depth };
        found.delete(at); // its block was taken back
        read.delete(at);
      }
      if (!again) return undefined;
      await search(outpoint);
    }
  }
  // A block is large: one at a time.
  const turn = inTurn();
  return (outpoint) => turn(() => find(outpoint));
}

/** Returns whether a transaction spends a coin. */
export const spends = (hex: Hex, outpoint: Outpoint): boolean =>
  parseTransaction(hex).inputs.some((i) => bytesToHex(i.txid) === outpoint.txid && i.index === outpoint.vout);

export const MINED_LIMITS = {
  /** Blocks read at once: six hours of them are 40 MB. */
  blocks: { unit: 'blocks', most: 36 },
} satisfies Limits;

/**
 * Returns the transactions of the blocks since a scan: one call a block, however many contracts
 * wait. None if too many blocks have come, or the last one was taken back: then each coin must be
 * queried.
 * @param since tip of the last scan; undefined before the first
 */
export async function minedSince(rpc: Rpc, since: Hex | undefined): Promise<Mined> {
  const { bestBlock: best } = await rpc.blockchainInfo();
  const txids = new Set<Hex>();
  if (since === undefined) return { best, txids: undefined };
  let block: Hex | undefined = best;
  for (let read = 0; block !== since; read += 1) {
    if (block === undefined || read === MINED_LIMITS.blocks.most) return { best, txids: undefined };
    const found: Awaited<ReturnType<Rpc['block']>> | undefined = await rpc.block(block).catch(unlessJudged);
    if (!found) return { best, txids: undefined };
    for (const txid of found.txids) txids.add(txid);
    block = found.previous;
  }
  return { best, txids };
}

/** Blocks whose times count: the block itself and those before it. */
const SPAN = 11;

/**
 * Returns a block's median time: the node's, else that of the headers (btcd). Undefined above the
 * tip.
 * @throws Refusal `header-invalid`
 */
export async function medianTimeAt(rpc: Rpc, height: number): Promise<number | undefined> {
  const block = await rpc.blockAt(height);
  if (block?.medianTime !== null) return block?.medianTime;
  const heights = Array.from({ length: Math.min(SPAN, height + 1) }, (_, i) => height - i);
  const found = await Promise.all(heights.map((at) => rpc.blockAt(at)));
  const times = found.flatMap((one) => (one ? parseHeader(hexToBytes(one.header)).time : []));
  return times.sort((a, b) => a - b)[times.length >> 1];
}
