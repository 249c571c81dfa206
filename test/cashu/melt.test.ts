/** Ecash pays a merchant's invoice at a running mint: exact sums, change kept first, runs that were cut off go on. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getDecodedToken, getEncodedToken } from '@cashu/cashu-ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { meltEcash, type Melted } from '../../src/lib/cashu/melt.ts';
import { mintEcash } from '../../src/lib/cashu/mint.ts';
import { fileJournal } from '../../src/commands/ecash/melt.ts';
import { isInvoiceReceipt, parseInvoice, signInvoiceReceipt } from '../../src/lib/mint/invoice.ts';
import type { ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { KEYSET, isNamed } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';

let market: Market;
let reverse: string;
let token: string;
/** What the command keeps in files. */
let note: string | undefined;
let change: string | undefined;

beforeEach(async () => {
  note = change = undefined;
  market = await Market.make();
  reverse = await market.reverse();
  const contract = await market.forward();
  const quote = await market.bind(contract);
  await market.pay(contract, 2_100n);
  await market.arrived(quote, 2_100);
  ({ token } = await mintEcash({ home: market.user.home, contract, isNamed, print: async () => {}, point: () => {} }));
});
afterEach(() => market.close());

const melt = (invoice: string, options: { keep?: boolean; point?: (label: string) => void } = {}): Promise<Melted> =>
  meltEcash({
    mint: market.mint.url,
    token,
    invoice,
    journal: {
      read: async () => note,
      write: async (text) => void (note = text),
      remove: async () => void (note = undefined),
    },
    change: options.keep === false ? undefined : { check: async () => {}, keep: async (text) => void (change = text) },
    print: async () => {},
    point: options.point ?? (() => {}),
  });
const sumOf = (text: string): number =>
  getDecodedToken(text, [KEYSET.id]).proofs.reduce((all, { amount }) => all + Number(amount.toString()), 0);
const owed = async () => (await market.payer(reverse)).owedSat;
const payerKey = async () => (await market.operator.home.keys()).auth((await market.payer(reverse)).own.path);
const refuses = (run: () => Promise<unknown>, code: ErrorCode) => expect(run()).rejects.toMatchObject({ code });

