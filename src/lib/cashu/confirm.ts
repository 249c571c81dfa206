/** `ecash-quote --confirm`: reads the figures of all quotes of a contract at its mint, and goes on from them (`mint/confirm.ts`). */
import { FUNDED, creditKind, must, type Credit } from '../credit/records.ts';
import { ledgerClaim, ledgerKind, payeeLedger, waitingOf, type Ledger } from '../ecash/ledger.ts';
import { newQuote, quoteClaim, quoteKind, type Quote } from '../ecash/quote.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { mintOf } from '../mint/bind.ts';
import { confirmOwed, confirmQuotes } from '../mint/confirm.ts';
import { invoiceKind } from '../mint/records.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { mintQuote } from './quotes.ts';

/**
 * @param named quotes that belonged to the contract and that this store has lost
 * @param isNamed whether the operator named the mint
 * @returns the document that says what was found and what holds from now on
 * @throws Refusal `home-restored` where the journal may still bring what it would leave out; `unknown-contract`, `not-your-turn`, `quote-bound`, `quote-unknown`, `quote-unlocked`, `mint-private`, `mint-unavailable`
 */
export async function confirmFigures(
  { store, restored }: Home,
  contract: Hex,
  named: readonly string[],
  isNamed: (mint: string) => boolean,
): Promise<object> {
  if (restored) throw homeRestored('its journal may know of more that was reported, quoted and paid');
  const all = (await store.list('quote')).map(({ record }) => quoteKind.parse(record));
  // Those that were given up too: what they got was paid.
  const own = all.filter((q) => q.contract === contract && q.reserved === null).map(({ id }) => id);
  const ids = [...new Set([...own, ...named])];
  const invoices = (await store.list('invoice')).map(({ record }) => invoiceKind.parse(record));
  const kinds = {
    contract: creditKind,
    ledger: ledgerKind,
    ...Object.fromEntries(ids.map((id) => [`quote ${id}`, quoteKind])),
  } as never;
  return change<Record<string, Quote> & { contract: Credit & Quote; ledger: Ledger & Quote }, object>(
    store,
    kinds,
    () =>
      ({
        contract: idClaim(contract),
        ledger: ledgerClaim(contract),
        ...Object.fromEntries(ids.map((id) => [`quote ${id}`, quoteClaim(id)])),
      }) as never,
    async (found) => {
      const credit = found.contract as Credit | undefined;
      if (credit?.role === 'payer' && 'owedSat' in credit && credit.owedSat !== null) {
        const confirmed = confirmOwed(credit, invoices);
        return { writes: { contract: confirmed as never }, result: said({ owed_sat: confirmed.owedSat }) };
      }
      const c = must(credit, 'payee', 'accepted', ...FUNDED);
      const { ecash_pubkey } = c.terms;
      const mint = mintOf(c.terms);
      const at = { url: mint, named: isNamed(mint) };
      const quotes = await Promise.all(ids.map((id) => figuresOf(id, found[`quote ${id}`])));
      const done = confirmQuotes(payeeLedger(c, found.ledger), quotes);
      const before = new Set(quotes.filter(({ quote }) => quote.retired).map(({ quote }) => quote.id));
      return {
        writes: {
          ledger: done.ledger as never,
          ...Object.fromEntries(done.quotes.map((quote) => [`quote ${quote.id}`, quote])),
        },
        result: said({
          paid_sat: done.ledger.paidSat,
          at_the_mint_sat: done.shownSat,
          reported_sat: done.ledger.issuedSat,
          waiting_sat: waitingOf(done.ledger),
          given_up: done.quotes.filter(({ id, retired }) => retired && !before.has(id)).map(({ id }) => id),
        }),
      };

      /** A quote with the mint's figures; one that this store has lost counts as one that was given up, now and later. */
      async function figuresOf(id: string, quote: Quote | undefined) {
        if (quote && quote.contract !== contract)
          throw new Refusal('quote-bound', `quote ${id} belongs to another contract of this home`);
        const figures = await mintQuote(at, id);
        if (quote) return { quote, figures };
        if (figures === 'unknown') throw new Refusal('quote-unknown', `the mint knows no quote ${id}`);
        const { amountSat, pubkey, paidSat, issuedSat } = figures;
        if (amountSat === null && pubkey !== ecash_pubkey)
          throw new Refusal('quote-unlocked', `quote ${id} is not locked to the ecash key of this contract`);
        const lost = newQuote({ id, contract, mint, amountSat });
        return { quote: { ...lost, creditedSat: paidSat, ackSat: paidSat, issuedSat, retired: true }, figures };
      }
    },
  );

  function said(figures: object): object {
    return { type: 'ecash-quote', version: 1, step: 'confirmed', contract, ...figures };
  }
}
