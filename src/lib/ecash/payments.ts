/**
 * Payments of a contract whose ecash comes from a running mint (`ecash: cdk`), by quote.
 *
 * A payment belongs to the quote that the payer's `asked` names, else to the contract's reusable
 * one. Before there is any, payments wait as one sum. Not here: the rules of a quote (`quote.ts`),
 * the records (`ledger.ts`).
 */
import { lapsesAt } from '../credit/asked.ts';
import type { PaymentAsked, Credit, PayeeCredit, PayerCredit } from '../credit/states.ts';
import { withSpan, within, type Span } from '../credit/spans.ts';
import type { Terms } from '../credit/terms.ts';
import type { UpdateAt, UpdateMessage } from '../credit/update-messages.ts';
import type { Claim, Facts, Queries } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { spanOf, sumOf, type Inflight, type Ledger, type PayeeLedger, type PayerLedger } from './ledger.ts';
import {
  checkUnpaidQuote,
  creditQuote,
  mintAnswerOf,
  quoteClaim,
  reserve,
  reusableClaim,
  type MintQuote,
  type Quote,
} from './quote.ts';

type NamedQuote = Pick<PaymentAsked, 'id' | 'until' | 'quote'> | null;
const askedIn = (m: UpdateMessage | null): NamedQuote => (m && 'asked' in m ? m.asked : null);

/** Returns the claim of the payee's quote that a message is about. */
export function quoteOf(m: UpdateMessage | null, c: Credit | undefined): Claim | undefined {
  if (c?.role !== 'payee' || !('terms' in c) || c.terms.ecash !== 'cdk') return undefined;
  const named = askedIn(m)?.quote;
  return named ? quoteClaim(named) : reusableClaim(c.id);
}

/** Returns the query to the mint about the quote that the payer names. */
export function quoteQuery(m: UpdateMessage | null, c: Credit | undefined): Queries['remote'] {
  const id = askedIn(m)?.quote;
  const mint = c && 'terms' in c ? c.terms.mint_url : null;
  return id && mint ? [{ at: mint, id }] : [];
}

/** Refuses a named quote if a contract's ecash comes from elsewhere. @throws Refusal `no-ecash` */
export function checkTakesQuotes(terms: Terms): void {
  if (terms.ecash !== 'cdk')
    throw new Refusal('no-ecash', `a quote found for a contract with ecash '${terms.ecash}', 'cdk' expected`);
}

/** Reserves a quote for the payer that asks, until it lapses. @throws Refusal as `reserve` */
export function reserveAsked(
  c: PayeeCredit,
  asked: NamedQuote,
  amountSat: bigint,
  known: Quote | undefined,
  facts: Pick<Facts, 'remote' | 'now'>,
): { quote?: Quote } {
  if (!asked?.quote) return {};
  checkTakesQuotes(c.terms);
  const wish = {
    id: asked.quote,
    contract: c.id,
    mint: c.terms.mint_url!,
    amountSat,
    until: lapsesAt(asked, facts.now),
  };
  return { quote: reserve(known, wish, mintAnswerOf(facts, wish.id), facts.now) };
}

/**
 * Credits an accepted payment to its quote, if there is one.
 * @throws Refusal `quote-bound` if another contract has it by now; as `checkUnpaidQuote` and
 * `creditQuote`
 */
export function creditPayment(
  { contract, issuer, quoted, paidSat }: PayeeLedger,
  asked: NamedQuote,
  amountSat: bigint,
  known: Quote | undefined,
  facts: Pick<Facts, 'remote'>,
): Pick<PayeeLedger, 'quoted'> & { quote?: Quote } {
  if (issuer !== 'cdk' || (!known && !asked?.quote)) return { quoted };
  if (known?.contract !== contract)
    throw new Refusal('quote-bound', `quote ${asked?.quote} is not this contract's any more`, { hint: 'ask again' });
  if (known.reserved !== null) checkUnpaidQuote(mintAnswerOf(facts, known.id), { amountSat, pubkey: null });
  const places = withSpan(quoted, { fromSat: paidSat, toSat: paidSat + amountSat });
  return { quoted: places, quote: creditQuote(known, amountSat) };
}

// ── the payer's side: what was paid and has not arrived at the mint ──────────────────────────────────────────────────

export const QUOTE_LIMITS = {
  /** Quotes that the payer asks the mint about. */
  queries: { unit: 'items', most: 8 },
} satisfies Limits;

/** Returns the queries that tell the payer which payments have arrived. */
export function inflightQueries(c: Credit | undefined, l: Ledger | undefined): Queries['remote'] {
  if (l?.role !== 'payer' || !c || !('terms' in c) || c.terms.mint_url === null) return [];
  const at = c.terms.mint_url;
  const ids = new Set(l.inflight.flatMap((p) => p.quote ?? l.quote ?? []));
  return [...ids].slice(0, QUOTE_LIMITS.queries.most).map((id) => ({ at, id }));
}

