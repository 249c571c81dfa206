/**
 * Transactions in the newest blocks, for a node without an index of transactions. The blocks are
 * read from the tip down, once for all that is looked for, and no further than needed or kept.
 * Where a transaction has an unspent output, `gettxout` finds it faster (`spends.ts`). One that was
 * mined together with the child that paid for it has none.
 */
import type { Hex } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { unlessPruned, type Rpc } from './rpc.ts';

export const RECENT_LIMITS = {
  /** Blocks that a pruned node keeps at least (Bitcoin Core: MIN_BLOCKS_TO_KEEP). */
  blocks: { unit: 'blocks', most: 288 },
} satisfies Limits;
export const KEPT_BLOCKS = RECENT_LIMITS.blocks.most;

/**
 * Returns the depth of a transaction; undefined if it is not found, or if the node has an index, which was
 * queried before.
 */
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
    const block = await rpc.block(hash).catch(unlessPruned);
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
