/**
 * The action `ecash-quote`: made (payer), bound (payee), stored (payer).
 *
 * Binds a reusable quote of the mint to the contract. It has no amount and is locked to the
 * contract's `ecash_pubkey`, so that only the payer can mint from it. The payer makes it at the
 * mint; the payee asks the mint about it, and from then on every payment goes to it. Asked again,
 * the payee tells which quote is bound.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { checkFunding } from '../credit/checks.ts';
import { FUNDED, inState, creditKind, type Credit } from '../credit/records.ts';
import { upTo } from '../credit/spans.ts';
import { idClaim } from '../protocol/claims.ts';
import { checkSame, hexOf, messageParser, sat, text, type MessageOf } from '../protocol/message.ts';
import { checkHome, outpointOf, overContract } from '../credit/steps.ts';
import { contractSchema, viewOf, type Terms } from '../credit/terms.ts';
import { ledgerKind, ledgerOf, payeeLedger, payerLedger, waitingOf, type Ledger } from '../ecash/ledger.ts';
import { boundToQuote } from '../ecash/payments.ts';
import {
  requireMintQuote,
  checkNotStopped,
  checkUnpaidQuote,
  mintAnswerOf,
  newQuote,
  quoteClaim,
  quoteKind,
  reusableClaim,
  type Quote,
} from '../ecash/quote.ts';
import { quoteId } from '../ecash/request.ts';
import { table, type Hex, type Queries } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

/** `id` is new each time: what was bound before may have been given up since. */
const boundFields = { contract: contractSchema, id: hexOf(16), mint: text, quote: quoteId };
/** Sum that the payee counts as paid, and the part that belongs to this quote. */
const paidFields = { ...boundFields, paid_sat: sat, credited_sat: sat };
const steps = { made: boundFields, bound: paidFields, stored: paidFields } as const;
export type QuoteMessage = MessageOf<typeof steps>;

export interface QuoteInput {
  contract?: Hex;
  /** Quote that was made at the mint. */
  quote?: string;
}
/** Records: `quote` is the contract's, `named` the one in the message. */
type BindRecords = { contract: Credit; ledger: Ledger; quote: Quote; named: Quote };

