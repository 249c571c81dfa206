/**
 * Ledger: the ecash half of a credit contract, in a record beside the contract's own.
 *
 * Both are written in the same commits. The payee's ledger has how much of what was paid became
 * ecash. The payer's has what it waits for and what has come. Each payment is a span of the total
 * paid (`credit/spans.ts`). So when two versions of a record are merged, each payment counts once
 * and none is lost. Not here: what rides along with an update (`rider.ts`), quotes (`quote.ts`),
 * tokens (`in-hand.ts`).
 */
import { MAX_SAT } from '../bitcoin/amount.ts';
import type { Issuer } from '../credit/terms.ts';
import { overlay, withSpan, total, within, type Span } from '../credit/spans.ts';
import type { Credit, PayeeCredit, PayerCredit } from '../credit/states.ts';
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import {
  believing,
  doubted,
  each,
  fixed,
  largest,
  onceOnly,
  united,
  voided,
  type Belief,
  type Beliefs,
} from '../protocol/belief.ts';
import { idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';

/** Ecash that was paid for and has not come; its secrets derive from these counters. */
export interface Awaited {
  paidSat: bigint;
  amountSat: bigint;
  keyset: Hex;
  counter: number;
}
/** Last search for lost ecash of a keyset; answers to earlier ones are ignored. */
export interface EcashSearch {
  keyset: Hex;
  id: Hex;
}
/** Payment under way, with the total after it; `quote` null for the contract's reusable quote. */
export interface Inflight {
  paidSat: bigint;
  amountSat: bigint;
  quote: string | null;
}
/** Statement of the payee: `quoteSat` of the first `paidSat` belong to the reusable quote. */
export interface QuoteStatement {
  paidSat: bigint;
  quoteSat: bigint;
}

interface Half {
  contract: Hex;
  /** Total paid over the contract at the last update of this ledger, in satoshis. */
  paidSat: bigint;
}
export interface PayeeLedger extends Half {
  role: 'payee';
  issuer: Issuer;
  /** Part of `paidSat` that became ecash, or was reported to its issuer. */
  issuedSat: bigint;
  /** Number of times that a program was notified of payments (`--ecash notify`). */
  told: number;
  /** Payments that belong to quotes of a running mint; others wait for one. */
  quoted: readonly Span[];
  /** True after a restore, until the operator confirms how much was issued. */
  unconfirmed: boolean;
}
export interface PayerLedger extends Half {
  role: 'payer';
  awaited: readonly Awaited[];
  searches: readonly EcashSearch[];
  /** URL of the contract's mint; null without one. */
  mint: string | null;
  /** Reusable quote of the running mint, once it is bound. */
  quote: string | null;
  /** Earlier quotes of the contract. */
  past: readonly string[];
  bound: QuoteStatement;
  /** Kind of quote that each signed payment went to, if known. */
  went: readonly Span[];
  /** Payments not yet seen at the running mint, oldest first. */
  inflight: readonly Inflight[];
  /** Payments signed in this store, not only known from a receipt. */
  seen: readonly Span[];
  /** Payments whose ecash has arrived. */
  arrived: readonly Span[];
}
/** Ecash of one credit contract, on either side. */
export type Ledger = PayeeLedger | PayerLedger;
/** Payer's ledger once a quote of a running mint is bound. */
export type QuotedLedger = PayerLedger & { mint: string; quote: string };
export const isQuoted = (l: Ledger | undefined): l is QuotedLedger => l?.role === 'payer' && l.quote !== null;

export const ledgerClaim = (contract: Hex): Claim => `ecash:contract/${contract}`;

/** Returns the claim of a contract's ledger; undefined without ecash or contract. */
export const ledgerOf = (c: Credit | undefined): Claim | undefined =>
  c && 'id' in c && c.terms.ecash !== 'none' ? ledgerClaim(c.id) : undefined;

/** Returns the payee's ledger; an empty one before the first payment. */
export const payeeLedger = (c: PayeeCredit, known: Ledger | undefined): PayeeLedger =>
  known?.role === 'payee'
    ? known
    : {
        role: 'payee',
        contract: c.id,
        issuer: c.terms.ecash,
        paidSat: c.paidSat,
        issuedSat: 0n,
        told: 0,
        quoted: [],
        // A lost store may have known of payments.
        unconfirmed: c.restored,
      };

/** Returns the payer's ledger; an empty one if there is none. */
export const payerLedger = (
  { id, terms }: Pick<PayerCredit, 'id' | 'terms'>,
  known: Ledger | undefined,
): PayerLedger =>
  known?.role === 'payer'
    ? known
    : {
        role: 'payer',
        contract: id,
        paidSat: 0n,
        awaited: [],
        searches: [],
        mint: terms.mint_url,
        quote: null,
        past: [],
        bound: { paidSat: 0n, quoteSat: 0n },
        went: [],
        inflight: [],
        seen: [],
        arrived: [],
      };

/** Returns the sum of payments that count as ecash: all of them while unconfirmed. */
export const issuedOf = (l: PayeeLedger): bigint => (l.unconfirmed ? l.paidSat : l.issuedSat);

/** Returns the sum of payments that wait for a quote of the running mint. */
export const waitingOf = (l: Ledger | undefined): bigint =>
  l?.role === 'payee' && l.issuer === 'cdk' ? l.paidSat - within(l.quoted, l.paidSat) : 0n;

/** Returns a payee's hint on a contract that ends while payments wait for a quote. */
export function waits(l: Ledger | undefined): { hint?: string } {
  const sat = waitingOf(l);
  return sat > 0n ? { hint: `${sat} sat wait for a quote of the mint: the payer runs ecash-quote` } : {};
}

export const sumOf = (all: readonly { amountSat: bigint }[]): bigint =>
  all.reduce((sum, { amountSat }) => sum + amountSat, 0n);

/** Returns the span of a payment to a running mint. */
export const spanOf = ({ paidSat, amountSat, quote }: Inflight): Span => ({
  fromSat: paidSat - amountSat,
  toSat: paidSat,
  ...(quote !== null && { foreign: true }),
});

/** Returns whether spans cover a whole span. */
const holds = (spans: readonly Span[], { fromSat, toSat }: Span): boolean =>
  within(spans, toSat) - within(spans, fromSat) === toSat - fromSat;

/** Returns whether ecash has come for the payment up to this total; to sign it again is free. */
export const hasCome = ({ arrived }: PayerLedger, paidSat: bigint): boolean =>
  holds(arrived, { fromSat: paidSat - 1n, toSat: paidSat });

/** Returns the ledger after the ecash of these payments has come. */
export const receiving = (l: PayerLedger, come: readonly Pick<Awaited, 'paidSat' | 'amountSat'>[]): PayerLedger =>
  withoutCome({
    ...l,
    arrived: come
      .map(({ paidSat, amountSat }) => ({ fromSat: paidSat - amountSat, toSat: paidSat }))
      .reduce(withSpan, [...l.arrived]),
  });

/** Drops awaited payments that have come. Of two payments for one place only one is accepted. */
const withoutCome = (l: PayerLedger): PayerLedger => ({
  ...l,
  awaited: l.awaited.filter(({ paidSat }) => !hasCome(l, paidSat)),
});

/** Rule of spans: the union of both versions. */
const spans: Belief<readonly Span[]> = { merged: (later, earlier = []) => overlay(later, earlier) };

const fields: Beliefs<Ledger> = {
  ...each(fixed, 'role', 'contract', 'issuer', 'mint'),
  // Merged by `merged`.
  ...each(fixed, 'bound', 'inflight'),
  ...each(largest, 'paidSat', 'issuedSat', 'told'),
  ...each(spans, 'quoted', 'went', 'seen', 'arrived'),
  unconfirmed: doubted,
  awaited: united<Awaited>((a) => `${a.keyset}/${a.counter}`),
  // A search before the loss does not know the counters used since.
  searches: voided<readonly EcashSearch[]>([]),
  quote: onceOnly,
  past: united<string>((id) => id),
};
const received = (l: Ledger): bigint => (l.role === 'payer' ? total(l.arrived) : 0n);
const isLater = (a: Ledger, b: Ledger): boolean =>
  a.paidSat === b.paidSat ? received(a) > received(b) : a.paidSat > b.paidSat;
const believed = believing(fields, { isLater });

function merged(a: Ledger, b: Ledger): Ledger {
  if (a.role !== b.role) return a;
  const both = believed.merged(a, b);
  // The issued sum is not in doubt if the store's version has both largest sums.
  if (both.role === 'payee') {
    const isKnown = a.role === 'payee' && both.paidSat === a.paidSat && both.issuedSat === a.issuedSat;
    return { ...both, unconfirmed: (a.role === 'payee' && a.unconfirmed) || !isKnown };
  }
  const [later, earlier] = (isLater(a, b) ? [a, b] : [b, a]) as [PayerLedger, PayerLedger];
  // A payment that the later version has seen signed is under way only if that version says so.
  const unseen = earlier.inflight.filter((p) => !holds(later.seen, spanOf(p)));
  const inflight = [...unseen, ...later.inflight].sort((x, y) => Number(x.paidSat - y.paidSat));
  // The version with more past quotes has the latest quote; its statement goes with it.
  const quote = (later.past.length >= earlier.past.length ? later : earlier).quote ?? both.quote;
  const stated = [later, earlier].flatMap((l) => (l.quote === quote ? l.bound : []));
  const bound = stated.reduce((last, next) => (next.paidSat > last.paidSat ? next : last));
  return withoutCome({ ...both, quote, inflight, bound });
}

/** Kind of ledgers. */
export const ledgerKind: Kind<Ledger> = {
  name: 'ecash',
  parse: (json) => withSats(json) as Ledger,
  claims: (l) => [ledgerClaim(l.contract)],
  row: (l): RecordRow => ({
    name: `ecash ${l.contract}`,
    state: 'open',
    highSat: l.paidSat,
    limitSat: MAX_SAT,
    left: false,
    ...(l.role === 'payee' && { issuer: l.issuer, issuedSat: l.issuedSat }),
  }),
  figures: (l) => (l.role === 'payee' ? { issued_sat: issuedOf(l), unissued_sat: l.paidSat - issuedOf(l) } : {}),
  // A contract stays until all that was paid is issued, or reported to its issuer.
  part: (l) => ({
    of: idClaim(l.contract),
    over: l.role === 'payer' || (!l.unconfirmed && l.issuedSat === l.paidSat),
  }),
  restored: believed.restored,
  merged,
  completed: (l) => (l.role === 'payee' ? { ...l, unconfirmed: false } : l),
};
