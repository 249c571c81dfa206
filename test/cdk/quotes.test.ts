/**
 * Quotes and reporting against a mint that behaves as cdk-mintd does: the rules of the protocol with a running mint, each
 * test named after its rule.
 */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backUp, refused, sealedAs } from '../credit/helpers.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { ASKED_SECONDS } from '../../src/lib/credit/asked.ts';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ledgerClaim, ledgerKind, waitingOf } from '../../src/lib/ecash/ledger.ts';
import { mintEcash } from '../../src/lib/cashu/mint.ts';
import { newMintQuote, quoteFor } from '../../src/lib/cashu/quotes.ts';
import { confirmFigures } from '../../src/lib/cashu/confirm.ts';
import { parseRequest } from '../../src/lib/ecash/request.ts';
import { change } from '../../src/lib/home/change.ts';
import { readJournal } from '../../src/lib/home/journal.ts';
import { startCdk } from '../../src/lib/cdk/backend.ts';
import { rowOf } from '../../src/lib/cdk/report.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { quoteClaim, quoteKind } from '../../src/lib/ecash/quote.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import {
  creditKind,
  settledAs,
  type Credit,
  type FundedCredit,
  type PayerCredit,
} from '../../src/lib/credit/records.ts';
import { Market, until } from '../support/mint-home.ts';
import { TestMint, at, isNamed } from '../support/mint.ts';

let market: Market;
beforeEach(async () => {
  market = await Market.make();
});
afterEach(() => market.close());

const KEY = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
/** Payee: what was reported, and what waits for a quote. */
const sums = async (contract: string): Promise<bigint[]> => {
  const l = await market.operator.ledger(contract);
  return [l.issuedSat, waitingOf({ ...l, role: 'payee' })];
};
/** Payer: what it signed for which quote. */
const went = async (contract: string) => (await market.user.ledger(contract)).went;
const paidAt = (quote: string): number => market.mint.state.quotes.find(({ id }) => id === quote)!.paid;
/** Two ticks of the loop. */
const moment = () => new Promise((done) => setTimeout(done, 500));

