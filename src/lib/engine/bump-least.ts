/**
 * Least fee of a child whose transaction is in a node's mempool already and has one: the new child
 * takes its place (BIP431), and pays for that.
 * Not here: the sums (`bitcoin/replacement.ts`).
 */
import { MIN_FEERATE } from '../bitcoin/fee.ts';
import { childrenOf, replacementFee } from '../bitcoin/replacement.ts';
import { txidOfHex } from '../bitcoin/transaction.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { Hex } from '../protocol/action.ts';

export async function leastChild(rpc: Rpc, hex: Hex): Promise<{ least?: (vsize: number) => bigint }> {
  const paying = await rpc.mempoolFee(txidOfHex(hex));
  const evicted = paying && childrenOf(paying, paying.own);
  if (!evicted) return {};
  const { relay = 0 } = await rpc.mempoolRates();
  return { least: (vsize) => replacementFee(evicted, vsize, Math.max(MIN_FEERATE, relay)) };
}
