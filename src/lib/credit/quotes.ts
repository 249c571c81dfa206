/**
 * Which quote of a running mint a payment belongs to, where the contract's ecash comes from one (`ecash: cdk`): the one that
 * the payer's `asked` names, else the contract's reusable one; before there is any, the payments wait as one sum.
 * The rules of a quote itself: `ecash/quote.ts`.
 */
import { checkUnpaid, creditQuote, quoteClaim, reserve, reusableClaim, type Quote } from '../ecash/quote.ts';
import type { Claim, Facts, Queries } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Asked, Credit, Inflight, PayeeCredit, PayerCredit } from './records.ts';
import type { Terms } from './terms.ts';
import type { UpdateAt, UpdateMessage } from './update-messages.ts';

type Named = Pick<Asked, 'id' | 'until' | 'quote'> | null;
const askedIn = (m: UpdateMessage | null): Named => (m && 'asked' in m ? m.asked : null);

/** Where the payee finds the quote that a message is about. */
export function quoteOf(m: UpdateMessage | null, c: Credit | undefined): Claim | undefined {
  if (!m || !c || c.role !== 'payee' || !('terms' in c) || c.terms.ecash !== 'cdk') return undefined;
  const named = askedIn(m)?.quote;
  return named ? quoteClaim(named) : m.step === 'signed' ? reusableClaim(c.id) : undefined;
}

/** What the mint is asked, where the payer names a quote. */
export function quoteQuery(m: UpdateMessage | null): Queries['quote'] {
  const id = askedIn(m)?.quote;
  const mint = m?.contract.mint_url;
  return id && mint ? { mint, id } : null;
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
  facts: Pick<Facts, 'quote' | 'now'>,
): { quote?: Quote } {
  if (!asked?.quote) return {};
  checkTakesQuotes(c.terms);
  const { quote: id, until } = asked;
  const wish = { id, contract: c.id, mint: c.terms.mint_url!, amountSat, until };
  return { quote: reserve(known, wish, facts.quote, facts.now) };
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
  found: Facts['quote'],
): { waitingSat: bigint; quote?: Quote } {
  const { waitingSat } = c;
  if (c.terms.ecash !== 'cdk') return { waitingSat };
  if (!known && !asked?.quote) return { waitingSat: waitingSat + amountSat };
  if (!known || known.contract !== c.id)
    throw new Refusal('quote-bound', `quote ${asked?.quote} is not this contract's any more`, { hint: 'ask again' });
  if (known.reserved !== null) checkUnpaid(found, { amountSat, pubkey: null });
  return { waitingSat, quote: creditQuote(known, amountSat) };
}

// ── the payer's side: what was paid and has not arrived at the mint ──────────────────────────────────────────────────

/** Which figure tells the payer what of its payments has arrived: that of the oldest one. */
export function inflightQuery(c: Credit | undefined): Queries['quote'] {
  if (c?.role !== 'payer' || !('inflight' in c) || c.terms.mint_url === null) return null;
  const [oldest] = c.inflight;
  const id = oldest && (oldest.quote ?? c.quote);
  return id ? { mint: c.terms.mint_url, id } : null;
}

/**
 * The payer's record with one more payment under way, less those that the mint's own figure shows as arrived.
 * @param m what is about to be signed, @param most `--max-inflight`; without it, one payment
 * @throws Refusal `ecash-awaited`
 */
export function payForQuote(
  c: PayerCredit,
  m: UpdateAt<'requested'>,
  found: Facts['quote'],
  most: bigint | undefined,
): Pick<PayerCredit, 'inflight' | 'foreignSat'> {
  const { inflight, foreignSat } = c;
  if (c.terms.ecash !== 'cdk' || m.paid_sat <= c.signedMaxSat) return { inflight, foreignSat };
  const arrived = (p: Inflight): boolean =>
    typeof found === 'object' && found.id === (p.quote ?? c.quote) && found.paidSat >= p.arrivesSat;
  const left = inflight.filter((p) => !arrived(p));
  const sum = left.reduce((all, p) => all + p.amountSat, 0n);
  if (most === undefined ? left.length > 0 : sum + m.amount_sat > most)
    throw new Refusal('ecash-awaited', `${sum} sat were paid and have not arrived at the mint`, {
      hint:
        c.quote === null ? 'tie a quote of the mint to the contract: ecash-quote' : 'or allow more: --max-inflight SAT',
    });
  const named = m.asked?.quote && m.asked.quote !== c.quote ? m.asked.quote : null;
  const foreign = named === null ? foreignSat : foreignSat + m.amount_sat;
  const arrivesSat = named === null ? m.paid_sat - foreignSat : m.amount_sat;
  return {
    foreignSat: foreign,
    inflight: [...left, { paidSat: m.paid_sat, amountSat: m.amount_sat, quote: named, arrivesSat }],
  };
}