describe('what the home is to the mint', () => {
  it('at its start the home must see its own CreatePayment, else it stops: wrong mint', async () => {
    const other = new TestMint();
    await other.serve();
    await other.connect(market.cdk.address);
    const wrong = await startCdk({
      home: market.operator.home,
      source: market.source,
      address: { host: '127.0.0.1', port: 0 },
      mint: other.url,
      insecure: true,
      log: () => {},
    });
    await expect(wrong.proved).rejects.toMatchObject({ code: 'wrong-mint' });
    await wrong.stop();
    await other.stop();
  });

  it('before the mint has proved itself nothing is quoted, paid or reported', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.stop();
    const { url } = market.mint;
    const late = await startCdk({
      home: market.operator.home,
      source: market.source,
      address: { host: '127.0.0.1', port: 0 },
      mint: 'http://127.0.0.1:1',
      insecure: true,
      log: () => {},
    });
    await market.pay(contract, 2_100n);
    const caller = new TestMint();
    await caller.connect(late.address);
    const reverse = await market.reverse();
    const invoice = await market.invoice(reverse, 1_000n);
    await expect(caller.call('GetPaymentQuote', { request: invoice, unit: 'sat', quoteId: 'm' })).rejects.toThrow(
      'mint-unavailable',
    );
    const offer = { paymentOptions: { custom: { offer: invoice, quoteId: 'm' } } };
    expect((await caller.call('MakePayment', offer)).status).toBe('UNKNOWN');
    await moment();
    expect(caller.shown).toEqual([]);
    expect(paidAt(quote)).toBe(0);
    await caller.stop();
    await late.stop();
    expect(url).toBe(market.mint.url);
    await market.start();
  });

  it('an address that is in use, and plaintext elsewhere than on regtest and loopback, are refused', async () => {
    const with_ = (change: object) =>
      startCdk({
        home: market.operator.home,
        source: market.source,
        address: { host: '127.0.0.1', port: 0 },
        mint: market.mint.url,
        insecure: true,
        log: () => {},
        ...change,
      });
    await expect(
      with_({ address: { host: '127.0.0.1', port: Number(market.cdk.address.split(':')[1]) } }),
    ).rejects.toMatchObject({ code: 'cannot-listen' });
    await expect(with_({ address: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({ code: 'insecure-mint' });
    await expect(with_({ insecure: false })).rejects.toMatchObject({ code: 'insecure-mint' });
    await expect(with_({ tlsDir: '/nowhere', client: 'mint', insecure: false })).rejects.toMatchObject({
      code: 'no-input',
    });
    const mainnet = Object.create(market.operator.home, { network: { value: 'mainnet' } });
    await expect(with_({ home: mainnet })).rejects.toMatchObject({ code: 'insecure-mint' });
  });
});

describe('quotes', () => {
  it('CreatePayment stores nothing and refuses a quote without NUT-20 key', async () => {
    const before = await market.operator.state();
    await expect(market.mint.newQuote({ amount: 33 })).rejects.toThrow('quote-unlocked');
    await market.mint.newQuote({ amount: 33, pubkey: KEY });
    await expect(market.mint.newQuote({ amount: 33, pubkey: KEY, unit: 'usd' })).rejects.toThrow('wrong-unit');
    await expect(market.mint.call('CreatePayment', { options: {} })).rejects.toThrow('wrong-unit');
    expect(await market.operator.state()).toEqual(before);
    expect(market.codes()).toEqual(['quote-unlocked', 'wrong-unit', 'wrong-unit']);
  });

  it('a quote or melt is asked for by its own kind of name, and by a name', async () => {
    for (const [method, requestIdentifier] of [
      ['CheckIncomingPayment', { type: 'QUOTE_ID', id: '' }],
      ['CheckIncomingPayment', { type: 'CUSTOM_ID', id: 'q' }],
      ['CheckOutgoingPayment', { type: 'CUSTOM_ID', id: '' }],
      ['CheckOutgoingPayment', { type: 'QUOTE_ID', id: 'q' }],
      ['CheckOutgoingPayment', undefined],
    ] as const)
      await expect(market.mint.call(method, { requestIdentifier } as never)).rejects.toThrow('malformed-message');
  });

  it('its request is one line that names network, quote, amount, mint and home', async () => {
    const fixed = await market.mint.newQuote({ amount: 33, pubkey: KEY });
    const open = await market.mint.newQuote({ pubkey: KEY });
    expect(fixed.request).not.toContain('\n');
    const { id: home } = market.operator.home;
    expect(parseRequest(fixed.request)).toEqual({
      network: 'regtest',
      quote: fixed.id,
      amountSat: 33n,
      mint: market.mint.url,
      home,
    });
    expect(parseRequest(open.request).amountSat).toBe(null);
    for (const text of ['', '{}', fixed.request.replace('33', '3.3'), fixed.request.replace('"quote"', '"id"')])
      expect(() => parseRequest(text)).toThrow(expect.objectContaining({ code: 'malformed-request' }));
  });

  it('a quote without amount has no expiry', async () => {
    const custom = { quoteId: 'q', pubkey: KEY, unixExpiry: '1900000000' };
    expect((await market.mint.call('CreatePayment', { options: { custom } })).expiry).toBe(undefined);
    const amount = { value: '5', unit: 'sat' };
    expect((await market.mint.call('CreatePayment', { options: { custom: { ...custom, amount } } })).expiry).toBe(
      '1900000000',
    );
  });

  describe('the reusable quote', () => {
    const made = async (contract: string, quote: string) =>
      (await market.user.run(ecashQuote, { input: { contract, quote } })).message;
    const bound = async (contract: string, quote: string) => {
      const message = await made(contract, quote);
      return market.operator.run(ecashQuote, { on: message });
    };
    const keyOf = async (contract: string) => ((await market.user.record(contract)) as PayerCredit).terms.ecash_pubkey!;

    it('is one per contract, and told to the payer whenever it asks', async () => {
      const contract = await market.forward();
      const quote = await market.bind(contract);
      const again = await market.bind(contract);
      expect(again).toBe(quote);
      expect(market.mint.state.quotes.filter(({ id }) => id === quote)).toHaveLength(1);
    });

    it('is locked to the ecash key of the contract: a foreign key, or none, is refused', async () => {
      const contract = await market.forward();
      const { id } = await newMintQuote(at(market.mint.url), KEY);
      await refused(() => bound(contract, id), 'quote-unlocked', market.operator);
      market.operator.askMint = async () => ({
        id,
        amountSat: null,
        pubkey: null,
        paidSat: 0n,
        issuedSat: 0n,
        expiry: null,
      });
      await refused(() => bound(contract, id), 'quote-unlocked', market.operator);
    });

    it('is asked about at the mint of the contract, whatever a message names', async () => {
      const contract = await market.forward();
      const { id } = await newMintQuote(at(market.mint.url), await keyOf(contract));
      const urls: string[] = [];
      for (const party of [market.operator, market.user]) {
        const ask = party.askMint;
        party.askMint = (asked) => (urls.push(asked.at), ask(asked));
      }
      const message = await made(contract, id);
      const mint = 'http://10.0.0.1:8332';
      const lie = await sealedAs(market.user, message, { mint });
      await refused(() => market.operator.run(ecashQuote, { on: lie, served: {} }), 'terms-differ', market.operator);
      const bound = (await market.operator.run(ecashQuote, { on: message })).message;
      const back = await sealedAs(market.operator, bound, { mint });
      await refused(() => market.user.run(ecashQuote, { on: back }), 'terms-differ', market.user);
      expect(new Set(urls)).toEqual(new Set([market.mint.url]));
    });

    it('has no amount', async () => {
      const contract = await market.forward();
      const { id } = await newMintQuote(at(market.mint.url), await keyOf(contract), 500n);
      await refused(() => bound(contract, id), 'quote-amount', market.operator);
    });

    it('is known to the mint, which must answer', async () => {
      const contract = await market.forward();
      await refused(() => bound(contract, 'nobody-knows'), 'quote-unknown', market.operator);
      await market.mint.stop();
      await refused(() => bound(contract, 'nobody-knows'), 'mint-unavailable', market.operator);
      await market.mint.serve(Number(new URL(market.mint.url).port));
      market.operator.askMint = async () => 'not-checked';
      await refused(() => bound(contract, 'nobody-knows'), 'mint-unavailable', market.operator);
    });

    it('whose amount_paid or amount_issued is not 0 is never newly bound', async () => {
      const contract = await market.forward();
      const { id } = await newMintQuote(at(market.mint.url), await keyOf(contract));
      market.mint.state.quotes.find((q) => q.id === id)!.paid = 1;
      await refused(() => bound(contract, id), 'quote-used', market.operator);
      const pubkey = await keyOf(contract);
      market.operator.askMint = async () => ({
        id,
        amountSat: null,
        pubkey,
        paidSat: 0n,
        issuedSat: 1n,
        expiry: null,
      });
      await refused(() => bound(contract, id), 'quote-used', market.operator);
    });

    it('of another contract is refused', async () => {
      const [one, two] = [await market.forward(), await market.forward()];
      const quote = await market.bind(one);
      await refused(() => bound(two, quote), 'quote-bound', market.operator);
    });

    it('is checked by the payer, too', async () => {
      const contract = await market.forward();
      const { id } = await newMintQuote(at(market.mint.url), await keyOf(contract));
      const told = (await bound(contract, id)).message;
      const key = await keyOf(contract);
      for (const [pubkey, amountSat] of [
        [KEY, null],
        [null, null],
        [key, 500n],
        [key, 0n],
      ] as const) {
        market.user.askMint = async () => ({ id, amountSat, pubkey, paidSat: 0n, issuedSat: 0n, expiry: null });
        await refused(() => market.user.run(ecashQuote, { on: told }), 'quote-unlocked', market.user);
      }
      market.user.askMint = async () => 'unknown';
      await refused(() => market.user.run(ecashQuote, { on: told }), 'quote-unknown', market.user);
      market.user.askMint = async () => 'not-checked';
      await refused(() => market.user.run(ecashQuote, { on: told }), 'mint-unavailable', market.user);
    });

    it('is told with no figure that the payer did not sign for, and with none beyond what was paid', async () => {
      const contract = await market.forward();
      const told = (await bound(contract, (await newMintQuote(at(market.mint.url), await keyOf(contract))).id)).message;
      expect([told['paid_sat'], told['credited_sat']]).toEqual([0, 0]);
      for (const change of [{ paid_sat: 1 }, { credited_sat: 1 }]) {
        const on = await sealedAs(market.operator, told, change);
        const { blame } = await refused(() => market.user.run(ecashQuote, { on }), 'paid-moved', market.user);
        expect(blame).toBe('payee');
      }
      expect((await market.user.run(ecashQuote, { on: told })).message['step']).toBe('stored');
    });

    it('belongs to contracts with a running mint only', async () => {
      const reverse = await market.reverse();
      await refused(
        () => market.operator.run(ecashQuote, { input: { contract: reverse, quote: 'q' } }),
        'wrong-state',
        market.operator,
      );
    });
  });

  describe('an amount quote of any wallet', () => {
    const foreign = (amount: number) => market.mint.newQuote({ amount, pubkey: KEY });

    it('named in asked --request, is bound in the transaction that accepts the update, at exactly its amount', async () => {
      const contract = await market.forward();
      const { id } = await foreign(2_100);
      const accepted = await market.pay(contract, 2_100n, id);
      expect(accepted['asked'].quote).toBe(id);
      expect(await market.quote(id)).toMatchObject({ contract, creditedSat: 2_100n, reserved: null });
      await market.arrived(id, 2_100);
    });

    it('for another amount, already paid, unlocked or unknown is refused before anything is signed', async () => {
      const contract = await market.forward();
      const ask = async (amount: bigint, quote: string) => {
        const asked = await market.user.run(signUpdate, { input: { contract, amount, quote } });
        return market.operator.run(signUpdate, { on: asked.message });
      };
      const { id } = await foreign(2_100);
      await refused(() => ask(2_000n, id), 'quote-amount', market.operator);
      await refused(() => ask(2_100n, 'nobody-knows'), 'quote-unknown', market.operator);
      market.mint.state.quotes.find((q) => q.id === id)!.paid = 5;
      await refused(() => ask(2_100n, id), 'quote-used', market.operator);
    });

    it('is only reserved by earlier asked, until they lapse; then another contract may have it', async () => {
      const [one, two] = [await market.forward(), await market.forward()];
      const { id } = await foreign(2_100);
      const ask = async (contract: string) => {
        const asked = await market.user.run(signUpdate, { input: { contract, amount: 2_100n, quote: id } });
        return (await market.operator.run(signUpdate, { on: asked.message })).message;
      };
      const first = await ask(one);
      await refused(() => ask(two), 'quote-bound', market.operator);
      const signed = await market.user.run(signUpdate, { on: first });
      for (const party of [market.user, market.operator]) party.chain.now += 601;
      const second = await ask(two);
      // What was signed for it meanwhile is not lost: it is asked for again, without the quote.
      await refused(() => market.operator.run(signUpdate, { on: signed.message }), 'quote-bound', market.operator);
      const done = await market.user.run(signUpdate, { on: second });
      await market.operator.run(signUpdate, { on: done.message });
      expect(await market.quote(id)).toMatchObject({ contract: two, creditedSat: 2_100n });
    });

    it('is kept for at most ten minutes by the clock of the payee, whatever the payer says', async () => {
      const [one, two] = [await market.forward(), await market.forward()];
      const { id } = await foreign(2_100);
      const asked = await market.user.run(signUpdate, { input: { contract: one, amount: 2_100n, quote: id } });
      const wish = { ...asked.message['asked'], until: 0xffffffffff };
      const forever = await sealedAs(market.user, asked.message, { asked: wish });
      await market.operator.run(signUpdate, { on: forever });
      expect((await market.quote(id)).reserved).toBe(market.operator.chain.now + ASKED_SECONDS);
      for (const party of [market.user, market.operator]) party.chain.now += 601;
      await market.pay(two, 2_100n, id);
      expect(await market.quote(id)).toMatchObject({ contract: two, creditedSat: 2_100n });
      // Nor does the request itself stand in the way of another that ends in the same sum.
      const again = await market.operator.run(signUpdate, { input: { contract: one, amount: 2_100n } });
      expect(again.message['asked']).toBe(null);
    });

    it('is paid once: used twice it is refused', async () => {
      const contract = await market.forward();
      const { id } = await foreign(2_100);
      await market.pay(contract, 2_100n, id);
      await market.arrived(id, 2_100);
      await expect(market.pay(contract, 2_100n, id)).rejects.toMatchObject({ code: 'quote-amount' });
      const other = await market.forward();
      await expect(market.pay(other, 2_100n, id)).rejects.toMatchObject({ code: 'quote-bound' });
    });

    it('needs a contract with a running mint', async () => {
      const reverse = await market.reverse();
      const input = { contract: reverse, amount: 2_100n, quote: 'q' };
      await expect(market.operator.run(signUpdate, { input })).rejects.toMatchObject({ code: 'no-ecash' });
    });
  });
});

describe('--max-inflight counts what was paid and has not arrived', () => {
  const pay = async (contract: string, amount: bigint, input: object = {}, quote?: string) => {
    const asks = { contract, amount, ...(quote !== undefined && { quote }) };
    const asked = await market.user.run(signUpdate, { input: asks });
    const requested = await market.operator.run(signUpdate, { on: asked.message });
    const signed = await market.user.run(signUpdate, { on: requested.message, input });
    return market.operator.run(signUpdate, { on: signed.message });
  };

  it('by default one update: no further one until the mint shows it', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const down = market.at('report-committed', () => market.mint.disconnect());
    await pay(contract, 2_100n);
    await down;
    await expect(pay(contract, 900n)).rejects.toMatchObject({ code: 'ecash-awaited' });
    await pay(contract, 900n, { maxInflight: 3_000n });
    await expect(pay(contract, 1n, { maxInflight: 3_000n })).rejects.toMatchObject({ code: 'ecash-awaited' });
    await market.mint.connect(market.cdk.address);
    await market.arrived(quote, 3_000);
    await pay(contract, 100n);
  });

  it("for a foreign wallet's quote arrived is the mint's amount_paid", async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const { id } = await market.mint.newQuote({ amount: 2_100, pubkey: KEY });
    const down = market.at('report-committed', () => market.mint.disconnect());
    await pay(contract, 2_100n, {}, id);
    await down;
    await expect(pay(contract, 900n)).rejects.toMatchObject({ code: 'ecash-awaited' });
    await market.mint.connect(market.cdk.address);
    await market.arrived(id, 2_100);
    await pay(contract, 900n);
    await market.arrived(quote, 900);
    await pay(contract, 100n);
  });

  it('a wish that lapsed leaves nothing under way once the same sum is paid otherwise', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const { id } = await market.mint.newQuote({ amount: 2_100, pubkey: KEY });
    const asked = await market.user.run(signUpdate, { input: { contract, amount: 2_100n, quote: id } });
    const requested = await market.operator.run(signUpdate, { on: asked.message });
    await market.user.run(signUpdate, { on: requested.message });
    expect(await went(contract)).toEqual([{ fromSat: 0n, toSat: 2_100n, foreign: true }]);
    for (const party of [market.user, market.operator]) party.chain.now += 601;
    await pay(contract, 2_100n);
    expect(await went(contract)).toEqual([{ fromSat: 0n, toSat: 2_100n }]);
    await market.arrived(quote, 2_100);
    await pay(contract, 900n);
    await market.arrived(quote, 3_000);
    await pay(contract, 100n);
  });

  it('a payment that has not arrived hides none that has', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const { id } = await market.mint.newQuote({ amount: 2_100, pubkey: KEY });
    // The mint does not count what it is told of it.
    const stuck = market.mint.state.quotes.find((q) => q.id === id)!;
    Object.defineProperty(stuck, 'paid', { get: () => 0, set: () => {} });
    const most = { maxInflight: 3_000n };
    await pay(contract, 2_100n, most, id);
    for (const paid of [800, 1_600, 2_400]) {
      await pay(contract, 800n, most);
      await market.arrived(quote, paid);
    }
    const { inflight } = await market.user.ledger(contract);
    expect(inflight.map(({ amountSat }) => amountSat)).toEqual([2_100n, 800n]);
  });

  it('before a quote is bound nothing arrives', async () => {
    const contract = await market.forward();
    await pay(contract, 2_100n);
    await expect(pay(contract, 900n)).rejects.toMatchObject({ code: 'ecash-awaited' });
    const quote = await market.bind(contract);
    await market.arrived(quote, 2_100);
    await pay(contract, 900n);
  });
});

