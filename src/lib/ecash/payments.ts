/**
 * Payments of a contract whose ecash comes from a running mint (`ecash: cdk`): the quote that each belongs to, and what of
 * them has arrived there. It is the quote that the payer's `asked` names, else the contract's reusable one. Before there is
 * any, the payments wait as one sum.
 * Not here: the rules of a quote itself (`quote.ts`), the records (`ledger.ts`).
 */
import { lapsesAt } from '../credit/asked.ts';
import type { PaymentAsked, Credit, PayeeCredit, PayerCredit } from '../credit/states.ts';
import { withSpan, within, type Span } from '../credit/spans.ts';
import type { Terms } from '../credit/terms.ts';
import type { UpdateAt, UpdateMessage } from '../credit/update-messages.ts';
import type { Claim, Facts, Queries } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { spanOf, type Inflight, type Ledger, type PayeeLedger, type PayerLedger } from './ledger.ts';
import {
  checkUnpaid,
  creditQuote,
  mintAnswerOf,
  quoteClaim,
  reserve,
  reusableClaim,
  type MintQuote,
  type Quote,
} from './quote.ts';

type Named = Pick<PaymentAsked, 'id' | 'until' | 'quote'> | null;
const askedIn = (m: UpdateMessage | null): Named => (m && 'asked' in m ? m.asked : null);

/** Returns the claim under which the payee finds the quote that a message is about. */
export function quoteOf(m: UpdateMessage | null, c: Credit | undefined): Claim | undefined {
  if (c?.role !== 'payee' || !('terms' in c) || c.terms.ecash !== 'cdk') return undefined;
  const named = askedIn(m)?.quote;
  return named ? quoteClaim(named) : reusableClaim(c.id);
}

/** Returns the question to the mint that the record names, where the payer names a quote. */
export function quoteQuery(m: UpdateMessage | null, c: Credit | undefined): Queries['remote'] {
  const id = askedIn(m)?.quote;
  const mint = c && 'terms' in c ? c.terms.mint_url : null;
  return id && mint ? [{ at: mint, id }] : [];
}

/** @throws Refusal `no-ecash` where a quote is named and the contract's ecash comes from elsewhere */
export function checkTakesQuotes(terms: Terms): void {
  if (terms.ecash !== 'cdk')
    throw new Refusal('no-ecash', `a quote found for a contract with ecash '${terms.ecash}', 'cdk' expected`);
}

/** Keeps a quote for the payer that asks for it, until the wish lapses. @throws Refusal as `reserve` */
export function reserveAsked(
  c: PayeeCredit,
  asked: Named,
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
 * Credits an accepted payment to its quote, where there is one yet.
 * @throws Refusal `quote-bound` where the quote went to another contract meanwhile; as `checkUnpaid` and `creditQuote`
 */
export function creditPayment(
  { contract, issuer, quoted, paidSat }: PayeeLedger,
  asked: Named,
  amountSat: bigint,
  known: Quote | undefined,
  facts: Pick<Facts, 'remote'>,
): Pick<PayeeLedger, 'quoted'> & { quote?: Quote } {
  if (issuer !== 'cdk' || (!known && !asked?.quote)) return { quoted };
  if (known?.contract !== contract)
    throw new Refusal('quote-bound', `quote ${asked?.quote} is not this contract's any more`, { hint: 'ask again' });
  if (known.reserved !== null) checkUnpaid(mintAnswerOf(facts, known.id), { amountSat, pubkey: null });
  const places = withSpan(quoted, { fromSat: paidSat, toSat: paidSat + amountSat });
  return { quoted: places, quote: creditQuote(known, amountSat) };
}

// ── the payer's side: what was paid and has not arrived at the mint ──────────────────────────────────────────────────

export const QUOTE_LIMITS = {
  /** Quotes of which the payer asks what has arrived. */
  queries: { unit: 'items', most: 8 },
} satisfies Limits;

/** Returns the questions whose answers tell the payer what of its payments has arrived. */
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
 * Returns the payer's ledger with one more payment under way. Payments end that the mint's own
 * figures show as arrived, and those whose place it takes: the payee has not accepted them, and
 * asks for the same sum once more.
 * @param m the request that is about to be signed @param most `--max-inflight`; without it, one
 * payment
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
  const sum = left.reduce((all, p) => all + p.amountSat, 0n);
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
  // Signed again after it had arrived, it is not under way once more.
  const overlaps = (p: Inflight): boolean => p.paidSat > m.previous_paid_sat && fromOf(p) < m.paid_sat;
  if (m.paid_sat <= signedMaxSat && !known.inflight.some(overlaps)) return { ...known, inflight: left };
  const went = withSpan(known.went, spanOf(now));
  const paid = { ...known, went };
  return { ...paid, inflight: hasArrived(paid, now, found) ? left : [...left, now] };
}

/** Returns the ledger once the payee counts so much as paid: of two payments for one place, the one that came to this sum. */
function acceptedUpTo<L extends PayerLedger>(l: L, paidSat: bigint, found: Facts['remote']): L {
  const accepted = l.inflight.find((p) => p.paidSat === paidSat);
  const inflight = l.inflight.filter((p) => !accepted || p.paidSat <= fromOf(accepted) || p.paidSat >= paidSat);
  const sure = inflight.filter((p) => p === accepted || (p.quote !== null && hasArrived(l, p, found)));
  return { ...l, inflight, went: sure.reduce((all, p) => withSpan(all, spanOf(p)), [...l.went]) };
}

const fromOf = ({ paidSat, amountSat }: Inflight): bigint => paidSat - amountSat;

/** Returns whether a payment has arrived. What earlier quotes of the contract got counts for the one that it has now. */
function hasArrived(l: PayerLedger, { paidSat, amountSat, quote }: Inflight, found: Facts['remote']): boolean {
  const figures = found.get(quote ?? l.quote ?? '') as MintQuote | 'unknown' | undefined;
  if (figures === undefined || figures === 'unknown') return false;
  const figure = figures.paidSat;
  return figure >= (quote === null ? l.bound.quoteSat + ownSat(l, paidSat) - ownSat(l, l.bound.paidSat) : amountSat);
}

/** Returns the part of a sum that belongs to reusable quotes; what is not known does. */
const ownSat = ({ went }: PayerLedger, paidSat: bigint): bigint => paidSat - within(went.filter(isForeign), paidSat);
const isForeign = (s: Span): boolean => s.foreign === true;

/**
 * Returns the payer's ledger with the reusable quote that it has now, and the payee's statement of it.
 * @param paidSat what the payee counts as paid, @param quoteSat what of it belongs to this quote
 */
export const boundTo = (l: PayerLedger, quote: string, paidSat: bigint, quoteSat: bigint): PayerLedger =>
  l.quote === quote && l.bound.paidSat > paidSat
    ? l
    : {
        ...l,
        quote,
        past: l.quote === null || l.quote === quote ? l.past : [...l.past, l.quote],
        bound: { paidSat, quoteSat },
      };
