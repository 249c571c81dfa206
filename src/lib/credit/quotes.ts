/**
 * Which quote of a running mint a payment belongs to, where the contract's ecash comes from one (`ecash: cdk`): the one that
 * the payer's `asked` names, else the contract's reusable one; before there is any, the payments wait as one sum.
 * The rules of a quote itself: `ecash/quote.ts`.
 */
import {
  checkNotStopped,
  checkUnpaid,
  creditQuote,
  foundOf,
  quoteClaim,
  reserve,
  reusableClaim,
  type Found,
  type MintQuote,
  type Quote,
} from '../ecash/quote.ts';
import type { Claim, Facts, Queries } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { lapsesAt } from './asked.ts';
import { placesOf } from './waiting.ts';
import { put, within, type Span } from './spans.ts';
import type { Asked, Credit, Inflight, PayeeCredit, PayerCredit } from './records.ts';
import type { Terms } from './terms.ts';
import type { UpdateAt, UpdateMessage } from './update-messages.ts';

type Named = Pick<Asked, 'id' | 'until' | 'quote'> | null;
const askedIn = (m: UpdateMessage | null): Named => (m && 'asked' in m ? m.asked : null);

/** Where the payee finds the quote that a message is about. */
export function quoteOf(m: UpdateMessage | null, c: Credit | undefined): Claim | undefined {
  if (c?.role !== 'payee' || !('terms' in c) || c.terms.ecash !== 'cdk') return undefined;
  const named = askedIn(m)?.quote;
  return named ? quoteClaim(named) : reusableClaim(c.id);
}

/** Nobody signs for what would be refused then. @throws Refusal as `checkNotStopped` */
export function checkGoesOn(c: PayeeCredit, quote: Quote | undefined): void {
  if (quote?.contract === c.id) checkNotStopped(quote);
}

/** What the mint that the record names is asked, where the payer names a quote. */
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

/** The payer asks for a quote: kept for it until the wish lapses. @throws Refusal as `reserve` */
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
  return { quote: reserve(known, wish, foundOf(facts, wish.id), facts.now) };
}

/**
 * An accepted payment as ecash to come: of its quote, or of none yet.
 * @throws Refusal `quote-bound` where the quote went to another contract meanwhile; as `checkUnpaid` and `creditQuote`
 */
export function creditPayment(
  c: PayeeCredit,
  asked: Named,
  amountSat: bigint,
  known: Quote | undefined,
  found: Found,
): Pick<PayeeCredit, 'quoted'> & { quote?: Quote } {
  const { quoted, paidSat } = c;
  if (c.terms.ecash !== 'cdk' || (!known && !asked?.quote)) return { quoted };
  if (known?.contract !== c.id)
    throw new Refusal('quote-bound', `quote ${asked?.quote} is not this contract's any more`, { hint: 'ask again' });
  if (known.reserved !== null) checkUnpaid(found, { amountSat, pubkey: null });
  const places = put(quoted, { fromSat: paidSat, toSat: paidSat + amountSat });
  return { quoted: places, quote: creditQuote(known, amountSat) };
}

// ── the payer's side: what was paid and has not arrived at the mint ──────────────────────────────────────────────────

export const QUOTE_LIMITS = {
  /** Of which the payer asks what has arrived. */
  queries: { unit: 'items', most: 8 },
} satisfies Limits;

/** Which figures tell the payer what of its payments has arrived. */
export function inflightQueries(c: Credit | undefined): Queries['remote'] {
  if (c?.role !== 'payer' || !('inflight' in c) || c.terms.mint_url === null) return [];
  const at = c.terms.mint_url;
  const ids = new Set(c.inflight.flatMap((p) => p.quote ?? c.quote ?? []));
  return [...ids].slice(0, QUOTE_LIMITS.queries.most).map((id) => ({ at, id }));
}

/** What of the payments under way the mint's figures do not show as arrived. */
export const stillInflight = (c: PayerCredit, found: Facts['remote']): Inflight[] =>
  c.inflight.filter((p) => !hasArrived(c, p, found));

