/**
 * What becomes of each record of a mint behind contracts at each action: state × action, filled by running it. A cell is
 * the state that follows, or the code that refuses.
 */
import { boundToQuote } from '../../src/lib/ecash/payments.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PayerCredit } from '../../src/lib/credit/records.ts';
import {
  acknowledge,
  creditQuote,
  cutEvent,
  newQuote,
  quoteKind,
  reserve,
  type Quote,
} from '../../src/lib/ecash/quote.ts';
import { confirmQuotes } from '../../src/lib/mint/confirm.ts';
import { parseInvoice, type Invoice } from '../../src/lib/mint/invoice.ts';
import { checkMelt, payMelt, quoteMelt } from '../../src/lib/mint/melt.ts';
import { newToken, tokenKind, withoutSpent, type SignedToken, type TokenRecord } from '../../src/lib/ecash/in-hand.ts';
import { BY_RECEIPT, invoiceKind, newInvoice, type InvoiceRecord, type Melt } from '../../src/lib/mint/records.ts';
import { takeReceipt } from '../../src/lib/mint/settle.ts';
import { signInvoice, signInvoiceReceipt } from '../../src/lib/mint/invoice.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { upTo } from '../../src/lib/credit/spans.ts';
import { ledgerKind, payeeLedger, payerLedger, waitingOf, type Ledger } from '../../src/lib/ecash/ledger.ts';
import { contractWith } from '../credit/things.ts';
import { Market } from '../support/mint-home.ts';
import { codeOf } from '../support/refusal.ts';
import TABLES from './tables.json' with { type: 'json' };

/** A cell for each state and action. */
function filled<S>(
  states: Record<string, S>,
  actions: Record<string, (state: S) => string>,
): Record<string, Record<string, string>> {
  const cell = (run: () => string): string => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
      return error.code;
    }
  };
  return Object.fromEntries(
    Object.entries(states).map(([name, state]) => [
      name,
      Object.fromEntries(Object.entries(actions).map(([action, run]) => [action, cell(() => run(state))])),
    ]),
  );
}
const noneEmpty = (table: Record<string, Record<string, string>>): void => {
  for (const [state, cells] of Object.entries(table))
    for (const [action, found] of Object.entries(cells)) expect(found, `${state} × ${action}`).not.toBe('');
};

describe('a quote', () => {
  const [A, B] = [contractWith(), contractWith({}, 3)];
  const of = { id: 'q', contract: A.id, mint: 'https://mint.example' };
  const fixed = newQuote({ ...of, amountSat: 500n });
  const idle = newQuote({ ...of, amountSat: null });
  const waits = creditQuote(idle, 700n);
  const shown = cutEvent(waits)!;
  const states: Record<string, Quote> = {
    reserved: { ...fixed, reserved: 100 },
    lapsed: { ...fixed, reserved: 10 },
    'bound for one amount': creditQuote(fixed, 500n),
    idle: idle,
    pending: waits,
    'under way': shown,
    arrived: acknowledge(shown, { paidSat: 700n, issuedSat: 0n }),
    stopped: { ...shown, stopped: 'mint-behind' },
    retired: { ...shown, stopped: 'mint-behind', retired: true },
  };
  const say = (q: Quote | undefined): string =>
    q ? `${quoteKind.row(q).state} ${q.creditedSat}/${q.event?.afterSat ?? '-'}/${q.ackSat}` : 'nothing';
  const mintSays = (paidSat: bigint) => ({
    ...of,
    amountSat: 500n,
    pubkey: 'aa',
    paidSat,
    issuedSat: 0n,
    expiry: null,
  });
  const wish = (contract: string) => ({ id: 'q', contract, mint: of.mint, amountSat: 500n, until: 200 });
  const kept = (q: Quote, contract: string): string => {
    const r = reserve(q, wish(contract), mintSays(0n), 50);
    return `${r.contract === A.id ? 'A' : 'B'} until ${r.reserved}`;
  };
  const seen = (paidSat: bigint) => (q: Quote) => say(acknowledge(q, { paidSat, issuedSat: 0n }));

  it('has an answer in each state', () => {
    const table = filled(states, {
      'wished by A': (q) => kept(q, A.id),
      'wished by B': (q) => kept(q, B.id),
      'paid 500': (q) => say(creditQuote(q, 500n)),
      told: (q) => say(cutEvent(q)),
      'mint shows 0': seen(0n),
      'mint shows 700': seen(700n),
      'mint shows 900': seen(900n),
      'mint knows none': (q) => say(acknowledge(q, 'unknown')),
      restored: (q) => say(quoteKind.restored(q)),
    });
    noneEmpty(table);
    expect(table).toEqual(TABLES.quote);
  });
});

