/** `ecash-quote --confirm`: reads the figures of all quotes of a contract at its mint, and goes on from them (`mint/confirm.ts`). */
import { creditKind, type Credit } from '../credit/records.ts';
import { quoteClaim, quoteKind, type Quote } from '../ecash/quote.ts';
import { change } from '../home/change.ts';
import type { HomeStore } from '../home/store.ts';
import { mintOf } from '../mint/bind.ts';
import { confirmQuotes } from '../mint/confirm.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { mintQuote } from './quotes.ts';

/**
 * @param others quotes that belonged to the contract and that this store has lost
 * @returns the document that says what was found and what holds from now on
 */
export async function confirmFigures(store: HomeStore, contract: Hex, others: readonly string[]): Promise<object> {
  const all = (await store.list('quote')).map(({ record }) => quoteKind.parse(record));
  const ids = all.filter((q) => q.contract === contract && !q.retired && q.reserved === null).map(({ id }) => id);
  const kinds = { contract: creditKind, ...Object.fromEntries(ids.map((id) => [id, quoteKind])) } as never;
  return change<Record<string, Quote> & { contract: Credit & Quote }, object>(
    store,
    kinds,
    () => ({ contract: idClaim(contract), ...Object.fromEntries(ids.map((id) => [id, quoteClaim(id)])) }) as never,
    async (found) => {
      const c = found.contract as Credit | undefined;
      if (c?.role === 'payer' && 'owedSat' in c) {
        const { owedSat } = c;
        return { writes: { contract: { ...c, restored: false } as never }, result: said({ owed_sat: owedSat }) };
      }
      if (c?.role !== 'payee' || !('issuedSat' in c))
        throw new Refusal('unknown-contract', 'no such contract in this home');
      const mint = mintOf(c.terms);
      const quotes = await Promise.all(
        ids.map(async (id) => ({ quote: found[id] as Quote, figures: await mintQuote(mint, id) })),
      );
      const lost = await Promise.all(others.filter((id) => !ids.includes(id)).map((id) => mintQuote(mint, id)));
      const done = confirmQuotes(c, quotes, lost);
      return {
        writes: {
          contract: done.contract as never,
          ...Object.fromEntries(done.quotes.map((quote) => [quote.id, quote])),
        },
        result: said({
          paid_sat: done.contract.paidSat,
          at_the_mint_sat: done.shownSat,
          reported_sat: done.contract.issuedSat,
          waiting_sat: done.contract.waitingSat,
          given_up: done.quotes.filter(({ retired }) => retired).map(({ id }) => id),
        }),
      };
    },
  );

  function said(figures: object): object {
    return { type: 'ecash-quote', version: 1, step: 'confirmed', contract, ...figures };
  }
}
