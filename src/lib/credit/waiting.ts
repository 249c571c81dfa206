/**
 * What of the payments of a contract waits for a quote of its running mint, and where the places of the others are kept.
 * Not here: which quote a payment belongs to (`quotes.ts`).
 */
import type { Inflight, FundedCredit, PayeeCredit } from './states.ts';
import { within, type Span } from './spans.ts';

export const waitingOf = (c: PayeeCredit): bigint =>
  c.terms.ecash === 'cdk' ? c.paidSat - within(c.quoted, c.paidSat) : 0n;

/** What a payee is told, also where the contract ends: what waits does so through its end. */
export function waits(c: FundedCredit): { hint?: string } {
  const sat = c.role === 'payee' ? waitingOf(c) : 0n;
  return sat > 0n ? { hint: `${sat} sat wait for a quote of the mint: the payer runs ecash-quote` } : {};
}

export const placesOf = ({ paidSat, amountSat, quote }: Inflight): Span => ({
  fromSat: paidSat - amountSat,
  toSat: paidSat,
  ...(quote !== null && { foreign: true }),
});