/** Table of `ecash-quote`: binds a quote of a running mint to a contract. */
export const ecashQuote = table<QuoteMessage, BindRecords, QuoteInput>(
  {
    type: 'ecash-quote',
    server: 'payee',
    kinds: { contract: creditKind, ledger: ledgerKind, quote: quoteKind, named: quoteKind },
    parse: messageParser('ecash-quote', steps),
    find: (m, input, { contract }) => {
      const id = m?.contract.id ?? input.contract ?? '';
      const ledger = ledgerOf(contract);
      return {
        contract: idClaim(id),
        ...(ledger && { ledger }),
        ...(contract?.role === 'payee' && m && { quote: reusableClaim(id), named: quoteClaim(m.quote) }),
      };
    },
    ...overContract,
  },
  (row) => [
    row({
      name: 'made',
      after: null,
      by: 'payer',
      does: 'makes a quote at the mint, locked to the ecash key of the contract',
      asks: ['contract', 'quote'],
      take: ({ records, input, random }) => {
        const c = inState(records.contract, 'payer', ...FUNDED);
        const named = { mint: mintOf(c.terms), quote: input.quote };
        const id = bytesToHex(random(16));
        return {
          message: { step: 'made', network: c.terms.network, contract: viewOf(c), id, ...named },
          writes: {},
        };
      },
    }),
    row({
      name: 'bound',
      after: 'made',
      by: 'payee',
      does: 'asks the mint what the quote is, and binds it; or tells which one is bound already',
      needs: ({ records, message }) => ({
        remote: records.quote ? [] : atMint(records.contract, message.quote),
        coins: outpointOf(records.contract),
      }),
      take: ({ message: m, records, facts, ...hand }) => {
        checkHome(hand);
        const c = inState(records.contract, 'payee', 'accepted', ...FUNDED);
        checkSame({ mint: mintOf(c.terms) }, m, 'payer');
        const ledger = payeeLedger(c, records.ledger);
        if (ledger.unconfirmed)
          throw new Refusal('contract-restored', 'this contract comes from a restored store: nothing is bound to it', {
            hint: 'the operator compares the figures, and goes on with ecash-quote --confirm',
          });
        const bound = (quote: Quote) =>
          ({ ...m, step: 'bound', quote: quote.id, paid_sat: c.paidSat, credited_sat: quote.creditedSat }) as const;
        if (records.quote) {
          checkNotStopped(records.quote);
          return { message: bound(records.quote), writes: {} };
        }
        const waitingSat = waitingOf(ledger);
        if (c.state !== 'accepted' && c.state !== 'open' && waitingSat === 0n)
          throw new Refusal('wrong-state', `the contract is '${c.state}' in this home, and nothing waits for a quote`);
        if (records.named?.retired && records.named.contract === c.id)
          throw new Refusal(
            'quote-used',
            `quote ${m.quote} was given up when mint or home came back from an older copy`,
            {
              hint: 'mint what it still holds, then make another: ecash-quote --renew',
            },
          );
        if (records.named)
          throw new Refusal('quote-bound', `quote ${m.quote} belongs to another contract, or to one payment`);
        // Quotes are stored for good, so a payer who has funded nothing gets none.
        const checks = c.paidSat > 0n ? {} : { funding: checkFunding(facts.coins, c) };
        checkUnpaidQuote(mintAnswerOf(facts, m.quote), { amountSat: null, pubkey: c.terms.ecash_pubkey });
        const made = newQuote({ id: m.quote, contract: c.id, mint: m.mint, amountSat: null });
        // What was paid before the quote existed is its first payment.
        const quote = { ...made, creditedSat: waitingSat };
        const writes = { quote, ...(c.paidSat > 0n && { ledger: { ...ledger, quoted: upTo(c.paidSat) } }) };
        return { message: bound(quote), writes, checks };
      },
    }),
    row({
      name: 'stored',
      after: 'bound',
      by: 'payer',
      does: 'checks the quote at the mint, and keeps it',
      needs: ({ records, message }) => ({ remote: atMint(records.contract, message.quote) }),
      take: ({ message: m, records, facts }) => {
        const c = inState(records.contract, 'payer', ...FUNDED);
        checkSame({ mint: mintOf(c.terms) }, m, 'payee');
        const quote = requireMintQuote(mintAnswerOf(facts, m.quote));
        if (quote.pubkey !== c.terms.ecash_pubkey || quote.amountSat !== null)
          throw new Refusal('quote-unlocked', `quote ${m.quote} is not locked to this contract's ecash key`, {
            blame: 'payee',
          });
        // A larger statement would let payments count as arrived that no mint shows.
        if (m.credited_sat > m.paid_sat || m.paid_sat > c.signedMaxSat)
          throw new Refusal(
            'paid-moved',
            `${m.paid_sat} sat stated as paid, ${m.credited_sat} of them to this quote; this home has signed for ${c.signedMaxSat} sat`,
            { blame: 'payee', hint: 'a restored payer takes the next update first' },
          );
        const had = payerLedger(c, records.ledger);
        if (had.past.includes(m.quote))
          throw new Refusal('quote-used', `quote ${m.quote} was given up: another one took its place`, {
            blame: 'payee',
          });
        return {
          message: { ...m, step: 'stored' },
          // Payments under way on the earlier quote go on.
          writes: { ledger: boundToQuote(had, m.quote, m.paid_sat, m.credited_sat) },
        };
      },
    }),
  ],
);

/** Asks the record's mint about a quote: what a message says is no address to connect to. */
const atMint = (c: Credit | undefined, id: string): Queries['remote'] =>
  c && 'terms' in c && c.terms.ecash === 'cdk' ? [{ at: mintOf(c.terms), id }] : [];

/** Returns the URL of a contract's mint. @throws Refusal `wrong-state` if it has none */
export function mintOf({ ecash, mint_url }: Terms): string {
  if (ecash !== 'cdk')
    throw new Refusal('wrong-state', `a contract with ecash '${ecash}' found, one with a running mint expected`);
  // Terms without a URL are refused when they are read.
  return mint_url!;
}
