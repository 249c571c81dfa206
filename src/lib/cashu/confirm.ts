/**
 * The command `ecash-quote --confirm`: takes the mint's figures of all quotes of a contract as what
 * was reported. Over a contract that the home pays it confirms the debt (`mint/confirm.ts`).
 */
import { FUNDED, creditKind, inState, type Credit, type PayerCredit } from '../credit/records.ts';
import { ledgerClaim, ledgerKind, payeeLedger, waitingOf, type Ledger } from '../ecash/ledger.ts';
import { newQuote, quoteClaim, quoteKind, type Quote } from '../ecash/quote.ts';
import { change, listRecords, loadRecord } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { mintOf } from '../mint/bind.ts';
import { confirmOwed, confirmQuotes, refusedAsUnpaid } from '../mint/confirm.ts';
import { checkInvoice, parseInvoice } from '../mint/invoice.ts';
import { invoiceClaim, invoiceKind, newInvoice, type InvoiceRecord } from '../mint/records.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { mintQuote } from './quotes.ts';

/**
 * Confirms the figures of a contract's quotes.
 * @param named quotes of the contract that this store has lost
 * @param isNamed whether the operator named the mint
 * @returns the document of what was found and what holds from now on
 * @throws Refusal `home-restored` while the journal may still bring what it would leave out,
 * `unknown-contract`, `not-your-turn`, `quote-bound`, `quote-unknown`, `quote-unlocked`,
 * `mint-private`, `mint-unavailable`
 */
export async function confirmFigures(
  { store, restored }: Home,
  contract: Hex,
  named: readonly string[],
  isNamed: (mint: string) => boolean,
): Promise<object> {
  if (restored) throw homeRestored('its journal may know of more that was reported, quoted and paid');
  const all = await listRecords(store, quoteKind);
  // Includes retired quotes, whose payments count.
  const own = all.filter((q) => q.contract === contract && q.reserved === null).map(({ id }) => id);
  const ids = [...new Set([...own, ...named])];
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
      const c = inState(found.contract as Credit | undefined, 'payee', 'accepted', ...FUNDED);
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
        result: confirmation(contract, {
          paid_sat: done.ledger.paidSat,
          at_the_mint_sat: done.shownSat,
          reported_sat: done.ledger.issuedSat,
          waiting_sat: waitingOf(done.ledger),
          given_up: done.quotes.filter(({ id, retired }) => retired && !before.has(id)).map(({ id }) => id),
        }),
      };

      /** Resolves to a quote with the mint's figures; a lost one counts as given up. */
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
}

const confirmation = (contract: Hex, figures: object): object => ({
  type: 'ecash-quote',
  version: 1,
  step: 'confirmed',
  contract,
  ...figures,
});

/**
 * Confirms this home's debt over a contract, and that some invoices were not paid before the store
 * was lost.
 * @param unpaid invoices by id, or by the merchant's line if the store has lost them
 * @returns undefined if it pays no merchant over the contract
 * @throws Refusal `home-restored`, `not-an-invoice`, `malformed-invoice`, `bad-seal`,
 * `invoice-paid`
 */
export async function confirmDebt(
  { store, restored }: Home,
  contract: Hex,
  unpaid: readonly string[],
): Promise<object | undefined> {
  const kinds = { contract: creditKind, invoice: invoiceKind };
  type Found = { contract: Credit; invoice: InvoiceRecord };
  const isOwing = (c: Credit | undefined): c is PayerCredit =>
    c?.role === 'payer' && 'owedSat' in c && c.owedSat !== null;
  const claim = idClaim(contract);
  const debt = (await loadRecord(store, creditKind, claim))?.record;
  if (!isOwing(debt)) return undefined;
  if (restored) throw homeRestored('its journal may know of more that was paid');
  const listed = async () => (await listRecords(store, invoiceKind)).filter((one) => one.contract === contract);
  const known = new Map((await listed()).map((one) => [one.id, one]));
  for (const lost of unpaid.map((text) => known.get(text) ?? invoiceOf(debt, text)))
    await change<Found, void>(
      store,
      kinds,
      () => ({ invoice: invoiceClaim(lost.digest) }),
      ({ invoice = lost }) => ({ writes: { invoice: refusedAsUnpaid(invoice) }, result: undefined }),
    );
  const invoices = await listed();
  return change<Found, object>(
    store,
    kinds,
    () => ({ contract: claim }),
    (found) => {
      const confirmed = confirmOwed(found.contract as PayerCredit, invoices);
      const doubted = invoices.filter((one) => one.doubted && !one.paid);
      const open = doubted.map(({ id, amountSat }) => ({ id, amount_sat: amountSat }));
      return {
        writes: { contract: confirmed },
        result: confirmation(contract, { owed_sat: confirmed.owedSat, doubted: open }),
      };
    },
  );
}

/** Returns the record of a lost invoice, made from its line. */
function invoiceOf({ id: contract, terms }: PayerCredit, line: string): InvoiceRecord {
  const invoice = parseInvoice(line);
  if (invoice.contract !== contract) throw new Refusal('not-an-invoice', 'an invoice over another contract found');
  checkInvoice(invoice, terms);
  const { digest, id, amountSat } = invoice;
  return newInvoice({ digest, id, contract, amountSat });
}
