/**
 * Transactions in the newest blocks, for a node without an index of transactions: the blocks are read, from the tip down,
 * as far as needed and as far as a pruned node has them, once for all that is looked for.
 *
 * Where a transaction has an unspent output, `gettxout` finds it faster (`spends.ts`); one that was mined together with the
 * child that paid for it has none.
 */
import type { Hex } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { RpcError, type Rpc } from './rpc.ts';

export const RECENT_LIMITS = {
  /** What a pruned node keeps at least (Bitcoin Core: MIN_BLOCKS_TO_KEEP). */
  blocks: { unit: 'blocks', most: 288 },
} satisfies Limits;
export const KEPT_BLOCKS = RECENT_LIMITS.blocks.most;

/** In how many blocks the transaction is; undefined: not found, or the node has an index, which has been asked before. */
export type Recent = (txid: Hex) => Promise<number | undefined>;

/** @param wanted all that may be asked for */
export function recentBlocks(rpc: Rpc, wanted: ReadonlySet<Hex>): Recent {
  let index: boolean | undefined;
  let top: Hex | undefined;
  const found = new Map<Hex, number>();
  /** The next block to read, and how deep it is; null: all are read. */
  let next: { hash: Hex; depth: number } | null = null;

  async function readNext({ hash, depth }: { hash: Hex; depth: number }): Promise<typeof next> {
    try {
      const { txids, previous } = await rpc.block(hash);
      for (const txid of txids) if (wanted.has(txid)) found.set(txid, depth);
      return previous === undefined || depth === KEPT_BLOCKS ? null : { hash: previous, depth: depth + 1 };
    } catch (error) {
      if (error instanceof RpcError) return null; // pruned
      throw error;
    }
  }

  return async (txid) => {
    index ??= await rpc.hasIndex();
    while (!index) {
      while (next && !found.has(txid)) next = await readNext(next);
      if (found.has(txid)) break;
      // What was in the mempool a moment ago may be in a block that came since.
      const { bestBlock } = await rpc.blockchainInfo();
      if (bestBlock === top) break;
      top = bestBlock;
      found.clear();
      next = { hash: top, depth: 1 };
    }
    return found.get(txid);
  };
}