describe('ecash-melt', () => {
  it('swaps to the exact sum, keeps the rest, and brings the receipt', async () => {
    const invoice = await market.invoice(reverse, 1_500n);
    const done = await melt(invoice);
    expect(done).toMatchObject({ amountSat: 1_500n, changeSat: 600n });
    expect(sumOf(change!)).toBe(600);
    expect(note).toBe(undefined);
    // Whoever has the invoice can verify it.
    expect(isInvoiceReceipt(done.receipt!, parseInvoice(invoice))).toBe(true);
    expect(await owed()).toBe(1_500n);
  });

  it.each([
    ['of another key', 'cd'.repeat(64)],
    ['that is no signature', 'paid'],
    ['that is no text', 7],
  ])('a receipt %s is none: the next run asks for that of the home', async (_, shown) => {
    const invoice = await market.invoice(reverse, 1_500n);
    const { mint } = market;
    const real = mint.melt.bind(mint);
    mint.melt = async (quote, coins) => Object.assign(await real(quote, coins), { proof: shown });
    expect(await melt(invoice)).toMatchObject({ amountSat: 1_500n, changeSat: 600n, receipt: null });
    expect(note).toBeDefined();
    mint.melt = real;
    const own = signInvoiceReceipt(parseInvoice(invoice).digest, reverse, await payerKey());
    mint.state.melts[0]!.proof = own;
    expect((await melt(invoice)).receipt).toBe(own);
    expect([note, await owed()]).toEqual([undefined, 1_500n]);
  });

  it.each([
    ['that is not by its key', { e: 'ab'.repeat(32) }],
    ['without a proof of that', undefined],
  ])('change %s is refused before the invoice is paid, and what it came of is not lost', async (_, lie) => {
    const real = market.mint.swap.bind(market.mint);
    market.mint.swap = (body) => real(body).map((one) => ({ ...one, dleq: lie && { ...one.dleq!, ...lie } }));
    const invoice = await market.invoice(reverse, 1_500n);
    await refuses(() => melt(invoice), 'dleq-invalid');
    expect([change, await owed()]).toEqual([undefined, 0n]);
    // The mint has signed it rightly after all: the same run goes on.
    market.mint.swap = real;
    expect(await melt(invoice)).toMatchObject({ amountSat: 1_500n, changeSat: 600n });
  });

  it('a token of exactly the sum needs no change', async () => {
    const done = await melt(await market.invoice(reverse, 2_100n), { keep: false });
    expect(done.changeSat).toBe(0n);
    expect(change).toBe(undefined);
  });

  it('change without a place for it is refused before anything is spent', async () => {
    await refuses(async () => melt(await market.invoice(reverse, 1_500n), { keep: false }), 'usage');
    expect(market.mint.state.spent).toEqual([]);
  });

  it('a token that holds too little is refused', () =>
    refuses(async () => melt(await market.invoice(reverse, 2_101n)), 'not-enough-ecash'));

  it.each([
    ['a sum below the invoice', { amount: 499 }, 'quote-amount'],
    ['a sum above the invoice', { amount: 501 }, 'quote-amount'],
    ['a fee of a tenth', { fee: 50 }, undefined],
    ['a fee above a tenth', { fee: 51 }, 'fee-too-high'],
    ['a fee below nothing', { fee: -1 }, 'fee-too-high'],
  ] as const)('what the mint wants is compared with the invoice: %s', async (_, wanted, code) => {
    const invoice = await market.invoice(reverse, 500n);
    const real = market.mint.newMelt.bind(market.mint);
    market.mint.newMelt = async (request) => Object.assign(await real(request), wanted);
    if (!code) return expect(await melt(invoice)).toMatchObject({ amountSat: 500n, changeSat: 1_550n });
    await refuses(() => melt(invoice), code);
    expect([note, change, market.mint.state.spent, await owed()]).toEqual([undefined, undefined, [], 0n]);
  });

  it('a token of another mint is refused', async () => {
    const other = await market.invoice(reverse, 1_500n);
    market.mint.url = market.mint.url.replace('127.0.0.1', 'localhost');
    await refuses(() => melt(other), 'wrong-mint');
  });

  it('what is no invoice, or one that the home does not pay, is refused', async () => {
    await refuses(() => melt('lnbc1'), 'malformed-invoice');
    const { request } = market.mint.state.quotes[0]!;
    await refuses(() => melt(request), 'not-an-invoice');
    const invoice = await market.invoice(reverse, 1_500n);
    await refuses(() => melt(invoice.replace('1500', '1501')), 'mint-refused');
    expect(await owed()).toBe(0n);
  });

  it.each(['melt-quoted', 'melt-swapped', 'melt-sent'])('cut off at %s, the same run goes on', async (label) => {
    const invoice = await market.invoice(reverse, 1_500n);
    const cut = new Error('cut off');
    const point = (found: string) => {
      if (found === label) throw cut;
    };
    await expect(melt(invoice, { point })).rejects.toBe(cut);
    const done = await melt(invoice);
    expect(done.amountSat).toBe(1_500n);
    expect(await owed()).toBe(1_500n);
    expect(sumOf(change!)).toBe(600);
    expect(note).toBe(undefined);
  });

  it('a mint that cannot say yet leaves it pending; the same run ends it', async () => {
    const invoice = await market.invoice(reverse, 1_500n);
    const call = market.mint.call.bind(market.mint);
    market.mint.call = async (method, request) => {
      const answer = await call(method, request);
      if (method === 'MakePayment' || method === 'CheckOutgoingPayment') throw new Error('the line is down');
      return answer;
    };
    await refuses(() => melt(invoice), 'melt-pending');
    await refuses(() => melt(invoice), 'melt-pending');
    market.mint.call = call;
    await market.mint.recover();
    expect((await melt(invoice)).amountSat).toBe(1_500n);
    expect(await owed()).toBe(1_500n);
    expect(sumOf(change!)).toBe(600);
  });

  it('what was refused comes back, and the same run pays it later', async () => {
    const invoice = await market.invoice(reverse, 1_500n);
    const point = (label: string) => {
      if (label === 'melt-swapped') market.operator.chain.tip = 5_100;
    };
    await refuses(() => melt(invoice, { point }), 'mint-refused');
    expect(await owed()).toBe(0n);
    market.operator.chain.tip = 1_000;
    expect((await melt(invoice)).amountSat).toBe(1_500n);
    expect(await owed()).toBe(1_500n);
    expect(sumOf(change!)).toBe(600);
  });

  it('paid without a receipt is said so: the change is handed over, and the same run asks for the receipt again', async () => {
    const invoice = await market.invoice(reverse, 1_500n);
    const real = market.mint.melt.bind(market.mint);
    market.mint.melt = async (quote, inputs) => Object.assign(await real(quote, inputs), { proof: null });
    const done = await melt(invoice);
    expect(done).toMatchObject({ amountSat: 1_500n, changeSat: 600n, receipt: null });
    expect(sumOf(change!)).toBe(600);
    expect(await owed()).toBe(1_500n);
    const paid = market.mint.state.melts.find(({ state }) => state === 'PAID')!;
    paid.proof = (await market.mint.call('CheckOutgoingPayment', {
      requestIdentifier: { type: 'CUSTOM_ID', id: paid.lookup },
    }))!.paymentProof!;
    expect(await melt(invoice)).toMatchObject({ amountSat: 1_500n, changeSat: 600n, receipt: paid.proof });
    expect(note).toBe(undefined);
  });

  it.each([
    ['of another mint', 'wrong-mint'],
    ['that is none', 'malformed-token'],
    ['of another unit', 'wrong-unit'],
    ['that holds too little', 'not-enough-ecash'],
  ] as const)('a token %s leaves nothing behind: no file of a payment under way', async (_, code) => {
    const invoice = await market.invoice(reverse, code === 'not-enough-ecash' ? 2_101n : 2_100n);
    if (code === 'wrong-mint') market.mint.url = market.mint.url.replace('127.0.0.1', 'localhost');
    if (code === 'malformed-token') token = 'cashuBabc';
    if (code === 'wrong-unit') token = getEncodedToken({ ...getDecodedToken(token, [KEYSET.id]), unit: 'usd' });
    await refuses(() => melt(invoice), code);
    expect([note, change, market.mint.state.spent]).toEqual([undefined, undefined, []]);
  });

  it('a file of a payment that cannot be read is refused, and not written over', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'spillway-melt-'));
    const path = join(dir, 'token.melting');
    expect(await fileJournal(path).read()).toBe(undefined);
    mkdirSync(path);
    await expect(fileJournal(path).read()).rejects.toMatchObject({ code: 'no-input' });
    expect(readdirSync(dir)).toEqual(['token.melting']);
    rmSync(dir, { recursive: true });
  });

  it('goes on with its own invoice only', async () => {
    const invoice = await market.invoice(reverse, 1_500n);
    const cut = new Error('cut off');
    await expect(
      melt(invoice, {
        point: () => {
          throw cut;
        },
      }),
    ).rejects.toBe(cut);
    await refuses(async () => melt(await market.invoice(reverse, 1_500n)), 'malformed');
    // Nor with a file that was cut or written over: it stays as it is, and the mint is asked nothing.
    const { seed, quote, kept } = JSON.parse(note!) as { seed: string; quote: string; kept: string[] };
    const [asked, whole] = [market.mint.state.melts.length, { seed, quote, invoice, kept }];
    for (const damage of [
      { seed: undefined },
      { seed: 7 },
      { seed: seed.slice(2) },
      { quote: undefined },
      { quote: 7 },
      { kept: undefined },
      { kept: ['ab'] },
      null,
    ]) {
      const damaged = (note = JSON.stringify(damage && { ...whole, ...damage }));
      await refuses(() => melt(invoice), 'malformed');
      expect([note, market.mint.state.melts.length, market.mint.state.spent]).toEqual([damaged, asked, []]);
    }
  });
});