describe('reporting', () => {
  it('an accepted update arrives at the mint within a second, whichever process accepted it', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const took: number[] = [];
    for (const paid of [700, 1_400, 2_100]) {
      await market.pay(contract, 700n);
      const began = performance.now();
      await market.arrived(quote, paid);
      took.push(performance.now() - began);
    }
    // Of three, for another process may hold the machine up.
    expect(Math.min(...took)).toBeLessThan(1_000);
    await market.pay(contract, 900n);
    await market.arrived(quote, 3_000);
  });

  it('each accepted update belongs to one quote, written in its own transaction', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const asked = await market.user.run(signUpdate, { input: { contract, amount: 2_100n } });
    const requested = await market.operator.run(signUpdate, { on: asked.message });
    const signed = await market.user.run(signUpdate, { on: requested.message });
    // Nobody reports meanwhile.
    await market.stop();
    const before = await market.operator.home.store.commits();
    await market.operator.run(signUpdate, { on: signed.message });
    expect(await market.operator.home.store.commits()).toBe(before + 1);
    expect(await market.quote(quote)).toMatchObject({ creditedSat: 2_100n });
    const c = await market.payee(contract);
    const l = await market.operator.ledger(contract);
    expect([c.paidSat, l.paidSat, waitingOf({ ...l, role: 'payee' })]).toEqual([2_100n, 2_100n, 0n]);
    await market.start();
  });

  it('what was paid before a quote exists waits as one sum', async () => {
    const contract = await market.forward();
    await market.pay(contract, 2_100n);
    await market.pay(contract, 900n);
    expect(await sums(contract)).toEqual([0n, 3_000n]);
    const quote = await market.bind(contract);
    await market.arrived(quote, 3_000);
    expect(await sums(contract)).toEqual([3_000n, 0n]);
    expect(market.mint.shown.map(({ paymentId }) => paymentId)).toEqual([`${quote}:0:3000`]);
  });

  it('an event is a stored row, committed before anyone sees it', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    let seen: unknown;
    market.at('report-committed', () => void (seen = [market.mint.shown.length, paidAt(quote)]));
    await market.pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    expect(seen).toEqual([0, 0]);
    expect(await market.operator.ledger(contract)).toMatchObject({ issuedSat: 2_100n });
  });

  it('no row is shown that is not in the journal with its payments, though the process that cut it died before that', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const down = market.at('report-committed', () => market.mint.disconnect());
    await market.pay(contract, 2_100n);
    await down;
    const { operator } = market;
    await market.stop();
    operator.journal().forEach((file) => rmSync(file));
    await operator.reopen();
    expect(await rowOf(operator.home.store, quote, market.mint.url)).toMatchObject({ paymentId: `${quote}:0:2100` });
    const key = await operator.home.journalKey();
    const records = operator.journal().flatMap((file) => readJournal(file, key).lines.flatMap((line) => line.records));
    expect(records.map(({ kind }) => kind).sort()).toEqual(['credit', 'ecash', 'quote']);
    await market.start();
  });

  it('stream and CheckIncomingPayment show exactly that row, on every new stream again, and nothing older', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    await until(async () => (await market.quote(quote)).event === null, 'the acknowledgement');
    // The mint goes down after the row was cut and before it has counted it.
    const down = market.at('report-committed', () => market.mint.disconnect());
    await market.pay(contract, 900n);
    await down;
    expect(paidAt(quote)).toBe(2_100);
    market.mint.shown.length = 0;
    await market.mint.connect(market.cdk.address);
    await until(() => market.mint.shown.length > 0, 'the row again');
    expect(market.mint.shown[0]).toEqual({
      paymentIdentifier: { type: 'QUOTE_ID', id: quote },
      paymentAmount: { value: '900', unit: 'sat' },
      paymentId: `${quote}:2100:3000`,
    });
    await market.arrived(quote, 3_000);
    const listed = await market.mint.call('CheckIncomingPayment', {
      requestIdentifier: { type: 'QUOTE_ID', id: quote },
    });
    expect((listed.payments ?? []).every(({ paymentId }) => paymentId === `${quote}:2100:3000`)).toBe(true);
    await until(async () => (await market.quote(quote)).event === null, 'the acknowledgement');
    const none = await market.mint.call('CheckIncomingPayment', {
      requestIdentifier: { type: 'QUOTE_ID', id: quote },
    });
    expect(none.payments ?? []).toEqual([]);
  });

  it("the mint's own figure is the acknowledgement; the next row is cut only then", async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    // It dies with what it is told.
    market.mint.deaf = true;
    await market.pay(contract, 2_100n);
    await expect.poll(() => market.quote(quote)).toMatchObject({ event: { afterSat: 2_100n } });
    for (const amount of [300n, 200n, 100n]) await market.pay(contract, amount);
    await moment();
    expect(await market.quote(quote)).toMatchObject({
      creditedSat: 2_700n,
      ackSat: 0n,
      event: { beforeSat: 0n, afterSat: 2_100n },
    });
    market.mint.disconnect();
    market.mint.deaf = false;
    await market.mint.connect(market.cdk.address);
    await market.arrived(quote, 2_700);
    // What came while one was under way is one row.
    const ids = [...new Set(market.mint.shown.map(({ paymentId }) => paymentId))];
    expect(ids).toEqual([`${quote}:0:2100`, `${quote}:2100:2700`]);
  });

  it('a quote with many payments answers as one with few: with one row', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.stop();
    for (let i = 0; i < 12; i++) await market.pay(contract, 1_000n);
    await market.start();
    await market.arrived(quote, 12_000);
    expect([...new Set(market.mint.shown.map(({ paymentId }) => paymentId))]).toEqual([`${quote}:0:12000`]);
  });

  it('another identifier than a quote is refused', async () => {
    await expect(
      market.mint.call('CheckIncomingPayment', { requestIdentifier: { type: 'CUSTOM_ID', id: 'x' } }),
    ).rejects.toThrow('malformed-message');
  });
});