describe('the quotes of a ledger', () => {
  const first = boundToQuote(payerLedger(contractWith(), undefined), 'q', 1n, 1n);
  const other = boundToQuote(first, 'r', 2n, 1n);
  const states: Record<string, Ledger> = { first, 'another quote': other };
  const say = (l: Ledger): string => (l.role === 'payer' ? [...l.past, l.quote].join('>') : '');

  it('has an answer in each state', () => {
    const table = filled(states, {
      restored: (l) => say(ledgerKind.restored(l)),
      'meets a journal with another quote': (l) => say(ledgerKind.merged!(l, ledgerKind.restored(other))),
    });
    noneEmpty(table);
    expect(table).toEqual(TABLES.purse);
  });
});

describe('a token', () => {
  const promise = { amount_sat: 1n, id: 'k', C_: 'C', dleq: { e: 'e', s: 's' } };
  const places = [3, 4].map((counter) => ({ counter, amountSat: 1n }));
  const of = { contract: 'c', mint: 'm', keyset: 'k', places, quote: 'q' };
  const asked = newToken({ ...of, promises: null });
  const signed = newToken({ ...of, promises: [promise, promise] }) as SignedToken;
  const states: Record<string, TokenRecord> = {
    asked,
    refused: { ...asked, state: 'refused' },
    signed,
    printed: { ...signed, state: 'printed' },
    'partly spent': withoutSpent({ ...signed, state: 'printed' }, new Set([3])),
    spent: withoutSpent(signed, new Set([3, 4])),
  };
  const say = (t: TokenRecord): string =>
    `${t.state} ${t.places.map(({ counter }) => counter).join() || 'none'}${t.promises ? '+' : ''}${t.older ? '?' : ''}`;
  const meets = (other: TokenRecord) => (t: TokenRecord) => say(tokenKind.merged!(t, tokenKind.restored(other)));

  it('has an answer in each state', () => {
    const table = filled(states, {
      restored: (t) => say(tokenKind.restored(t)),
      'meets a journal with it asked': meets(asked),
      'meets a journal with it signed': meets(signed),
      'meets a journal with it printed': meets(states['printed']!),
      'meets a journal with one coin spent': meets(states['partly spent']!),
      'meets a journal with all spent': meets(states['spent']!),
      'may be dropped': (t) => tokenKind.row(t).over ?? 'no',
    });
    noneEmpty(table);
    expect(table).toEqual(TABLES.token);
  });
});

