/**
 * The end of credit records: when nothing more can come of one, so that a home may drop it in time
 * (`home/prune.ts`).
 *
 * A home without the record has no key for the contract any more, so whatever is said over it once
 * more is refused. A customer keeps its few contracts, and with them what it has answered. A mint
 * keeps no merchant's contract that was paid all it was owed. Kept are contracts over which money
 * was lost, and a merchant's whose mint has not stated that it owes nothing more. Records beside a
 * contract go with it, and keep it while anything can come of them (`Kind.part`).
 */
import type { Gone } from '../bitcoin/outpoint.ts';
import type { RecordRow } from '../protocol/kind.ts';
import { coveredSat, isFunded, owesNothing, type Credit } from './states.ts';

export function overOf(c: Credit): Pick<RecordRow, 'over' | 'frees'> {
  if (c.role === 'payer') return isPaidOff(c) ? { over: 'ended' } : {};
  if (c.state === 'cancelled') return c.lost ? {} : { over: 'nothing', frees: c.unpaid ?? false };
  if (!isFunded(c) || !c.settled || c.restored) return {};
  return c.settled.paysSat >= c.paidSat && owesNothing(c) ? { over: 'ended' } : {};
}

/** Returns whether the chain has paid out all of a debt that others may raise. */
function isPaidOff(c: Credit): boolean {
  if (c.role !== 'payer' || !isFunded(c) || c.owedSat === null || !c.settled || c.restored) return false;
  const { by } = c.settled;
  return c.owedSat <= coveredSat(c) && (c.owedSat === 0n || (by !== 'refund' && by !== 'other'));
}

export const spentBy = (c: Credit): readonly Gone[] =>
  isFunded(c) && c.settled ? [{ outpoint: c.outpoint, ways: [c.settled.txid] }] : [];
