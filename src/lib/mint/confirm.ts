/**
 * Steps of an operator after home or mint came back from an older copy.
 *
 * The mint's figures, summed over all quotes of a contract, become what was reported. Stopped
 * quotes are given up, and what they were never told waits for a new one. All that was ever shown
 * counts as reported, whether it arrived or not, so the mint cannot lose by it. If a customer does,
 * the operator repays by hand. Not here: reading the figures (`cashu/`), asking the operator (the
 * command).
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';
import { knownUpTo } from '../credit/owed.ts';
import { upTo } from '../credit/spans.ts';
import type { PayerCredit } from '../credit/records.ts';
import type { PayeeLedger } from '../ecash/ledger.ts';
import { shownSat, type MintFigures, type Quote } from '../ecash/quote.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { InvoiceRecord } from './records.ts';

export interface Confirmed {
  ledger: PayeeLedger;
  quotes: readonly Quote[];
  /** Sum that the mint shows on all quotes of the contract. */
  shownSat: bigint;
}

const sum = (list: readonly bigint[]): bigint => list.reduce((all, sat) => all + sat, 0n);

/** Confirms the quotes of a contract. @param quotes all of them, given up or not */
export function confirmQuotes(
  l: PayeeLedger,
  quotes: readonly { quote: Quote; figures: MintFigures | 'unknown' }[],
): Confirmed {
  const paidOn = (f: MintFigures | 'unknown'): bigint => (f === 'unknown' ? 0n : f.paidSat);
  const shown = sum(quotes.map(({ figures }) => paidOn(figures)));
  const counted = sum(quotes.map(({ quote, figures }) => maxSat(paidOn(figures), shownSat(quote))));
  const issuedSat = minSat(maxSat(l.issuedSat, counted), l.paidSat);
  const after = quotes.map(({ quote }) => (quote.stopped ? { ...quote, retired: true } : quote));
  const kept = sum(after.filter((q) => !q.retired).map((q) => q.creditedSat - shownSat(q)));
  return {
    ledger: { ...l, issuedSat, quoted: upTo(minSat(issuedSat + kept, l.paidSat)), unconfirmed: false },
    quotes: after,
    shownSat: shown,
  };
}

/**
 * Returns an invoice that the operator states as unpaid. All its melt quotes are refused, so that
 * whoever sent ecash gets it back.
 * @throws Refusal `invoice-paid`
 */
export function refusedAsUnpaid(invoice: InvoiceRecord): InvoiceRecord {
  if (invoice.paid) throw new Refusal('invoice-paid', `invoice ${invoice.id} is paid, by what this home knows`);
  return { ...invoice, doubted: false, round: invoice.round + 1, quoted: 0 };
}

/** Returns the contract with the debt of all invoices that are known as paid. */
export function confirmOwed<C extends PayerCredit>(c: C, invoices: readonly InvoiceRecord[]): C {
  const paid = invoices.filter((i) => i.contract === c.id && i.paid !== null);
  return { ...knownUpTo(c, sum(paid.map(({ amountSat }) => amountSat))), restored: false };
}
