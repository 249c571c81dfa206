/**
 * What programs up to 0.1.0 left behind around a running mint, and only its owner can settle: an invoice that a restored home
 * owes twice, and payments of a contract that ended before a quote was bound to it. Not here: who prints it (`cli/mend.ts`).
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';
import type { Credit, PayerCredit } from '../credit/records.ts';
import { total } from '../credit/spans.ts';
import { BY_RECEIPT, type InvoiceRecord } from './records.ts';

export interface Leftover {
  why: string;
  /** With which it is looked at, or settled. */
  command: string;
}

export function leftoverOf(c: Credit, invoices: readonly InvoiceRecord[]): Leftover | undefined {
  if (c.role !== 'payer' || !('signedMaxSat' in c)) return undefined;
  const at = c.id.slice(0, 16);
  const twiceSat = owedTwice(c, invoices);
  if (twiceSat > 0n)
    return {
      why: `${twiceSat} of ${c.owedSat} sat that are owed may be owed twice: agree with the merchant, then strike them off`,
      command: `spillway reconcile --mend --contract ${at} --strike ${twiceSat}`,
    };
  const ended = c.state === 'closed' || c.state === 'rolled' || c.state === 'exiting';
  const paid = c.signedMaxSat > 0n && !c.went.some(({ foreign }) => foreign);
  if (c.terms.ecash === 'cdk' && ended && paid && c.quote === null)
    return { why: 'what was paid waits for a quote of the mint', command: `spillway ecash-quote --contract ${at}` };
  return undefined;
}

/**
 * What neither signatures nor invoices account for, where a receipt was shown after a loss: a home of 0.1.0 counted what the
 * receipt tells of once more. A person may have agreed to as much besides, so it is only asked about.
 */
export function owedTwice(c: PayerCredit, invoices: readonly InvoiceRecord[]): bigint {
  const paid = invoices.filter((i) => i.contract === c.id && i.paid !== null);
  const sum = (list: readonly InvoiceRecord[]): bigint => list.reduce((all, i) => all + i.amountSat, 0n);
  const shownSat = sum(paid.filter((i) => i.paid!.by === BY_RECEIPT));
  const known = maxSat(c.signedMaxSat + (c.freshSat ?? 0n), sum(paid) + total(c.agreed));
  const unknown = maxSat((c.owedSat ?? 0n) - known, 0n);
  return minSat(unknown, shownSat);
}
