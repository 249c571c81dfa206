/**
 * Sends the transactions that a scan has made ready, alone or each with the child that pays for it.
 * One that no node takes with its child goes out without it. Not here: what is due (`duties.ts`).
 */
import { feerateText } from '../bitcoin/fee.ts';
import { isStarting, RpcError, type Rpc } from '../chain/rpc.ts';
import { sendTransactions } from '../chain/send.ts';
import type { ChildFee, ReadyTx } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Failure } from './failure.ts';

/** Reason why something was not done as it should be. */
export type Why = Pick<Failure, 'code' | 'message'>;

export interface Said {
  /** Event to print; undefined for none. */
  event?: string;
  more?: object;
  /** True if something is due that could not be done. */
  short?: boolean;
}

/** A transaction that is ready to be sent, alone or with its child. */
export interface Sending {
  event: string;
  tx: ReadyTx;
  made?: { txs: readonly Hex[]; fee_sat: bigint; feerate: number };
  /** Reason why it has no child, or is not stored. */
  why?: Why | undefined;
}

export type Results<T> = readonly PromiseSettledResult<T>[];
export const eachOf = <T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<Results<R>> =>
  Promise.allSettled(all.map(ask));
export function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** Returns whether an error ends the scan, which needs node, cookie and chain. */
export const endsLook = (error: Refusal): boolean =>
  error instanceof RpcError
    ? isStarting(error)
    : ['chain-unavailable', 'chain-stale', 'wrong-network', 'no-input'].includes(error.code);

/** Returns whether a transaction may go without its child: only if not in the mempool yet. */
const mayGoAlone = ({ event }: Sending, error: unknown): error is Refusal =>
  event !== 'bump' && error instanceof Refusal && !endsLook(error);

/** Returns a transaction with the child that it needs, or without where none can be made. */
export async function withChild(
  make: (feeSat: bigint) => Promise<{ txs: readonly Hex[]; fee_sat: bigint }>,
  sending: Sending,
  child: ChildFee | null,
): Promise<Sending> {
  if (child === null) return sending;
  try {
    const { txs, fee_sat } = await make(child.feeSat);
    return { ...sending, made: { txs, fee_sat, feerate: child.feerate } };
  } catch (error) {
    if (mayGoAlone(sending, error)) return { ...sending, why: error };
    throw error;
  }
}

export async function doneOf(rpc: Rpc, network: string, done: Said | Sending | { failed: unknown }): Promise<Said> {
  if ('failed' in done) throw done.failed;
  return 'tx' in done ? sendOut(rpc, network, done) : done;
}

async function sendOut(rpc: Rpc, network: string, sending: Sending): Promise<Said> {
  const { event, tx, made, why } = sending;
  const { by, txid, hex } = tx;
  const failed = why && { code: why.code, message: why.message };
  if (!made) {
    await sendTransactions(rpc, network, [hex]);
    return { event, short: why !== undefined, more: { by, txid, ...failed } };
  }
  try {
    const [, child_txid] = await sendTransactions(rpc, network, made.txs);
    const paid = { child_txid, child_fee_sat: made.fee_sat, feerate: feerateText(made.feerate) };
    return { event, short: why !== undefined, more: { by, txid, ...paid, ...failed } };
  } catch (error) {
    if (!mayGoAlone(sending, error)) throw error;
    const { made: _, ...alone } = sending;
    return sendOut(rpc, network, { ...alone, why: error });
  }
}
