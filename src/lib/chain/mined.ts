/**
 * The transactions of the blocks that came since a look: one call a block, however many contracts wait for one of them. After
 * a longer while, or where that block was taken back, nobody reads all blocks between: then each coin is asked for.
 */
import type { Limits } from '../protocol/limit.ts';
import type { Mined } from '../protocol/ports.ts';
import type { Hex } from '../protocol/action.ts';
import { unlessPruned, type Rpc } from './rpc.ts';

export const MINED_LIMITS = {
  /** Blocks read at once: six hours of them are 40 MB. */
  blocks: { unit: 'blocks', most: 36 },
} satisfies Limits;

/** @param since tip of the last look; undefined before the first */
export async function minedSince(rpc: Rpc, since: Hex | undefined): Promise<Mined> {
  const { bestBlock: best } = await rpc.blockchainInfo();
  const txids = new Set<Hex>();
  if (since === undefined) return { best, txids: undefined };
  let block: Hex | undefined = best;
  for (let read = 0; block !== since; read += 1) {
    if (block === undefined || read === MINED_LIMITS.blocks.most) return { best, txids: undefined };
    const found: Awaited<ReturnType<Rpc['block']>> | undefined = await rpc.block(block).catch(unlessPruned);
    if (!found) return { best, txids: undefined };
    for (const txid of found.txids) txids.add(txid);
    block = found.previous;
  }
  return { best, txids };
}
