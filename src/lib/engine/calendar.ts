/**
 * Calendar of `watch --dry-run`: every transaction that a home or a bundle would send, from when,
 * by when, and its fee at current rates. Nothing is sent, signed or written. Not here: what is due
 * at once (`duties.ts`).
 */
import { minSat } from '../bitcoin/amount.ts';
import { feeFor, feerateText } from '../bitcoin/fee.ts';
import { mostFee, type Duty } from '../contract/duty.ts';
import { momentIn, type Moment } from '../contract/moment.ts';
import { sendingOf, type Fees, type Rules } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { failureOf } from './failure.ts';
import { nodeFees, type WatchedNode, type Post, type WatchEvent } from './watch.ts';

/** A transaction that would be sent. */
interface PlannedDuty extends Duty {
  contract: Hex;
  role: string;
}

/**
 * @returns the planned transactions by first moment, after the records that cannot be read
 * @throws Refusal as `look` does
 */
export async function calendar(
  post: Post,
  node: WatchedNode,
  rules: Rules,
): Promise<{ tip: number; events: WatchEvent[] }> {
  const tip = (await node.source.facts({ tip: true })).facts.tip as number;
  const { fees } = await nodeFees(node, post.network);
  const { listed, bad } = await post.list(tip);
  const refused: WatchEvent[] = bad.map(({ file, why }) => ({ ...refusedFor(why), file }));
  const planned: PlannedDuty[] = [];
  for await (const piece of listed)
    for (const one of piece) {
      const { id: contract } = one;
      try {
        if ('why' in one) throw one.why;
        const duties = (await one.open())?.watched.duties ?? [];
        planned.push(...duties.map((duty) => ({ ...duty, contract, role: one.role })));
      } catch (error) {
        refused.push({ ...refusedFor(error), contract });
      }
    }
  planned.sort((a, b) => momentOf(a.from) - momentOf(b.from) || Number(b.worthSat - a.worthSat));
  return { tip, events: [...refused, ...planned.map((one) => eventOf(one, fees, rules))] };
}

const refusedFor = (error: unknown): WatchEvent => {
  const { code, message } = failureOf(error);
  return { event: 'refused', code, message };
};

/** Returns a height or time to sort by; 0 for at once, and for a wait after confirmation. */
function momentOf(from: Moment): number {
  if (from === null || 'confirmations' in from || 'seconds' in from) return 0;
  return 'height' in from ? from.height : from.median_time;
}

function eventOf(
  { contract, role, does, why, tx, from, by, worthSat }: PlannedDuty,
  fees: Fees,
  rules: Rules,
): WatchEvent {
  return {
    event: 'planned',
    contract,
    role,
    does,
    by: tx.by,
    ...('txid' in tx && { txid: tx.txid }),
    ...momentIn(from),
    deadline_height: by,
    worth_sat: worthSat,
    ...costOf(tx, worthSat, fees, rules),
    why,
  };
}

/** Fees of a transaction and its child at current feerates. */
function costOf(tx: PlannedDuty['tx'], worthSat: bigint, fees: Fees, rules: Rules): object {
  const wanted = Math.max(fees.feerate, fees.least);
  if ('sign' in tx) {
    return {
      fee_sat: minSat(feeFor(wanted, tx.vsize), mostFee({ worthSat }, tx, rules)),
      feerate: feerateText(wanted),
    };
  }
  const sending = sendingOf(tx, null, fees, rules);
  if ('child' in sending) {
    const { child } = sending;
    return { fee_sat: tx.fee + (child?.feeSat ?? 0n), ...(child && { feerate: feerateText(child.feerate) }) };
  }
  const { do: short, wanted: asked } = sending;
  return { short, feerate: feerateText(asked), ...('needsSat' in sending && { needs_sat: sending.needsSat }) };
}
