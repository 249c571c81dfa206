/**
 * State of a coin: unspent, spent in the mempool or in a block, by which transaction, and how deep.
 * The spender is read whole. An index of transactions or of spenders helps and is not needed.
 * Without one a known transaction is found by its outputs, as long as one of them is unspent. Any
 * transaction in the newest blocks is found there (`blocks.ts`).
 * Not here: what follows from it (each family).
 */
import type { Outpoint } from '../bitcoin/outpoint.ts';
import type { CoinSeen } from '../contract/duty.ts';
import type { Hex, SpentBy } from '../protocol/action.ts';
import type { Recent, Spenders } from './blocks.ts';
import type { MempoolFees, Rpc } from './rpc.ts';

/** Indexes of a contract transaction's outputs at most: payee, payer or next contract, change. */
const OUTPUTS = [0, 1, 2];

/** Spender of a coin, with its fees while it is in the mempool. */
export interface Spender extends SpentBy {
  paying: MempoolFees | null;
}
export interface CoinFate {
  coin: CoinSeen['coin'];
  spend: Spender | null;
}
/** Blocks to search for transactions. */
export interface Blocks {
  recent?: Recent;
  spenders?: Spenders;
}

/** Returns what became of a coin. @param ways txids of its known spenders */
export async function spendOf(rpc: Rpc, outpoint: Outpoint, ways: Iterable<Hex>, blocks: Blocks): Promise<CoinFate> {
  const txids = [...ways];
  if (await rpc.txOut(outpoint)) return { coin: 'unspent', spend: null };
  const spender = await rpc.spender(outpoint);
  if (spender) {
    const { txid, block } = spender;
    const hex = (await rpc.transaction(txid, block)) ?? null;
    const confirmations = block === undefined ? 0 : (await rpc.blockDepth(block)).depth;
    return spent({ txid, hex, confirmations, paying: await payingOf(rpc, txid, confirmations) });
  }
  for (const txid of txids) {
    const confirmations = await depth(rpc, txid);
    if (confirmations === undefined) continue;
    return spent({ txid, hex: null, confirmations, paying: await payingOf(rpc, txid, confirmations) });
  }
  if (await rpc.txOut(outpoint, false)) return spent({ txid: null, hex: null, confirmations: 0, paying: null });
  for (const txid of txids) {
    const confirmations = await blocks.recent?.(txid);
    if (confirmations !== undefined) return spent({ txid, hex: null, confirmations, paying: null });
  }
  // Gone from the chain, or never there: the node knows its transaction, or one of its other outputs, or it does not.
  const there = (await depth(rpc, outpoint.txid)) !== undefined;
  const index = !there && (await rpc.hasIndex());
  if (index) return { coin: 'absent', spend: null };
  const mined = await blocks.spenders?.(outpoint);
  if (mined) return spent({ ...mined, paying: null });
  return { coin: there ? 'spent' : 'unclear', spend: null };
}

const spent = (spend: Spender): CoinFate => ({ coin: 'spent', spend });

const payingOf = async (rpc: Rpc, txid: Hex, confirmations: number): Promise<MempoolFees | null> =>
  confirmations > 0 ? null : ((await rpc.mempoolFee(txid)) ?? null);

async function depth(rpc: Rpc, txid: Hex): Promise<number | undefined> {
  const known = await rpc.confirmations(txid);
  if (known !== undefined) return known;
  for (const vout of OUTPUTS) {
    const out = await rpc.txOut({ txid, vout });
    if (out) return out.confirmations;
  }
  return undefined;
}

/** Returns whether one of these coins is spent, or gone. */
export async function anyMissing(rpc: Rpc, outpoints: readonly Outpoint[]): Promise<boolean> {
  for (const outpoint of outpoints) if (!(await rpc.txOut(outpoint))) return true;
  return false;
}
