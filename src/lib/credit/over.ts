/**
 * Which credit records nothing more can come of, so that a home may drop them in time (`home/prune.ts`).
 *
 * Without its record a home has no key for the contract any more, so whatever is said over it once more is refused. A
 * customer keeps its few contracts, and with them what it has answered; a mint keeps no merchant's that was paid all it was
 * owed. Kept are contracts that were lost money over, whose ecash is not all issued, or reported to a running mint, and a
 * merchant's whose mint has not stated that it owes nothing more. What belongs to a contract of a running mint goes with
 * it, once the mint has acknowledged all (`Kind.part`).
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

/** Over which others raised what is owed: all of it was signed, and the chain has paid it out. */
function isPaidOff(c: Credit): boolean {
  if (c.role !== 'payer' || !isFunded(c) || c.owedSat === null || !c.settled || c.restored) return false;
  const { by } = c.settled;
  return c.owedSat <= coveredSat(c) && (c.owedSat === 0n || (by !== 'refund' && by !== 'other'));
}

export const spentBy = (c: Credit): readonly Gone[] =>
  isFunded(c) && c.settled ? [{ outpoint: c.outpoint, ways: [c.settled.txid] }] : [];