describe('an invoice', () => {
  let c: PayerCredit;
  let invoice: Invoice;
  let mint: string;
  let secret: Uint8Array;
  beforeAll(async () => {
    const market = await Market.make();
    const id = await market.reverse();
    c = await market.payer(id);
    mint = market.mint.url;
    invoice = parseInvoice(await market.invoice(id, 1_000n));
    secret = (await market.operator.home.keys()).auth(c.own.path);
    await market.close();
  });
  type State = { invoice?: InvoiceRecord; melt?: Melt; c?: PayerCredit };

  it('has an answer in each state', () => {
    const proof = signInvoiceReceipt(invoice.digest, c.id, secret);
    const fresh = newInvoice(invoice);
    const melt: Melt = { quote: 'm', digest: invoice.digest, contract: c.id, round: 0, state: 'new' };
    const open = { ...fresh, quoted: 1 };
    const states: Record<string, State> = {
      unknown: {},
      quoted: { invoice: open, melt },
      refused: { invoice: { ...fresh, round: 1 }, melt },
      paid: { invoice: { ...open, paid: { by: 'm', proof } }, melt: { ...melt, state: 'paid' } },
      'paid by another melt': { invoice: { ...open, paid: { by: 'n', proof } }, melt },
      'shown by receipt': { invoice: { ...open, paid: { by: BY_RECEIPT, proof } }, melt },
      'quoted, lost, confirmed': { invoice: invoiceKind.restored(open), melt },
      'quoted, in a restored contract': { invoice: open, melt, c: { ...c, restored: true } },
    };
    const now = {
      network: 'regtest',
      mint,
      facts: { tip: 1_000, coins: 'not-checked' as const, now: 0 },
      stopped: null,
    };
    const found = ({ c: mine = c, ...rest }: State) => ({ contract: mine, ...rest });
    const table = filled(states, {
      quote: (s) => `${quoteMelt(found(s), 'other', invoice, now).result.amountSat} sat`,
      'quote, same id': (s) => `${quoteMelt(found(s), 'm', invoice, now).result.amountSat} sat`,
      pay: (s) => {
        const { writes, result } = payMelt(
          found(s),
          () => invoice,
          now,
          () => secret,
        );
        return `${result.status}, owed ${(writes.contract as PayerCredit | undefined)?.owedSat ?? 'as before'}`;
      },
      check: (s) => checkMelt(found(s)).result.status,
      show: (s) =>
        `owed ${takeReceipt(s.c ?? c, { ...(s.invoice && { invoice: s.invoice }) }, invoice, proof).contract.owedSat}`,
      restored: (s) => {
        if (!s.invoice) return 'unknown';
        const r = invoiceKind.restored(s.invoice);
        return r.paid ? 'paid' : r.doubted ? 'doubted' : 'open';
      },
    });
    noneEmpty(table);
    expect(table).toEqual(TABLES.invoice);
  });

  it.each([699, 700, 701])('is a line of at most 700 bytes: %i', (bytes) => {
    const named = { contract: c.id, payerAuth: c.terms.payer_auth };
    const terms = { network: 'regtest', ...named, amountSat: 1n, id: 'ab'.repeat(16), expiry: 1 };
    const line = (memo: string) => signInvoice({ ...terms, mint: 'm'.repeat(120), memo }, secret);
    // A letter may be two bytes.
    const memo = 'ü'.repeat(60).padEnd(bytes - Buffer.byteLength(line('')) - 60, 'm');
    const short = line('m');
    const padded = short + ' '.repeat(bytes - short.length);
    if (bytes <= 700) {
      expect(Buffer.byteLength(line(memo))).toBe(bytes);
      expect(parseInvoice(line(memo))).toMatchObject({ memo });
      expect(parseInvoice(padded)).toEqual(parseInvoice(short));
    } else {
      expect(codeOf(() => line(memo))).toBe('usage');
      expect(codeOf(() => parseInvoice(padded))).toBe('malformed-invoice');
    }
  });

  it.each([
    // sat owed in all once an invoice was, where the merchant has settled 10,000; 500 unsettled ones are too many
    [9_999n, 'paid'],
    [10_000n, 'paid'],
    [10_001n, 'failed'],
  ])('makes room where it was settled: of 500, one at %i sat', (owedSat, status) => {
    const fresh = { ...newInvoice(invoice), quoted: 1 };
    const melt: Melt = { quote: 'm', digest: invoice.digest, contract: c.id, round: 0, state: 'new' };
    const due = Array.from({ length: 500 }, (_, i) => ({
      id: invoice.id,
      amountSat: 1n,
      owedSat: i === 0 ? owedSat : 20_000n,
    }));
    const contract = { ...c, signedMaxSat: 10_000n } as PayerCredit;
    const { writes, result } = payMelt(
      { contract, invoice: fresh, melt, tab: { contract: c.id, due } },
      () => invoice,
      { network: 'regtest', mint, facts: { tip: 1_000, coins: 'not-checked', now: 0 }, stopped: null },
      () => secret,
    );
    expect(result.status).toBe(status);
    if (status === 'paid') expect(writes.tab!.due).toHaveLength(500);
    else {
      expect(result).toMatchObject({ code: 'invoices-unsettled' });
      expect(writes).toEqual({ melt: { ...melt, state: 'refused' } });
    }
  });
});

it('what is confirmed sums the quotes of a contract, whatever their state', () => {
  const { terms, ...rest } = contractWith();
  const cdk = { ...rest, terms: { ...terms, ecash: 'cdk' }, paidSat: 2_000n, restored: false } as never;
  const payee = { ...payeeLedger(cdk, undefined), quoted: upTo(2_000n) };
  const quote = (id: string, paid: bigint, change: Partial<Quote>) => ({
    quote: { ...newQuote({ id, contract: 'c', mint: 'm', amountSat: null }), creditedSat: paid, ...change },
    figures: { paidSat: paid, issuedSat: 0n },
  });
  const done = confirmQuotes(payee, [
    quote('a', 300n, { retired: true, stopped: 'mint-behind', ackSat: 300n }),
    quote('b', 500n, { stopped: 'home-restored', ackSat: 500n }),
    quote('c', 200n, { ackSat: 100n }),
  ]);
  expect([done.ledger.issuedSat, waitingOf(done.ledger)]).toEqual([1_000n, 900n]);
});
