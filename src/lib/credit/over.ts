/**
 * Which credit records nothing more can come of, so that a home may drop them in time (`home/prune.ts`).
 *
 * Of the payee alone: without its record it has no key for the contract any more, so whatever is said over it once more is
 * refused. A payer keeps its few contracts, and with them what it has answered. Kept by the payee too are contracts that
 * were lost money over, whose ecash is not all issued, or whose figures a mint or an operator may still ask for; and a
 * reverse contract until its mint has stated that it owes nothing more.
 */
import type { Gone } from '../bitcoin/outpoint.ts';
import type { RecordRow } from '../protocol/kind.ts';
import { isFunded, owesNothing, type Credit } from './states.ts';

export function overOf(c: Credit): Pick<RecordRow, 'over' | 'frees'> {
  if (c.role !== 'payee') return {};
  if (c.state === 'cancelled') return c.lost ? {} : { over: 'nothing', frees: c.unpaid ?? false };
  if (!isFunded(c) || !c.settled || c.restored || c.unconfirmed) return {};
  const { by, paysSat } = c.settled;
  const paid = (paysSat ?? (by === 'refund' || by === 'other' ? 0n : c.paidSat)) >= c.paidSat;
  const issued = c.terms.ecash === 'none' || (c.terms.ecash !== 'cdk' && c.issuedSat === c.paidSat);
  return paid && issued && owesNothing(c) ? { over: 'ended' } : {};
}

export const spentBy = (c: Credit): readonly Gone[] =>
  isFunded(c) && c.settled ? [{ outpoint: c.outpoint, ways: [c.settled.txid] }] : [];
