/**
 * What an operator does after home or mint came back from an older copy: the mint's figures, summed over all quotes of a
 * contract, become what was reported; quotes that stopped are given up, and what they were never told waits for a new one.
 *
 * On the safe side of the mint: all that was ever shown counts as reported, arrived or not. What a customer lost by that
 * the operator makes good by hand. Not here: reading the figures (`cashu/`), asking the operator (the command).
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';
import type { PayeeCredit } from '../credit/records.ts';
import { shownSat, type Figures, type Quote } from '../ecash/quote.ts';

export interface Confirmed {
  contract: PayeeCredit;
  quotes: readonly Quote[];
  /** What the mint shows on all quotes of the contract. */
  shownSat: bigint;
}

/** @param others figures of quotes that the restored store has lost */
export function confirmQuotes(
  c: PayeeCredit,
  quotes: readonly { quote: Quote; figures: Figures | 'unknown' }[],
  others: readonly (Figures | 'unknown')[],
): Confirmed {
  const paidOn = (f: Figures | 'unknown'): bigint => (f === 'unknown' ? 0n : f.paidSat);
  const sum = (list: readonly bigint[]): bigint => list.reduce((all, sat) => all + sat, 0n);
  const shown = sum([...quotes.map(({ figures }) => paidOn(figures)), ...others.map(paidOn)]);
  const counted = sum([
    ...quotes.map(({ quote, figures }) => maxSat(paidOn(figures), shownSat(quote))),
    ...others.map(paidOn),
  ]);
  const issuedSat = minSat(maxSat(c.issuedSat, counted), c.paidSat);
  const after = quotes.map(({ quote }) => (quote.stopped ? { ...quote, retired: true } : quote));
  const kept = sum(after.filter((q) => !q.retired).map((q) => q.creditedSat - shownSat(q)));
  return {
    contract: { ...c, issuedSat, waitingSat: maxSat(c.paidSat - issuedSat - kept, 0n), unconfirmed: false },
    quotes: after,
    shownSat: shown,
  };
}