describe('a mint or a home put back from an older copy', () => {
  const stopped = async (quote: string) => (await market.quote(quote)).stopped;

  it('mint lower than acknowledged: mint-behind; nothing more is reported or accepted on it', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const older = market.mint.backUp();
    await market.pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    await until(async () => (await market.quote(quote)).ackSat === 2_100n, 'the acknowledgement');
    await market.stop();
    market.mint.state = older;
    await market.start();
    await until(() => market.codes().includes('mint-behind'), 'mint-behind');
    expect(await stopped(quote)).toBe('mint-behind');
    // Refused before the customer signs: both what it asks for, and what the operator asks of it.
    const asked = await market.user.run(signUpdate, { input: { contract, amount: 900n } });
    await refused(() => market.operator.run(signUpdate, { on: asked.message }), 'mint-behind', market.operator);
    const input = { contract, amount: 900n };
    await refused(() => market.operator.run(signUpdate, { input }), 'mint-behind', market.operator);
    expect(((await market.user.record(contract)) as PayerCredit).signedMaxSat).toBe(2_100n);
    // Nor is it told as the contract's quote.
    const made = await market.user.run(ecashQuote, { input: { contract, quote } });
    await refused(() => market.operator.run(ecashQuote, { on: made.message }), 'mint-behind', market.operator);
    await moment();
    expect(paidAt(quote)).toBe(0);
  });

  it('amount_issued fallen: mint-behind', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    const at = market.mint.state.quotes.find(({ id }) => id === quote)!;
    at.issued = 2_000;
    await market.pay(contract, 900n);
    await until(async () => (await market.quote(quote)).issuedSat === 2_000n, 'the figure');
    await market.arrived(quote, 3_000);
    at.issued = 0;
    await market.restart();
    await until(async () => (await stopped(quote)) === 'mint-behind', 'mint-behind');
  });

  it('a quote that the mint no longer knows: mint-behind', async () => {
    const older = market.mint.backUp();
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.stop();
    market.mint.state = older;
    await market.start();
    await until(async () => (await stopped(quote)) === 'mint-behind', 'mint-behind');
  });

  it('neither before nor after: the quote stops; higher than told is mint-ahead', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const at = market.mint.state.quotes.find(({ id }) => id === quote)!;
    await market.stop();
    at.paid = 50_000;
    await market.pay(contract, 2_100n);
    await market.start();
    await until(() => market.codes().includes('mint-ahead'), 'mint-ahead');
    expect(await stopped(quote)).toBe('mint-ahead');
    await expect(market.pay(contract, 900n)).rejects.toMatchObject({ code: 'mint-ahead' });
    expect((await market.operator.ledger(contract)).issuedSat).toBe(0n);
  });

  it('until the operator has confirmed the figures: then what was never told waits for a new quote', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const older = market.mint.backUp();
    await market.pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    await until(async () => (await market.quote(quote)).ackSat === 2_100n, 'the acknowledgement');
    await market.stop();
    await market.pay(contract, 900n);
    market.mint.state = older;
    await market.start();
    await until(async () => (await stopped(quote)) === 'mint-behind', 'mint-behind');
    const said = await confirmFigures(market.operator.home, contract, [], isNamed);
    expect(said).toMatchObject({
      step: 'confirmed',
      paid_sat: 3_000n,
      at_the_mint_sat: 0n,
      reported_sat: 2_100n,
      waiting_sat: 900n,
      given_up: [quote],
    });
    // The one that was given up is no quote any more.
    const made = await market.user.run(ecashQuote, { input: { contract, quote } });
    await refused(() => market.operator.run(ecashQuote, { on: made.message }), 'quote-used', market.operator);
    const next = await market.bind(contract);
    expect(next).not.toBe(quote);
    await market.arrived(next, 900);
    expect((await market.operator.ledger(contract)).issuedSat).toBe(3_000n);
    await market.pay(contract, 100n);
    await market.arrived(next, 1_000);
    // 10: what went to the earlier quote counts for the payer as arrived.
    const asked = await market.user.run(signUpdate, { input: { contract, amount: 200n } });
    const requested = await market.operator.run(signUpdate, { on: asked.message });
    await market.user.run(signUpdate, { on: requested.message });
    const { inflight, bound } = await market.user.ledger(contract);
    expect([inflight.map(({ amountSat }) => amountSat), bound]).toEqual([[200n], { paidSat: 3_000n, quoteSat: 900n }]);
  });

  it.each(['closed', 'settled'])(
    'what was paid before a quote was bound becomes ecash also once the contract is %s',
    async (how) => {
      const contract = await market.forward();
      await market.pay(contract, 2_100n);
      if (how === 'closed') {
        const proposed = await market.operator.run(closeCredit, { input: { contract } });
        const signed = await market.user.run(closeCredit, { on: proposed.message, amount: 2_100n });
        await market.operator.run(closeCredit, { on: signed.message });
      } else
        for (const { home } of [market.operator, market.user])
          await change<{ contract: Credit }, void>(
            home.store,
            { contract: creditKind },
            () => ({ contract: idClaim(contract) }),
            ({ contract: c }) => ({
              writes: {
                contract: settledAs(c as FundedCredit, { by: 'exit', txid: 'ab'.repeat(32), paysSat: 2_100n }),
              },
              result: undefined,
            }),
          );
      expect((await market.operator.status(contract)).notes).toContain(
        '2100 sat wait for a quote of the mint: the payer runs ecash-quote',
      );
      const id = await quoteFor(market.user.home.store, contract, isNamed);
      const made = await market.user.run(ecashQuote, { input: { contract, quote: id } });
      const bound = await market.operator.run(ecashQuote, { on: made.message });
      await market.user.run(ecashQuote, { on: bound.message });
      await market.arrived(id, 2_100);
      expect(await sums(contract)).toEqual([2_100n, 0n]);
      const { token } = await mintEcash({
        home: market.user.home,
        contract,
        isNamed,
        print: async () => {},
        point: () => {},
      });
      expect(token).toMatch(/^cashuB/);
    },
  );

  it('an ended contract on which nothing waits is bound to no quote: wrong-state', async () => {
    const contract = await market.forward();
    const proposed = await market.operator.run(closeCredit, { input: { contract } });
    const signed = await market.user.run(closeCredit, { on: proposed.message });
    await market.operator.run(closeCredit, { on: signed.message });
    const id = await quoteFor(market.user.home.store, contract, isNamed);
    const made = await market.user.run(ecashQuote, { input: { contract, quote: id } });
    await refused(() => market.operator.run(ecashQuote, { on: made.message }), 'wrong-state', market.operator);
  });

  it('a home restored with a missing tail: every older contract is exit-only for ecash, until confirmed', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.pay(contract, 1_000n);
    await market.arrived(quote, 1_000);
    await market.restored(async () => {
      await market.pay(contract, 2_000n);
      await market.arrived(quote, 3_000);
    });
    expect(await market.quote(quote)).toMatchObject({ stopped: 'home-restored' });
    await expect(market.bind(contract)).rejects.toMatchObject({ code: 'contract-restored' });
    await expect(market.pay(contract, 500n)).rejects.toMatchObject({ code: 'contract-restored' });
    await moment();
    expect(paidAt(quote)).toBe(3_000);
    const said = await confirmFigures(market.operator.home, contract, [], isNamed);
    expect(said).toMatchObject({ paid_sat: 1_000n, at_the_mint_sat: 3_000n, reported_sat: 1_000n, waiting_sat: 0n });
    expect(await market.operator.ledger(contract)).toMatchObject({ unconfirmed: false, issuedSat: 1_000n });
  });

  it('what a quote that was given up got counts in the sum, also after the next restore', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.pay(contract, 1_000n);
    await market.arrived(quote, 1_000);
    await until(async () => (await market.quote(quote)).ackSat === 1_000n, 'the acknowledgement');
    await market.stop();
    const at = market.mint.state.quotes.find(({ id }) => id === quote)!;
    // It was given up, and the end of a journal brings a payment of which only the mint knows that it was reported.
    at.paid = 3_000;
    await change<{ contract: any; ledger: any; quote: any }, void>(
      market.operator.home.store,
      { contract: creditKind, ledger: ledgerKind, quote: quoteKind },
      () => ({ contract: idClaim(contract), ledger: ledgerClaim(contract), quote: quoteClaim(quote) }),
      ({ contract: c, ledger: l, quote: q }) => ({
        writes: {
          contract: { ...c, paidSat: 3_000n },
          ledger: { ...l, paidSat: 3_000n, unconfirmed: true },
          quote: { ...q, retired: true },
        },
        result: undefined,
      }),
    );
    const said = await confirmFigures(market.operator.home, contract, [], isNamed);
    expect(said).toMatchObject({ at_the_mint_sat: 3_000n, reported_sat: 3_000n, waiting_sat: 0n, given_up: [] });
    await market.start();
  });

  /** A quote that was bound, and got all that was paid, after the backup of the restored home. */
  async function lostQuote(): Promise<{ contract: string; quote: string }> {
    const contract = await market.forward();
    await market.pay(contract, 1_000n);
    let quote!: string;
    await market.restored(async () => {
      quote = await market.bind(contract);
      await market.arrived(quote, 1_000);
    });
    return { contract, quote };
  }
  it('a quote that the operator names is kept as one that was given up: it counts the next time too', async () => {
    const { contract, quote } = await lostQuote();
    await confirmFigures(market.operator.home, contract, [quote], isNamed);
    expect(await market.quote(quote)).toMatchObject({ contract, retired: true, creditedSat: 1_000n, ackSat: 1_000n });
    expect(await confirmFigures(market.operator.home, contract, [quote], isNamed)).toMatchObject({
      at_the_mint_sat: 1_000n,
    });
  });

  it('figures of quotes that the restored home has lost are counted where the operator names them', async () => {
    const { contract, quote } = await lostQuote();
    const said = await confirmFigures(market.operator.home, contract, [quote], isNamed);
    expect(said).toMatchObject({ reported_sat: 1_000n, waiting_sat: 0n });
  });

  it('a home that is not accepted yet binds and accepts nothing', async () => {
    const contract = await market.forward();
    await market.stop();
    await market.operator.reopen(backUp(market.operator));
    await market.start();
    await expect(market.bind(contract)).rejects.toBeInstanceOf(Refusal);
    await expect(market.bind(contract)).rejects.toMatchObject({ code: 'home-restored' });
  });
});
