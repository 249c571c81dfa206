/**
 * What became of a coin: unspent, spent in the mempool or in a block, by which of the transactions that may spend it, and
 * how deep. An index of transactions (txindex) helps and is not needed: without one a transaction is found by its outputs,
 * as long as one of them is unspent, and else in the newest blocks (`recent.ts`). Not here: what follows from it (`credit/watch.ts`).
 */
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import type { Hex } from '../protocol/action.ts';
import type { Recent } from './recent.ts';
import type { Rpc } from './rpc.ts';

/** Outputs of a transaction of a contract, at most: payee, payer or next contract, change. */
const OUTPUTS = [0, 1, 2];

export interface Found {
  coin: 'unspent' | 'spent' | 'absent';
  /** `txid` null: the node does not say which. */
  spend: { txid: Hex | null; confirmations: number; paying: { feeSat: bigint; feerate: number } | null } | null;
}

/** @param ways the txids of what may spend it */
export async function spendOf(rpc: Rpc, outpoint: Outpoint, ways: Iterable<Hex>, recent: Recent): Promise<Found> {
  const txids = [...ways];
  if (await rpc.txOut(outpoint)) return { coin: 'unspent', spend: null };
  for (const txid of txids) {
    const confirmations = await depth(rpc, txid);
    if (confirmations === undefined) continue;
    const paying = confirmations === 0 ? ((await rpc.mempoolFee(txid)) ?? null) : null;
    return { coin: 'spent', spend: { txid, confirmations, paying } };
  }
  const spender = await rpc.mempoolSpender(outpoint);
  if (spender !== undefined || (await rpc.txOut(outpoint, false))) {
    const paying = spender === undefined ? null : ((await rpc.mempoolFee(spender)) ?? null);
    return { coin: 'spent', spend: { txid: spender ?? null, confirmations: 0, paying } };
  }
  for (const txid of txids) {
    const confirmations = await recent(txid);
    if (confirmations !== undefined) return { coin: 'spent', spend: { txid, confirmations, paying: null } };
  }
  // Gone from the chain, or never there: the node knows its transaction, or one of its other outputs, or it does not.
  const there = (await depth(rpc, outpoint.txid)) !== undefined || !(await rpc.hasIndex());
  return { coin: there ? 'spent' : 'absent', spend: null };
}

async function depth(rpc: Rpc, txid: Hex): Promise<number | undefined> {
  const known = await rpc.confirmations(txid);
  if (known !== undefined) return known;
  for (const vout of OUTPUTS) {
    const out = await rpc.txOut({ txid, vout });
    if (out) return out.confirmations;
  }
  return undefined;
}

/** Is one of these coins spent by another transaction, or gone? */
export async function anyMissing(rpc: Rpc, outpoints: readonly Outpoint[], but: Outpoint): Promise<boolean> {
  for (const outpoint of outpoints)
    if (outpointText(outpoint) !== outpointText(but) && !(await rpc.txOut(outpoint))) return true;
  return false;
}
