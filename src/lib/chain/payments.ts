/**
 * Transactions in blocks that pay given outputs, all of them in their order and nothing else: for what is over once somebody
 * has paid. Blocks are read upwards, so many in one look, each once for all who ask at the same time. A search goes on where
 * it ended, as long as the process lives; the newest blocks are looked at again, for they may be taken back.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction, unsignedHex, type Output } from '../bitcoin/transaction.ts';
import type { Goal, Payment } from '../contract/duty.ts';
import { standingAt } from '../contract/outcome.ts';
import type { Hex } from '../protocol/action.ts';
import { allows } from '../protocol/limit.ts';
import { inTurn, KEPT_BLOCKS, RECENT_LIMITS } from './recent.ts';
import { unlessPruned, type Rpc } from './rpc.ts';

/** @param goal `after` is a height here @param hashAt returns the hash of the block at a height; absent: the node is asked */
export type Payments = (
  goal: Goal & { after: number },
  tip: number,
  hashAt?: (height: number) => Promise<Hex>,
) => Promise<Payment>;

/** Outputs with their count, as a transaction has them. */
const bytesOf = (outputs: readonly Output[]): Hex =>
  unsignedHex({ version: 2, locktime: 0, inputs: [], outputs }).slice(2 * 5, -2 * 4);

export function paymentsIn(rpc: Rpc): Payments {
  const wanted = new Set<Hex>();
  /** Transactions by block and by the outputs that they pay. */
  const read = new Map<Hex, ReadonlyMap<Hex, readonly { txid: Hex; hex: Hex }[]>>();
  /** Heights by coin, up to which nobody has paid. */
  const searched = new Map<string, number>();

  async function paying(block: Hex, bytes: Hex): Promise<readonly { txid: Hex; hex: Hex }[] | undefined> {
    const known = read.get(block)?.get(bytes);
    if (known) return known;
    const hex = await rpc.blockHex(block).catch(unlessPruned);
    if (hex === undefined) return undefined;
    const found = new Map<Hex, readonly { txid: Hex; hex: Hex }[]>();
    for (const one of wanted) found.set(one, hex.includes(one) ? await rpc.blockWith(block, one) : []);
    read.set(block, found);
    if (read.size > KEPT_BLOCKS) read.delete(read.keys().next().value!);
    return found.get(bytes);
  }

  async function search(
    { outputs, without, after }: Parameters<Payments>[0],
    tip: number,
    hashAt: NonNullable<Parameters<Payments>[2]>,
  ): Promise<Payment> {
    const coin = outpointText(without);
    const bytes = bytesOf(outputs);
    let upTo = Math.min(Math.max(after, searched.get(coin) ?? 0), standingAt(tip));
    for (let n = 1; upTo < tip && allows(RECENT_LIMITS.blocks, n); n += 1) {
      const block = await hashAt(upTo + 1);
      const txs = await paying(block, bytes);
      if (!txs) return { by: null, upTo, pruned: true };
      const hit = txs.find(({ hex }) => pays(hex, bytes, without));
      if (hit) return { by: { txid: hit.txid, confirmations: tip - upTo }, upTo, pruned: false };
      upTo += 1;
    }
    searched.set(coin, Math.min(upTo, standingAt(tip)));
    return { by: null, upTo, pruned: false };
  }
  // A block is large: one at a time, once all that is asked for is known.
  const turn = inTurn();
  return (goal, tip, hashAt = (height) => rpc.blockHash(height)) => {
    wanted.add(bytesOf(goal.outputs));
    return turn(() => search(goal, tip, hashAt));
  };
}

function pays(hex: Hex, bytes: Hex, { txid, vout }: Outpoint): boolean {
  const { inputs, outputs } = parseTransaction(hex);
  const paid = outputs.map(({ amount, script }) => ({ sat: amount, script: bytesToHex(script) }));
  return bytesOf(paid) === bytes && !inputs.some((i) => bytesToHex(i.txid) === txid && i.index === vout);
}