/** Returns the payments under way that the mint's figures do not show as arrived. */
export const stillInflight = (l: PayerLedger, found: Facts['remote']): Inflight[] =>
  l.inflight.filter((p) => !hasArrived(l, p, found));

/**
 * Returns the payer's ledger with one more payment under way. Payments that have arrived by the
 * mint's figures are dropped. So are those at the same place: the payee did not accept them, and
 * asks for the sum again.
 * @param m request that is about to be signed
 * @param most `--max-inflight`; without it, one payment
 * @throws Refusal `ecash-awaited`
 */
export function payForQuote<L extends PayerLedger>(
  l: L,
  { signedMaxSat }: Pick<PayerCredit, 'signedMaxSat'>,
  m: UpdateAt<'requested'>,
  found: Facts['remote'],
  most: bigint | undefined,
): L {
  const known = acceptedUpTo(l, m.previous_paid_sat, found);
  const replaced = (p: Inflight): boolean => p.paidSat > m.previous_paid_sat && p.paidSat <= m.paid_sat;
  const left = stillInflight(known, found).filter((p) => !replaced(p));
  const sum = sumOf(left);
  const isOver = most === undefined ? left.length > 0 : sum + m.amount_sat > most;
  if (m.paid_sat > signedMaxSat && isOver)
    throw new Refusal('ecash-awaited', `${sum} sat were paid and have not arrived at the mint`, {
      hint:
        l.quote === null
          ? 'tie a quote of the mint to the contract: ecash-quote'
          : 'or allow more: --max-inflight SAT; after a restore ecash-quote tells what has arrived',
    });
  const quote = m.asked?.quote && m.asked.quote !== l.quote ? m.asked.quote : null;
  const now: Inflight = { paidSat: m.paid_sat, amountSat: m.amount_sat, quote };
  // A payment that has arrived is not under way again if it is signed again.
  const overlaps = (p: Inflight): boolean => p.paidSat > m.previous_paid_sat && fromOf(p) < m.paid_sat;
  if (m.paid_sat <= signedMaxSat && !known.inflight.some(overlaps)) return { ...known, inflight: left };
  const went = withSpan(known.went, spanOf(now));
  const paid = { ...known, went };
  return { ...paid, inflight: hasArrived(paid, now, found) ? left : [...left, now] };
}

/** Returns the ledger once the payee counts this sum as paid; other payments at its place end. */
function acceptedUpTo<L extends PayerLedger>(l: L, paidSat: bigint, found: Facts['remote']): L {
  const accepted = l.inflight.find((p) => p.paidSat === paidSat);
  const inflight = l.inflight.filter((p) => !accepted || p.paidSat <= fromOf(accepted) || p.paidSat >= paidSat);
  const sure = inflight.filter((p) => p === accepted || (p.quote !== null && hasArrived(l, p, found)));
  return { ...l, inflight, went: sure.reduce((all, p) => withSpan(all, spanOf(p)), [...l.went]) };
}

const fromOf = ({ paidSat, amountSat }: Inflight): bigint => paidSat - amountSat;

/** Returns whether a payment has arrived. What earlier quotes received counts for this one. */
function hasArrived(l: PayerLedger, { paidSat, amountSat, quote }: Inflight, found: Facts['remote']): boolean {
  const figures = found.get(quote ?? l.quote ?? '') as MintQuote | 'unknown' | undefined;
  if (figures === undefined || figures === 'unknown') return false;
  const figure = figures.paidSat;
  return figure >= (quote === null ? l.bound.quoteSat + ownSat(l, paidSat) - ownSat(l, l.bound.paidSat) : amountSat);
}

/** Returns the part of a sum that belongs to reusable quotes, or to an unknown one. */
const ownSat = ({ went }: PayerLedger, paidSat: bigint): bigint => paidSat - within(went.filter(isForeign), paidSat);
const isForeign = (s: Span): boolean => s.foreign === true;

/**
 * Returns the payer's ledger with its reusable quote and the payee's statement of it.
 * @param paidSat total that the payee counts as paid
 * @param quoteSat part of it that belongs to this quote
 */
export const boundToQuote = (l: PayerLedger, quote: string, paidSat: bigint, quoteSat: bigint): PayerLedger =>
  l.quote === quote && l.bound.paidSat > paidSat
    ? l
    : {
        ...l,
        quote,
        past: l.quote === null || l.quote === quote ? l.past : [...l.past, l.quote],
        bound: { paidSat, quoteSat },
      };