/**
 * The payer's record with one more payment under way, less those that the mint's own figures show as arrived, and those
 * whose place it takes: the payee has not accepted them, and asks for the same sum once more.
 * @param m what is about to be signed, @param most `--max-inflight`; without it, one payment
 * @throws Refusal `ecash-awaited`
 */
export function payForQuote(
  c: PayerCredit,
  m: UpdateAt<'requested'>,
  found: Facts['remote'],
  most: bigint | undefined,
): Pick<PayerCredit, 'inflight' | 'went'> {
  if (c.terms.ecash !== 'cdk') return { inflight: c.inflight, went: c.went };
  const known = acceptedUpTo(c, m.previous_paid_sat, found);
  const replaced = (p: Inflight): boolean => p.paidSat > m.previous_paid_sat && p.paidSat <= m.paid_sat;
  const left = stillInflight(known, found).filter((p) => !replaced(p));
  const sum = left.reduce((all, p) => all + p.amountSat, 0n);
  const isOver = most === undefined ? left.length > 0 : sum + m.amount_sat > most;
  if (m.paid_sat > c.signedMaxSat && isOver)
    throw new Refusal('ecash-awaited', `${sum} sat were paid and have not arrived at the mint`, {
      hint:
        c.quote === null
          ? 'tie a quote of the mint to the contract: ecash-quote'
          : 'or allow more: --max-inflight SAT; after a restore ecash-quote tells what has arrived',
    });
  const quote = m.asked?.quote && m.asked.quote !== c.quote ? m.asked.quote : null;
  const now: Inflight = { paidSat: m.paid_sat, amountSat: m.amount_sat, quote };
  // Signed again after it had arrived, it is not under way once more.
  const overlaps = (p: Inflight): boolean => p.paidSat > m.previous_paid_sat && fromOf(p) < m.paid_sat;
  if (m.paid_sat <= c.signedMaxSat && !known.inflight.some(overlaps)) return { inflight: left, went: known.went };
  const went = put(known.went, placesOf(now));
  return { went, inflight: hasArrived({ ...known, went }, now, found) ? left : [...left, now] };
}

/** The record once the payee counts so much as paid: of two payments for the same places, the one that came to this sum. */
function acceptedUpTo(c: PayerCredit, paidSat: bigint, found: Facts['remote']): PayerCredit {
  const accepted = c.inflight.find((p) => p.paidSat === paidSat);
  const inflight = c.inflight.filter((p) => !accepted || p.paidSat <= fromOf(accepted) || p.paidSat >= paidSat);
  const sure = inflight.filter((p) => p === accepted || (p.quote !== null && hasArrived(c, p, found)));
  return { ...c, inflight, went: sure.reduce((all, p) => put(all, placesOf(p)), [...c.went]) };
}

const fromOf = ({ paidSat, amountSat }: Inflight): bigint => paidSat - amountSat;

/** What earlier quotes of the contract got counts for the one that it has now. */
function hasArrived(c: PayerCredit, { paidSat, amountSat, quote }: Inflight, found: Facts['remote']): boolean {
  const figures = found.get(quote ?? c.quote ?? '') as MintQuote | 'unknown' | undefined;
  if (figures === undefined || figures === 'unknown') return false;
  const figure = figures.paidSat;
  return figure >= (quote === null ? c.bound.quoteSat + ownSat(c, paidSat) - ownSat(c, c.bound.paidSat) : amountSat);
}

/** What of so much belongs to reusable quotes; what is not known does. */
const ownSat = ({ went }: PayerCredit, paidSat: bigint): bigint => paidSat - within(went.filter(isForeign), paidSat);
const isForeign = (s: Span): boolean => s.foreign === true;

/**
 * The payer's record with the reusable quote that it has now, and what the payee says of it.
 * @param paidSat what the payee counts as paid, @param quoteSat what of it belongs to this quote
 */
export const boundTo = <C extends PayerCredit>(c: C, quote: string, paidSat: bigint, quoteSat: bigint): C =>
  c.quote === quote && c.bound.paidSat > paidSat ? c : { ...c, quote, bound: { paidSat, quoteSat } };
