/**
 * What a payer was signing for and waits for, and what has come: each a set of payments by their places in what was paid, so
 * that of two versions of a record, one of a restored store and one of its journal, each payment counts once and none is lost.
 * Not here: what makes a payment under way (`ecash.ts`, `quotes.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import { over, put, total, within, type Span } from './spans.ts';
import type { Awaited, PayerCredit } from './states.ts';
import { placesOf } from './waiting.ts';

/** Lies the whole stretch in the set? */
const holds = (spans: readonly Span[], { fromSat, toSat }: Span): boolean =>
  within(spans, toSat) - within(spans, fromSat) === toSat - fromSat;

/** Has the ecash of the payment that came to this sum come? Signed again, it is paid for no second time. */
export const hasCome = ({ arrived }: PayerCredit, paidSat: bigint): boolean =>
  holds(arrived, { fromSat: paidSat - 1n, toSat: paidSat });

/** The record once the ecash of these payments has come. */
export function receiving(c: PayerCredit, come: readonly Pick<Awaited, 'paidSat' | 'amountSat'>[]): PayerCredit {
  const places = come.map(({ paidSat, amountSat }) => ({ fromSat: paidSat - amountSat, toSat: paidSat }));
  return counted(c, places.reduce(put, [...c.arrived]), c.receivedSat - total(c.arrived));
}

/** @param elseSat what came and whose places nobody kept */
function counted<C extends PayerCredit>(c: C, arrived: readonly Span[], elseSat: bigint): C {
  // Of two payments for one place one is accepted: with its last sat the other comes no more.
  const awaited = c.awaited.filter(({ paidSat }) => !hasCome({ ...c, arrived }, paidSat));
  return { ...c, arrived, awaited, receivedSat: elseSat + total(arrived) };
}

/** What two versions know together. @param both as their other fields merge */
export function arrivalsOf<C extends PayerCredit>(both: C, later: PayerCredit, earlier: PayerCredit): C {
  const arrived = over(later.arrived, earlier.arrived);
  const elseSat = [later, earlier].map((c) => c.receivedSat - total(c.arrived)).reduce(maxSat);
  // A payment that the later one has seen signed is under way as it says.
  const unseen = earlier.inflight.filter((p) => !holds(later.seen, placesOf(p)));
  const inflight = [...unseen, ...later.inflight].sort((a, b) => Number(a.paidSat - b.paidSat));
  return counted({ ...both, inflight }, arrived, elseSat);
}
