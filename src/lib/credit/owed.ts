/**
 * Debt of the payer of a reverse contract. It is made of paid invoices, each once
 * (`mint/records.ts` has them by their digests), and of updates that a person agreed to besides.
 *
 * A home that lost its store does not know all of them. Its own receipt and the invoices that
 * customers show tell of the same debt: the larger counts, never both. A debt from after the loss
 * comes on top of it.
 * Not here: who may raise it (`mint/`, `update.ts`).
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';
import { withSpan, total, type Span } from './spans.ts';
import { isReverse, type Terms } from './terms.ts';
import { maxPaid } from './transactions.ts';

export interface Owing {
  /** Debt in all over a reverse contract, signed or not; null for any other. It only grows. */
  owedSat: bigint | null;
  /** Part of the debt in invoices that this home knows, paid or shown. */
  invoicesSat: bigint;
  /** Part of the debt that people agreed to beyond invoices, as spans of the signed sum. */
  agreed: readonly Span[];
  /** Invoices that were paid since the store was lost; null where it never was. */
  freshSat: bigint | null;
  /** Largest sum of a receipt in a proposed rollover, beyond what was signed; absent: none. */
  receiptSat?: bigint;
}
/** Fields of a payer's record that count its debt. */
type Payer = Owing & { terms: Terms; signedMaxSat: bigint };

export const nothingOwed = (terms: Terms): Owing => ({
  owedSat: isReverse(terms) ? 0n : null,
  invoicesSat: 0n,
  agreed: [],
  freshSat: null,
});

const owing = <C extends Payer>(c: C, owedSat: bigint): C =>
  c.owedSat === null ? c : { ...c, owedSat: maxSat(c.owedSat, minSat(owedSat, maxPaid(c.terms))) };

/** Returns the sum that the end of the contract pays: signed, or owed beyond that. */
export const dueSat = (c: Pick<Payer, 'signedMaxSat' | 'owedSat'>): bigint => maxSat(c.signedMaxSat, c.owedSat ?? 0n);

/** Returns the record after its own receipt has shown a higher signed sum, as after a restore. */
export function signedUpTo<C extends Payer>(c: C, sat: bigint): C {
  if (sat <= c.signedMaxSat) return c;
  // A receipt of this store already includes the payments since the loss.
  const freshSat = sat <= (c.receiptSat ?? 0n) ? 0n : (c.freshSat ?? 0n);
  return owing({ ...c, signedMaxSat: sat }, sat + freshSat);
}

/** Returns the record after it has signed up to this sum, agreed to by a person or owed already. */
export function paidUpTo<C extends Payer>(c: C, sat: bigint): C {
  const agreed = c.owedSat === null ? c.agreed : withSpan(c.agreed, { fromSat: c.owedSat, toSat: sat });
  return owing({ ...c, signedMaxSat: maxSat(sat, c.signedMaxSat), agreed }, sat);
}

/** Returns the record after an invoice was paid. */
export const raisedBy = <C extends Payer & { owedSat: bigint }>(c: C, amountSat: bigint): C => ({
  ...c,
  owedSat: c.owedSat + amountSat,
  invoicesSat: c.invoicesSat + amountSat,
  freshSat: c.freshSat === null ? null : c.freshSat + amountSat,
});

/** Returns the record with its debt set to all known invoices, after a store was lost. */
export const knownUpTo = <C extends Payer>(c: C, invoicesSat: bigint): C => {
  const known = maxSat(c.invoicesSat, invoicesSat);
  return owing({ ...c, invoicesSat: known }, known + total(c.agreed));
};
