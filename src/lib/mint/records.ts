/**
 * Records of invoices in the mint's home: invoices, melt quotes of the mint, and each contract's
 * debt.
 *
 * Invoices go open → paid, melts new → paid or refused. A melt is `new` only as long as its round
 * is the invoice's. Raising the round refuses all earlier quotes, however many, in one write. Not
 * here: what moves them (`melt.ts`).
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, doubted, each, fixed, largest, onceOnly, united } from '../protocol/belief.ts';
import { idClaim } from '../protocol/claims.ts';
import type { Limits } from '../protocol/limit.ts';
import { withSats } from '../protocol/json.ts';

export interface InvoiceRecord {
  digest: Hex;
  /** Id that the merchant gave it. */
  id: Hex;
  contract: Hex;
  amountSat: bigint;
  round: number;
  /** Number of melts quoted in this round. */
  quoted: number;
  /** Payment: its melt quote or receipt, and the home's proof; null before. */
  paid: { by: string; proof: Hex } | null;
  /** True if it was known when the store was lost, and may have been paid since. */
  doubted: boolean;
}
/** Payer of an invoice whose receipt was shown, in place of a melt quote. */
export const BY_RECEIPT = 'receipt';
export const newInvoice = (of: Pick<InvoiceRecord, 'digest' | 'id' | 'contract' | 'amountSat'>): InvoiceRecord => ({
  ...of,
  round: 0,
  quoted: 0,
  paid: null,
  doubted: false,
});
export interface Melt {
  /** Id of the mint's quote. */
  quote: string;
  digest: Hex;
  contract: Hex;
  round: number;
  state: 'new' | 'paid' | 'refused';
}
/** Invoice owed to a merchant. `owedSat`: total debt including it. */
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
  /** Most invoices that are paid and not settled. Receipts shown after a loss may exceed it. */
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
