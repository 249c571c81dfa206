/**
 * What the mint's home keeps of invoices: one record an invoice, one a melt quote of the mint, and for each contract the
 * invoices that it owes and that are not settled yet.
 *
 *   invoice  open → paid
 *   melt     new → paid | refused
 *
 * A melt is `new` only as long as its round is the invoice's: raising the round refuses all that were quoted before, however
 * many they are, in one write. Not here: what moves them (`melt.ts`).
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { withSats } from '../protocol/json.ts';

export interface InvoiceRecord {
  digest: Hex;
  /** The invoice's own id, by which the merchant knows it. */
  id: Hex;
  contract: Hex;
  amountSat: bigint;
  round: number;
  /** A melt was quoted in this round. */
  quoted: boolean;
  /** Once it is paid: the melt quote that paid it, and the home's word for it. */
  paid: { by: string; proof: Hex } | null;
}
export interface Melt {
  /** The mint's id. */
  quote: string;
  digest: Hex;
  contract: Hex;
  round: number;
  state: 'new' | 'paid' | 'refused';
}
/** An invoice that is owed; `owedSat`: what was owed in all once it was. */
export interface Due {
  id: Hex;
  amountSat: bigint;
  owedSat: bigint;
}
export interface Tab {
  contract: Hex;
  due: readonly Due[];
}

export const invoiceClaim = (digest: Hex): Claim => `quote:invoice/${digest}`;
export const meltClaim = (quote: string): Claim => `quote:melt/${quote}`;
export const tabClaim = (contract: Hex): Claim => `key:tab/${contract}`;

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
  restored: (r) => r,
  merged: (a, b) => ({
    ...a,
    round: Math.max(a.round, b.round),
    quoted: a.quoted || b.quoted,
    paid: a.paid ?? b.paid,
  }),
};
export const meltKind: Kind<Melt> = {
  name: 'melt',
  parse: (json) => json as Melt,
  claims: (m) => [meltClaim(m.quote)],
  row: (m) => row(`melt ${m.quote}`, m.state, m.state !== 'new'),
  restored: (m) => m,
  // Paid outdoes refused: both at once there is not.
  merged: (a, b) => ({ ...(b.state === 'paid' || a.state === 'new' ? b : a), round: Math.max(a.round, b.round) }),
};
export const tabKind: Kind<Tab> = {
  name: 'tab',
  parse: (json) => withSats(json) as Tab,
  claims: (t) => [tabClaim(t.contract)],
  row: (t) => row(`tab ${t.contract}`, 'open'),
  restored: (t) => t,
  merged(a, b) {
    const more = b.due.filter(({ id }) => !a.due.some((known) => known.id === id));
    return { ...a, due: [...a.due, ...more].sort((x, y) => Number(x.owedSat - y.owedSat)) };
  },
};
