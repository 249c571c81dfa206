/**
 * ecash-quote: made (payer) → bound (payee) → stored (payer).
 *
 * One reusable quote of the mint becomes the contract's: without an amount, locked to the contract's `ecash_pubkey`, so that
 * nobody but the payer can mint from it. The payer makes it at the mint; the payee asks the mint what it is, and from then
 * on every payment goes to it. Asked again, the payee tells which one is bound.
 */
import * as v from 'valibot';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { must, creditKind, type Credit } from '../credit/records.ts';
import { idClaim } from '../protocol/claims.ts';
import { checkSame, hexOf, messageParser, type MessageOf } from '../protocol/message.ts';
import { checkHome, peerAuth, roleIn } from '../credit/steps.ts';
import { contractSchema, viewOf, type Terms } from '../credit/terms.ts';
import {
  checkNotStopped,
  checkUnpaid,
  newQuote,
  quoteClaim,
  quoteKind,
  reusableClaim,
  type Quote,
} from '../ecash/quote.ts';
import { quoteId } from '../ecash/request.ts';
import { table, type Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { purseClaim, purseKind, type Purse } from './purse.ts';

/** `id` is new each time: what was bound before may have been given up since. */
const said = { contract: contractSchema, id: hexOf(16), mint: v.pipe(v.string(), v.maxLength(200)), quote: quoteId };
const steps = { made: said, bound: said, stored: said } as const;
export type QuoteMessage = MessageOf<typeof steps>;

export interface QuoteInput {
  contract?: Hex;
  /** The quote that was made at the mint. */
  quote?: string;
}
/** `quote`: the contract's; `named`: the one in the message. */
type Rs = { contract: Credit; quote: Quote; named: Quote; purse: Purse };

export const ecashQuote = table<QuoteMessage, Rs, QuoteInput>(
  {
    type: 'ecash-quote',
    server: 'payee',
    kinds: { contract: creditKind, quote: quoteKind, named: quoteKind, purse: purseKind },
    parse: messageParser('ecash-quote', steps),
    find: (m, input, { contract }) => {
      const id = m?.contract.id ?? input.contract ?? '';
      return {
        contract: idClaim(id),
        ...(contract?.role === 'payer' && { purse: purseClaim(id) }),
        ...(contract?.role === 'payee' && m && { quote: reusableClaim(id), named: quoteClaim(m.quote) }),
      };
    },
    party: ({ records }) => roleIn(records.contract),
    peer: ({ records, message }) => (message ? peerAuth(records.contract) : null),
    sealWith: ({ contract }) => contract!.own.path,
  },
  (row) => [
    row({
      name: 'made',
      after: null,
      by: 'payer',
      does: 'makes a quote at the mint, locked to the ecash key of the contract',
      asks: ['contract', 'quote'],
      take: ({ records, input, random }) => {
        const c = must(records.contract, 'payer', 'open');
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
        quote: records.quote ? null : { mint: message.mint, id: message.quote },
      }),
      take: ({ message: m, records, facts, ...hand }) => {
        checkHome(hand);
        const c = must(records.contract, 'payee', 'accepted', 'open');
        checkSame({ contract: viewOf(c), mint: mintOf(c.terms) }, m, 'payer');
        if (c.unconfirmed)
          throw new Refusal('contract-restored', 'this contract comes from a restored store: nothing is bound to it', {
            hint: 'the operator compares the figures, and goes on with ecash-quote --confirm',
          });
        const bound = (quote: string) => ({ ...m, step: 'bound', quote }) as const;
        if (records.quote) {
          checkNotStopped(records.quote);
          return { message: bound(records.quote.id), writes: {} };
        }
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
        checkUnpaid(facts.quote, { amountSat: null, pubkey: c.terms.ecash_pubkey });
        const made = newQuote({ id: m.quote, contract: c.id, mint: m.mint, amountSat: null });
        return {
          message: bound(m.quote),
          // What was paid before there was a quote is its first payment.
          writes: { contract: { ...c, waitingSat: 0n }, quote: { ...made, creditedSat: c.waitingSat } },
        };
      },
    }),
    row({
      name: 'stored',
      after: 'bound',
      by: 'payer',
      does: 'checks the quote at the mint, and keeps it',
      needs: ({ message }) => ({ quote: { mint: message.mint, id: message.quote } }),
      take: ({ message: m, records, facts }) => {
        const c = must(records.contract, 'payer', 'open');
        checkSame({ contract: viewOf(c), mint: mintOf(c.terms) }, m, 'payee');
        const { quote } = facts;
        if (quote === 'not-checked') throw new Refusal('mint-unavailable', 'the mint was not asked about its quote');
        if (quote === 'unknown') throw new Refusal('quote-unknown', 'the mint knows no such quote');
        if (quote.pubkey !== c.terms.ecash_pubkey || quote.amountSat !== null)
          throw new Refusal('quote-unlocked', `quote ${m.quote} is not locked to this contract's ecash key`, {
            blame: 'payee',
          });
        const had = records.purse?.quote === m.quote ? records.purse : undefined;
        return {
          message: { ...m, step: 'stored' },
          writes: {
            contract: { ...c, quote: m.quote },
            purse: had ?? { contract: c.id, mint: m.mint, quote: m.quote, minting: null },
          },
        };
      },
    }),
  ],
);

/** @throws Refusal `wrong-state` where the contract's ecash comes from elsewhere */
export function mintOf(terms: Terms): string {
  if (terms.ecash !== 'cdk' || terms.mint_url === null)
    throw new Refusal('wrong-state', `a contract with ecash '${terms.ecash}' found, one with a running mint expected`);
  return terms.mint_url;
}
