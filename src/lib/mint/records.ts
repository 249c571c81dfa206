/**
 * Records of invoices in the mint's home: one an invoice, one a melt quote of the mint, and for
 * each contract the invoices that it owes and that are not settled yet.
 *
 *   invoice  open → paid
 *   melt     new → paid | refused
 *
 * A melt is `new` only as long as its round is the invoice's. Raising the round refuses all that
 * were quoted before, however many they are, in one write. Not here: what moves them (`melt.ts`).
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, doubted, each, fixed, largest, onceOnly, united } from '../protocol/belief.ts';
import { idClaim } from '../protocol/claims.ts';
import type { Limits } from '../protocol/limit.ts';
import { withSats } from '../protocol/json.ts';

export interface InvoiceRecord {
  digest: Hex;
  /** The invoice's own id, by which the merchant knows it. */
  id: Hex;
  contract: Hex;
  amountSat: bigint;
  round: number;
  /** Melts that were quoted in this round. */
  quoted: number;
  /** Payment of the invoice: its melt quote or receipt, and the home's proof; null before. */
  paid: { by: string; proof: Hex } | null;
  /** True if it was known when the store was lost, and may have been paid since. */
  doubted: boolean;
}
/** Payer of an invoice that was shown with its receipt, in place of a melt quote. */
export const BY_RECEIPT = 'receipt';
export const newInvoice = (of: Pick<InvoiceRecord, 'digest' | 'id' | 'contract' | 'amountSat'>): InvoiceRecord => ({
  ...of,
  round: 0,
  quoted: 0,
  paid: null,
  doubted: false,
});
export interface Melt {
  /** The mint's id. */
  quote: string;
  digest: Hex;
  contract: Hex;
  round: number;
  state: 'new' | 'paid' | 'refused';
}
/** Invoice owed to a merchant. `owedSat`: total debt with it. */
export interface OwedInvoice {
  id: Hex;
  amountSat: bigint;
  owedSat: bigint;
}
export interface Tab {
  contract: Hex;
  due: readonly OwedInvoice[];
}

export const invoiceClaim = (digest: Hex): Claim => `mint:invoice/${digest}`;
export const meltClaim = (quote: string): Claim => `mint:melt/${quote}`;
export const tabClaim = (contract: Hex): Claim => `mint:tab/${contract}`;

const row = (name: string, state: string, left = false): RecordRow => ({
  name,
  state,
  highSat: 0n,
  limitSat: 0n,
  left,
});

export const invoiceKind: Kind<InvoiceRecord> = {
  name: 'invoice',
  parse: (json) => withSats(json) as InvoiceRecord,
  claims: (r) => [invoiceClaim(r.digest)],
  row: (r) => row(`invoice ${r.digest}`, r.paid ? 'paid' : 'open', r.paid !== null),
  part: (r) => ({ of: idClaim(r.contract), over: !r.doubted }),
  completed: (r) => ({ ...r, doubted: false }),
  ...believing<InvoiceRecord>(
    {
      ...each(fixed, 'digest', 'id', 'contract', 'amountSat'),
      ...each(largest, 'round', 'quoted'),
      paid: onceOnly,
      doubted,
    },
    { isLater: (a, b) => a.paid !== null || b.paid === null },
  ),
};

const RANK = { new: 0, refused: 1, paid: 2 } as const;
export const meltKind: Kind<Melt> = {
  name: 'melt',
  parse: (json) => json as Melt,
  claims: (m) => [meltClaim(m.quote)],
  row: (m) => row(`melt ${m.quote}`, m.state, m.state !== 'new'),
  part: (m) => ({ of: idClaim(m.contract), over: true }),
  // A paid melt outranks a refused one.
  ...believing<Melt>(
    { ...each(fixed, 'quote', 'digest', 'contract', 'state'), round: largest },
    { isLater: (a, b) => RANK[a.state] >= RANK[b.state] },
  ),
};

const dues = united<OwedInvoice>(({ id }) => id).merged!;
export const TAB_LIMITS = {
  /** Paid, and not settled by the merchant. Of receipts that are shown after a loss it may be more. */
  due: { unit: 'items', most: 500 },
} satisfies Limits;

export const tabKind: Kind<Tab> = {
  name: 'tab',
  parse: (json) => withSats(json) as Tab,
  claims: (t) => [tabClaim(t.contract)],
  row: (t) => row(`tab ${t.contract}`, 'open'),
  part: (t) => ({ of: idClaim(t.contract), over: true }),
  ...believing<Tab>(
    {
      contract: fixed,
      due: { merged: (a, b) => [...dues(a, b)].sort((x, y) => Number(x.owedSat - y.owedSat)) },
    },
    { isLater: () => true },
  ),
};
