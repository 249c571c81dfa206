/** Steps of a way out on the chain: those that are in a block, and the one that is next. A step counts as mined only where an output shows it. */
import { parseBareTransaction, txidOfHex, type BareTransaction } from '../bitcoin/transaction.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { Finished, Settlement } from '../contract/copy.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

/**
 * Returns which of several are in a block. One whose outputs are spent a node may not know any more: its child, or a later
 * one, then proves it.
 * @param groups each with its child behind it
 */
export async function minedOf(rpc: Rpc, groups: readonly (readonly Hex[])[]): Promise<ReadonlySet<number>> {
  const mined = new Set<number>();
  if (groups.length === 1) return mined;
  const found = groups.map((hexes) => hexes.map(parseBareTransaction));
  const makers = new Map(found.map(([step], i) => [step!.txid, i]));
  const hasOutput = async (txs: readonly BareTransaction[]): Promise<boolean> => {
    for (const { txid, outputs } of txs)
      for (const vout of outputs.keys()) if (await rpc.txOut({ txid, vout }, false)) return true;
    return false;
  };
  for (const [i, txs] of [...found.entries()].reverse()) {
    if (!mined.has(i) && !(await hasOutput(txs))) continue;
    mined.add(i);
    for (const { txid } of txs[0]!.inputs) mined.add(makers.get(txid) ?? i);
  }
  return mined;
}

/**
 * Returns the step that needs a fee: the first in the mempool, else the first that is in no block as far as the node shows.
 * @param rpc undefined: nobody can say, and it is the first of all
 * @throws Refusal `nothing-to-bump` where all are in a block
 */
export async function nextOf(rpc: Rpc | undefined, { later, ...first }: Settlement): Promise<Finished> {
  if (!rpc || !later) return first;
  const steps = [first, ...later];
  const mined = await minedOf(
    rpc,
    steps.map(({ hex, package: together = [hex] }) => together),
  );
  const open = steps.filter((_, i) => !mined.has(i));
  for (const step of open) if (await rpc.mempoolFee(txidOfHex(step.hex))) return step;
  if (!open[0]) throw new Refusal('nothing-to-bump', `all ${steps.length} steps of the package are in a block`);
  return open[0];
}
