/**
 * Invoices and melts against a mint that behaves as cdk-mintd does: the rules of the protocol with a running mint, each
 * test named after its rule.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backUp, refused, sealedAs } from '../credit/helpers.ts';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import { confirmDebt, confirmFigures } from '../../src/lib/cashu/confirm.ts';
import { INVOICE_LIMITS, isInvoiceReceipt, parseInvoice, signInvoiceReceipt } from '../../src/lib/mint/invoice.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { tabClaim, tabKind } from '../../src/lib/mint/records.ts';
import { newQuote, quoteClaim, quoteKind } from '../../src/lib/ecash/quote.ts';
import { change, plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { creditKind, type Credit, type PayerCredit } from '../../src/lib/credit/records.ts';
import type { Outgoing } from '../../src/lib/cdk/proto.ts';
import { Market } from '../support/mint-home.ts';
import { isNamed } from '../support/mint.ts';

let market: Market;
let reverse: string;
beforeEach(async () => {
  market = await Market.make();
  reverse = await market.reverse();
});
afterEach(() => {
  vi.useRealTimers();
  return market.close();
});

const make = (offer: string, quoteId: string): Promise<Outgoing> =>
  market.mint.call('MakePayment', { paymentOptions: { custom: { offer, quoteId } }, unit: 'sat' });
const check = (id: string): Promise<Outgoing> =>
  market.mint.call('CheckOutgoingPayment', { requestIdentifier: { type: 'CUSTOM_ID', id } });
const owed = async (): Promise<bigint> => (await market.payer(reverse)).owedSat!;
const digestOf = (line: string): string => parseInvoice(line).digest;
/** GetPaymentQuote is refused with this code, and the home is as it was. */
async function unquoted(line: string, code: string): Promise<void> {
  const before = await market.operator.state();
  await expect(market.mint.newMelt(line)).rejects.toThrow(`${code}:`);
  expect(await market.operator.state()).toEqual(before);
  expect(market.codes().at(-1)).toBe(code);
}
/** A melt that was quoted before is refused: failed, for good, nothing owed. */
async function failed(line: string, code: string, change: () => void | Promise<void>): Promise<void> {
  const melt = await market.mint.newMelt(line);
  const before = await owed();
  await change();
  expect((await make(line, melt.id)).status).toBe('FAILED');
  expect(market.codes().at(-1)).toBe(code);
  expect(await owed()).toBe(before);
}

describe('invoices', () => {
  it('are made by the merchant alone: one line of at most 700 bytes', async () => {
    const line = await market.invoice(reverse, 1_000n, { memo: 'x'.repeat(120) });
    expect(line).not.toContain('\n');
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(INVOICE_LIMITS.line.most);
    expect(parseInvoice(line)).toMatchObject({
      network: 'regtest',
      mint: market.mint.url,
      contract: reverse,
      amountSat: 1_000n,
      expiry: market.soon,
    });
    const mint = `https://${'m'.repeat(180)}.example`;
    await expect(market.invoice(reverse, 1_000n, { memo: 'ü'.repeat(120), mint })).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('are named by a digest of what they say, however their text is spaced', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const spaced = line.replaceAll(',"', ', "');
    expect(digestOf(spaced)).toBe(digestOf(line));
    const melt = await market.mint.newMelt(line);
    expect(melt.lookup).toBe(digestOf(line));
    await market.mint.melt(melt);
    await unquoted(spaced, 'invoice-paid');
  });

  it('that are none are refused', async () => {
    const line = await market.invoice(reverse, 1_000n);
    for (const text of [
      '',
      '{}',
      '[]',
      'lnbc1',
      line.replace('"id"', '"ID"'),
      line + line,
      `${line}${' '.repeat(700)}`,
    ])
      expect(() => parseInvoice(text)).toThrow(expect.objectContaining({ code: 'malformed-invoice' }));
    await unquoted('lnbc1', 'malformed-invoice');
  });
});

describe('GetPaymentQuote accepts nothing but a valid, unpaid, payable invoice of this home', () => {
  it('above all no credit-request, which the mint would settle inside', async () => {
    const pubkey = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
    const { request } = await market.mint.newQuote({ amount: 1_000, pubkey });
    await expect(market.mint.call('GetPaymentQuote', { request, unit: 'sat', quoteId: 'm' })).rejects.toThrow(
      'not-an-invoice',
    );
    // However it is dressed up.
    await unquoted(request.replace('{', '{ '), 'not-an-invoice');
  });

  it('not one that was altered', async () => {
    const line = await market.invoice(reverse, 1_000n);
    await unquoted(line.replace('1000', '1001'), 'bad-seal');
    await unquoted(line.replace(/"expiry":\d+/, '"expiry":4000000000'), 'bad-seal');
  });

  it('not one that has expired', async () => {
    await unquoted(await market.invoice(reverse, 1_000n, { expiry: market.soon - 3_601 }), 'invoice-expired');
  });

  it('not one of another network, mint, contract or home', async () => {
    await unquoted(await market.invoice(reverse, 1_000n, { network: 'signet' }), 'not-an-invoice');
    await unquoted(await market.invoice(reverse, 1_000n, { mint: 'https://other.example' }), 'not-an-invoice');
    await unquoted(await market.invoice(reverse, 1_000n, { contract: 'ab'.repeat(32) }), 'not-an-invoice');
    const forward = await market.forward();
    await unquoted(await market.invoice(reverse, 1_000n, { contract: forward }), 'not-an-invoice');
    // Its receipt would be verified by a key that is not this home's.
    await unquoted(await market.invoice(reverse, 1_000n, { payerAuth: 'ab'.repeat(32) }), 'not-an-invoice');
  });

  it('not one for another amount or unit than the wallet names', async () => {
    const line = await market.invoice(reverse, 1_000n);
    await expect(market.mint.newMelt(line, 999)).rejects.toThrow('amount-differs');
    await expect(market.mint.call('GetPaymentQuote', { request: line, unit: 'usd', quoteId: 'm' })).rejects.toThrow(
      'wrong-unit',
    );
    expect((await market.mint.newMelt(line, 1_000)).amount).toBe(1_000);
  });

  it('not one that the contract cannot owe: below the dust limit, beyond the capacity, frozen, spent', async () => {
    await unquoted(await market.invoice(reverse, 100n), 'below-dust');
    await unquoted(await market.invoice(reverse, 0n), 'amount-not-growing');
    const { terms } = await market.payer(reverse);
    await unquoted(await market.invoice(reverse, maxPaid(terms) + 1n), 'over-capacity');
    await market.show(reverse, 'missing');
    const line = await market.invoice(reverse, 1_000n);
    await unquoted(line, 'funding-missing');
    await market.show(reverse);
    market.operator.chain.tip = terms.expiry - terms.freeze_blocks;
    await unquoted(line, 'frozen');
    market.operator.chain.tip = 'not-checked';
    await unquoted(line, 'chain-unavailable');
  });

  it('not with a tip older than 90 minutes', async () => {
    market.chainError = new Refusal('chain-stale', 'the newest block is 91 minutes old');
    await unquoted(await market.invoice(reverse, 1_000n), 'chain-stale');
  });
});

describe('whoever asks for melts without end', () => {
  /** What this home asked of its chain meanwhile. */
  const looksDuring = async (run: () => Promise<unknown>): Promise<number> => {
    const before = market.looks;
    await run();
    return market.looks - before;
  };
  const asked = async (line: string, quoteId: string): Promise<string> =>
    market.mint.call('GetPaymentQuote', { request: line, unit: 'sat', quoteId }).then(
      () => 'quoted',
      ({ details }: { details: string }) => details.split(':')[0]!,
    );
  const records = async (): Promise<number> => (await market.operator.home.store.list()).length;

  it('of a merchant’s invoice leaves no more than twenty behind: too-many-quotes; they can be paid all the same', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const before = await records();
    const answers: string[] = [];
    const looks = await looksDuring(async () => {
      for (let i = 0; i < 1_000; i++) answers.push(await asked(line, `m${i}`));
    });
    expect(answers).toEqual(answers.map((_, i) => (i < 20 ? 'quoted' : 'too-many-quotes')));
    expect([await records(), looks]).toEqual([before + 21, 20]);
    // One that is there already is answered again, and counts no more.
    expect(await asked(line, 'm7')).toBe('quoted');
    expect(await records()).toBe(before + 21);
    expect((await make(line, 'm7')).status).toBe('PAID');
    expect(await owed()).toBe(1_000n);
  });

  it('once one was sent and has failed, the wallet quotes anew', async () => {
    const line = await market.invoice(reverse, 1_000n);
    for (let i = 0; i < 20; i++) expect(await asked(line, `m${i}`)).toBe('quoted');
    await market.show(reverse, 'missing');
    expect((await make(line, 'm3')).status).toBe('FAILED');
    expect((await check(digestOf(line))).status).toBe('FAILED');
    await market.show(reverse);
    expect(await asked(line, 'again')).toBe('quoted');
    expect((await make(line, 'again')).status).toBe('PAID');
  });

  it('of what this home does not owe leaves nothing behind, and asks the chain nothing', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const [other, paid] = [await market.forward(), await market.invoice(reverse, 700n)];
    expect((await market.mint.melt(await market.mint.newMelt(paid))).state).toBe('PAID');
    const { terms } = await market.payer(reverse);
    const asks = [
      ['lnbc1', 'malformed-invoice'],
      [await market.invoice(reverse, 1_000n, { contract: 'ab'.repeat(32) }), 'not-an-invoice'],
      [await market.invoice(reverse, 1_000n, { contract: other }), 'not-an-invoice'],
      [await market.invoice(reverse, 1_000n, { mint: 'https://other.example' }), 'not-an-invoice'],
      [line.replace('1000', '1001'), 'bad-seal'],
      [await market.invoice(reverse, 1_000n, { expiry: market.soon - 3_601 }), 'invoice-expired'],
      [await market.invoice(reverse, 0n), 'amount-not-growing'],
      [await market.invoice(reverse, maxPaid(terms) + 1n), 'over-capacity'],
      [paid, 'invoice-paid'],
    ] as const;
    const before = await market.operator.state();
    const looks = await looksDuring(async () => {
      for (let round = 0; round < 10; round++)
        for (const [text, code] of asks) expect(await asked(text, `m${round}`)).toBe(code);
    });
    expect(looks).toBe(0);
    expect(await market.operator.state()).toEqual(before);
  });
});

describe('MakePayment', () => {
  it('in one transaction: invoice paid, melt paid, owed raised; repeated, PAID again with the same proof', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const commits = await market.operator.home.store.commits();
    const first = await make(line, melt.id);
    expect(first).toMatchObject({ status: 'PAID', totalSpent: { value: '1000', unit: 'sat' } });
    expect(await market.operator.home.store.commits()).toBe(commits + 1);
    expect(await owed()).toBe(1_000n);
    expect(isInvoiceReceipt(first.paymentProof!, parseInvoice(line))).toBe(true);
    expect(await make(line, melt.id)).toEqual(first);
    expect(await check(melt.lookup)).toEqual(first);
    expect(await owed()).toBe(1_000n);
  });

  it('two at once for one quote, as when the mint asks again: owed rises once', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const answers = await Promise.all([make(line, melt.id), make(line, melt.id), make(line, melt.id)]);
    expect(answers.map(({ status }) => status)).toEqual(['PAID', 'PAID', 'PAID']);
    expect(await owed()).toBe(1_000n);
  });

  it('an invoice paid by two wallets at once is owed once; the other keeps its ecash', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const [one, two] = [await market.mint.newMelt(line), await market.mint.newMelt(line)];
    const done = await Promise.allSettled([market.mint.melt(one, ['a']), market.mint.melt(two, ['b'])]);
    expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await owed()).toBe(1_000n);
    expect(market.mint.state.spent).toHaveLength(1);
    // A mint that asked nevertheless would be told no.
    expect((await make(line, two.id)).status).toBe('FAILED');
    expect(await owed()).toBe(1_000n);
  });

  it('20 invoices by two wallets at once: sums equal to the satoshi', async () => {
    const lines = await Promise.all(Array.from({ length: 20 }, (_, i) => market.invoice(reverse, 1_000n + BigInt(i))));
    const wallet = async (): Promise<number> => {
      let paid = 0;
      for (const line of lines) {
        const melt = await market.mint.newMelt(line).catch(() => undefined);
        const done = melt && (await market.mint.melt(melt).catch(() => undefined));
        if (done?.state === 'PAID') paid += melt!.amount;
      }
      return paid;
    };
    const [one, two] = await Promise.all([wallet(), wallet()]);
    expect(one + two).toBe(20 * 1_000 + 190);
    expect(await owed()).toBe(20_190n);
  });

  const refusals: [string, string, (line: string) => void | Promise<void>][] = [
    ['frozen', 'frozen', () => void (market.operator.chain.tip = 5_100)],
    ['outpoint spent', 'funding-missing', () => market.show(reverse, 'missing')],
    [
      'stale tip',
      'chain-stale',
      () => void (market.chainError = new Refusal('chain-stale', 'the newest block is 91 minutes old')),
    ],
    ['no tip', 'chain-unavailable', () => void (market.operator.chain.tip = 'not-checked')],
  ];
  it.each(refusals)('refusals are status FAILED, never a gRPC error: %s', async (_, code, change) => {
    const line = await market.invoice(reverse, 1_000n);
    await failed(line, code, () => change(line));
    // For good: nothing pays it once it was failed.
    market.operator.chain.tip = 1_000;
    market.operator.chain.coins = 'not-checked';
    market.chainError = undefined;
    const again = await make(line, market.mint.state.melts.at(-1)!.id);
    expect(again.status).toBe('FAILED');
    expect(await owed()).toBe(0n);
  });

  it('refusals are status FAILED, never a gRPC error: expired', async () => {
    const line = await market.invoice(reverse, 1_000n);
    await failed(line, 'invoice-expired', () => {
      vi.useFakeTimers({ toFake: ['Date'], now: market.soon * 1000 + 1_000 });
    });
  });

  it('refusals are status FAILED, never a gRPC error: altered, or another invoice than the one quoted', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    expect((await make(line.replace('1000', '1001'), melt.id)).status).toBe('FAILED');
    expect(market.codes().at(-1)).toBe('bad-seal');
    const other = await market.mint.newMelt(line);
    expect((await make(await market.invoice(reverse, 1_000n), other.id)).status).toBe('FAILED');
    expect(market.codes().at(-1)).toBe('not-an-invoice');
    expect(await owed()).toBe(0n);
  });

  it('refusals are status FAILED, never a gRPC error: what is no invoice', async () => {
    const line = await market.invoice(reverse, 1_000n);
    for (const text of [line.slice(0, -1), '', 'lnbc1', `${line}${' '.repeat(700)}`]) {
      const melt = await market.mint.newMelt(line);
      const failed = { status: 'FAILED', paymentIdentifier: { type: 'CUSTOM_ID', id: melt.lookup } };
      expect(await make(text, melt.id)).toMatchObject(failed);
      expect(market.codes().at(-1)).toMatch(/malformed-invoice/);
      // For good, with the right text too.
      expect(await make(line, melt.id)).toMatchObject(failed);
    }
    expect((await make('lnbc1', 'never-quoted')).status).toBe('UNKNOWN');
    expect(await owed()).toBe(0n);
  });

  it('refusals are status FAILED, never a gRPC error: totals above capacity', async () => {
    const { terms } = await market.payer(reverse);
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    await market.mint.melt(await market.mint.newMelt(await market.invoice(reverse, maxPaid(terms) - 500n)));
    expect((await make(line, melt.id)).status).toBe('FAILED');
    expect(market.codes().at(-1)).toBe('over-capacity');
    expect(await owed()).toBe(maxPaid(terms) - 500n);
  });

  it('a merchant that does not settle gets no more than 500 invoices', async () => {
    const { store } = market.operator.home;
    const due = Array.from({ length: 500 }, (_, i) => ({
      id: i.toString(16).padStart(32, '0'),
      amountSat: 1n,
      owedSat: BigInt(i + 1),
    }));
    await change(
      store,
      { tab: tabKind },
      () => ({ tab: tabClaim(reverse) }),
      () => ({
        writes: { tab: { contract: reverse, due } },
        result: undefined,
      }),
    );
    await failed(await market.invoice(reverse, 1_000n), 'invoices-unsettled', () => {});
  });

  it('what the home has never quoted is UNKNOWN', async () => {
    const line = await market.invoice(reverse, 1_000n);
    expect((await make(line, 'never-quoted')).status).toBe('UNKNOWN');
    expect(await owed()).toBe(0n);
  });

  it('a store that fails leaves it UNKNOWN, and the ecash pending', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const { store } = market.operator.home;
    const { commit } = store;
    store.commit = async () => {
      throw new Refusal('store-unavailable', 'the disk is full');
    };
    await market.mint.melt(melt, ['secret']);
    store.commit = commit;
    expect(melt.state).toBe('PENDING');
    expect(market.codes()).toContain('store-unavailable');
    expect(await owed()).toBe(0n);
    // Asked again once the store is back: it will not be paid, so the ecash goes back.
    await market.mint.recover();
    expect(melt.state).toBe('UNPAID');
    expect((await make(line, melt.id)).status).toBe('FAILED');
  });
});

describe('CheckOutgoingPayment', () => {
  it('invoice paid: PAID with the same proof and total_spent equal to the quote, for ever', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const paid = await make(line, melt.id);
    await market.settle(reverse, 1_000n);
    market.operator.chain.tip = 5_300;
    await market.restart();
    expect(await check(melt.lookup)).toEqual(paid);
  });

  it('invoice open: all its new melts become refused, FAILED; a wallet may then make a new melt quote', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melts = [await market.mint.newMelt(line), await market.mint.newMelt(line)];
    expect((await check(melts[0]!.lookup)).status).toBe('FAILED');
    for (const { id } of melts) expect((await make(line, id)).status).toBe('FAILED');
    expect(await owed()).toBe(0n);
    const next = await market.mint.newMelt(line);
    expect((await make(line, next.id)).status).toBe('PAID');
    expect(await owed()).toBe(1_000n);
  });

  it('what was told FAILED is not quoted anew under its old id, and is never paid', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    expect((await check(melt.lookup)).status).toBe('FAILED');
    const again = { request: line, unit: 'sat', quoteId: melt.id };
    await expect(market.mint.call('GetPaymentQuote', again)).rejects.toThrow('already-known');
    expect((await make(line, melt.id)).status).toBe('FAILED');
    expect(await owed()).toBe(0n);
  });

  it("another mint's debt is none of this one", async () => {
    const { url } = market.mint;
    market.mint.url = 'https://other.example';
    const other = await market.reverse();
    market.mint.url = url;
    await unquoted(await market.invoice(other, 1_000n), 'not-an-invoice');
  });

  it('whoever got ecash back was not paid on: a handler that still runs finds its melt refused', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    let answered: Promise<Outgoing> | undefined;
    // The mint was killed while the home was about to commit, and asks what became of it.
    market.at('melt-before-commit', () => void (answered = check(melt.lookup)));
    const made = await make(line, melt.id);
    const told = await answered!;
    if (told.status === 'FAILED') {
      expect(made.status).toBe('FAILED');
      expect(await owed()).toBe(0n);
    } else {
      expect(made.status).toBe('PAID');
      expect(told).toEqual(made);
      expect(await owed()).toBe(1_000n);
    }
  });

  it('anything doubtful is UNKNOWN, never UNPAID: an unknown digest', async () => {
    expect((await check('ab'.repeat(32))).status).toBe('UNKNOWN');
  });

  it('anything doubtful is UNKNOWN, never UNPAID: a restored home', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    await market.stop();
    const copy = backUp(market.operator);
    await market.start();
    expect((await make(line, melt.id)).status).toBe('PAID');
    await market.stop();
    await market.operator.reopen(copy);
    await market.start();
    expect((await check(melt.lookup)).status).toBe('UNKNOWN');
    expect((await make(line, melt.id)).status).toBe('UNKNOWN');
    await expect(market.mint.newMelt(line)).rejects.toThrow('home-restored');
    await market.operator.home.acceptRestore();
    // Accepted, but the contract is older than the restore: still unsure, and nothing is melted over it.
    expect((await check(melt.lookup)).status).toBe('UNKNOWN');
    await expect(market.mint.newMelt(await market.invoice(reverse, 700n))).rejects.toThrow('contract-restored');
    const said = await confirmDebt(market.operator.home, reverse, []);
    expect(said).toMatchObject({ owed_sat: 0n });
    expect((await market.mint.newMelt(await market.invoice(reverse, 700n))).amount).toBe(700);
  });

  it('anything doubtful is UNKNOWN, never UNPAID: a store error', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const { store } = market.operator.home;
    const { load } = store;
    store.load = async () => {
      throw new Refusal('store-unavailable', 'the disk is gone');
    };
    expect((await check(melt.lookup)).status).toBe('UNKNOWN');
    store.load = load;
  });

  it('a mint killed in mid-melt recovers: paid once or given back, never both', async () => {
    for (const label of ['melt-before-commit', 'melt-before-answer']) {
      const line = await market.invoice(reverse, 1_000n);
      const melt = await market.mint.newMelt(line);
      const before = await owed();
      market.at(label, () => market.mint.disconnect());
      await market.mint.melt(melt, [`secret ${label}`]).catch(() => {});
      await market.mint.connect(market.cdk.address);
      const rose = (await owed()) - before;
      expect([melt.state, rose]).toEqual(rose === 0n ? ['UNPAID', 0n] : ['PAID', 1_000n]);
    }
  });
});

describe('a restored home of a mint', () => {
  const pay = async (amount: bigint): Promise<[line: string, receipt: string]> => {
    const line = await market.invoice(reverse, amount);
    return [line, (await market.mint.melt(await market.mint.newMelt(line))).proof!];
  };
  const show = async ([text, receipt]: [string, string]) => {
    const input = { contract: reverse, shown: { text, receipt } };
    const queried = await market.merchant.run(creditInvoice, { input });
    return market.operator.run(creditInvoice, { on: queried.message, served: {} });
  };
  /** The merchant shows in its request what was signed before. */
  const learn = async (amount: bigint) => {
    const requested = await market.merchant.run(signUpdate, { input: { contract: reverse, amount } });
    const signed = await market.operator.run(signUpdate, { on: requested.message, amount });
    return market.merchant.run(signUpdate, { on: signed.message });
  };
  const confirm = () => confirmDebt(market.operator.home, reverse, []);

  it('signs no close and no rollover before its debt is known again', async () => {
    let paid: [string, string];
    await market.restored(async () => void (paid = await pay(1_000n)));
    const { operator, merchant } = market;
    await refused(() => operator.run(closeCredit, { input: { contract: reverse } }), 'contract-restored', operator);
    const close = await merchant.run(closeCredit, { input: { contract: reverse } });
    await refused(() => operator.run(closeCredit, { on: close.message }), 'contract-restored', operator);
    await merchant.run(closeCredit, { input: { contract: reverse }, cancel: true });
    const offered = await merchant.run(rollover, { input: { contract: reverse } });
    const input = { expires: { blocks: 4_320 } };
    await refused(() => operator.run(rollover, { on: offered.message, input }), 'contract-restored', operator);
    await show(paid!);
    await confirm();
    const anew = await merchant.run(closeCredit, { input: { contract: reverse } });
    await refused(() => operator.run(closeCredit, { on: anew.message }), 'owed-unsettled', operator);
    expect(await owed()).toBe(1_000n);
  });

  it('a merchant whose contract has ended is told that no update follows', async () => {
    const proposed = await market.merchant.run(closeCredit, { input: { contract: reverse } });
    const signed = await market.operator.run(closeCredit, { on: proposed.message });
    await market.merchant.run(closeCredit, { on: signed.message });
    const queried = await market.merchant.run(creditInvoice, { input: { contract: reverse } });
    const stated = await market.operator.run(creditInvoice, { on: queried.message });
    const more = await sealedAs(market.operator, stated.message, { owed_sat: 700 });
    const checked = await market.merchant.run(creditInvoice, { on: more });
    expect(checked.exit).toBe(3);
    expect(checked.hint).not.toContain('sign-update');
    expect(checked.hint).toContain('700 sat are due');
  });

  it.each(['the update first', 'the invoice first'])('owes once what invoice and update tell of: %s', async (order) => {
    let paid: [string, string];
    await market.restored(async () => {
      paid = await pay(1_000n);
      await market.settle(reverse, 1_000n);
    });
    expect(await owed()).toBe(0n);
    if (order === 'the invoice first') await show(paid!);
    await learn(1_000n);
    await show(paid!);
    await show(paid!);
    // The update that was asked for on top of it is another thousand.
    expect(await market.payer(reverse)).toMatchObject({ signedMaxSat: 2_000n, owedSat: 2_000n });
    await confirm();
    await pay(700n);
    expect(await owed()).toBe(2_700n);
  });

  it('what is paid after the restore comes on top of what was signed before it', async () => {
    await market.restored(async () => {
      await pay(1_000n);
      await market.settle(reverse, 1_000n);
    });
    await confirm();
    await pay(700n);
    expect(await owed()).toBe(700n);
    await learn(500n);
    expect(await market.payer(reverse)).toMatchObject({ signedMaxSat: 1_500n, owedSat: 1_700n });
  });

  it('by all invoices that came back, each once', async () => {
    await market.stop();
    const backup = await market.operator.backUp();
    await market.start();
    await pay(1_000n);
    await pay(500n);
    await market.stop();
    await market.operator.lose(backup);
    await market.operator.home.acceptRestore();
    await market.start();
    await confirm();
    await pay(400n);
    expect(await owed()).toBe(400n);
    await market.stop();
    await market.operator.home.reconcile(market.operator.journal());
    await market.start();
    expect(await confirm()).toMatchObject({ owed_sat: 1_900n });
  });

  it('what was quoted before it was lost stays UNKNOWN, also once the figures are confirmed', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    let proof = '';
    await market.restored(async () => void (proof = (await market.mint.melt(melt)).proof!));
    await confirm();
    expect((await check(melt.lookup)).status).toBe('UNKNOWN');
    expect((await make(line, melt.id)).status).toBe('UNKNOWN');
    await unquoted(line, 'contract-restored');
    await show([line, proof]);
    expect((await make(line, melt.id)).status).toBe('UNKNOWN');
    expect(await check(melt.lookup)).toMatchObject({ status: 'PAID', paymentProof: proof });
    expect(await owed()).toBe(1_000n);
  });

  it('owes no more than the contract can pay, whatever receipts are shown: over-capacity', async () => {
    await market.restored(async () => {});
    const c = await market.payer(reverse);
    const secret = (await market.operator.home.keys()).auth(c.own.path);
    const line = await market.invoice(reverse, maxPaid(c.terms));
    const more = await market.invoice(reverse, 1_000n);
    const receiptOf = (text: string) => signInvoiceReceipt(digestOf(text), reverse, secret);
    await show([line, receiptOf(line)]);
    await expect(show([more, receiptOf(more)])).rejects.toMatchObject({ code: 'over-capacity' });
    expect(await owed()).toBe(maxPaid(c.terms));
  });
});

describe('while a quote of the mint has stopped', () => {
  const stop = (quote: string, mint: string) =>
    change(
      market.operator.home.store,
      { quote: quoteKind },
      () => ({ quote: quoteClaim(quote) }),
      ({ quote: had }) => ({ writes: { quote: { ...had!, mint, stopped: 'mint-behind' } }, result: undefined }),
    );
  it('nothing is melted', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    await market.pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    market.mint.state.quotes.find(({ id }) => id === quote)!.paid = 7_000;
    await expect.poll(async () => (await market.quote(quote)).stopped).toBe('mint-ahead');
    await unquoted(await market.invoice(reverse, 700n), 'mint-ahead');
    expect((await make(line, melt.id)).status).toBe('FAILED');
    expect(await owed()).toBe(0n);
  });

  it('until the operator has confirmed its figures', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await stop(quote, market.mint.url);
    await unquoted(await market.invoice(reverse, 700n), 'mint-behind');
    await confirmFigures(market.operator.home, contract, [], isNamed);
    const line = await market.invoice(reverse, 1_000n);
    expect((await make(line, (await market.mint.newMelt(line)).id)).status).toBe('PAID');
  });

  it('of many that have stopped a melt reads none but one of its own mint', async () => {
    const { store } = market.operator.home;
    const contract = await market.forward();
    const many = (count: number, mint: string) => {
      const made = Array.from({ length: count }, (_, i) =>
        newQuote({ id: `${mint}/${i}`, contract, mint, amountSat: 1n }),
      );
      const writes = made.map((quote) => writeOf(quoteKind, { ...quote, stopped: 'mint-behind' as const }, null, 0));
      return store.commit(plainCommit({ reads: [], writes }));
    };
    const line = await market.invoice(reverse, 1_000n);
    let read = 0;
    const { parse } = quoteKind;
    const { list, inOrder } = store;
    store.list = () => Promise.reject(new Error('a melt lists nothing'));
    store.inOrder = async (...args) => {
      const found = await inOrder.apply(store, args);
      read += found.length;
      return found;
    };
    quoteKind.parse = (json) => ((read += 1), parse(json));
    try {
      await many(1_000, 'https://other.example');
      expect((await make(line, (await market.mint.newMelt(line)).id)).status).toBe('PAID');
      expect(read).toBe(0);
      await many(100, market.mint.url);
      await expect(market.mint.newMelt(await market.invoice(reverse, 700n))).rejects.toThrow('mint-behind');
      expect(read).toBe(2);
    } finally {
      Object.assign(store, { list, inOrder });
      quoteKind.parse = parse;
    }
  });

  it('and it is of another mint, this one melts on', async () => {
    const quote = await market.bind(await market.forward());
    await stop(quote, 'https://other.example');
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    expect((await make(line, melt.id)).status).toBe('PAID');
    expect(await owed()).toBe(1_000n);
    await stop(quote, market.mint.url);
    await unquoted(await market.invoice(reverse, 700n), 'mint-behind');
  });
});

describe('owed', () => {
  it('is cumulative and only grows; the home signs if and only if paid is at most owed', async () => {
    for (const amount of [1_000n, 500n])
      await market.mint.melt(await market.mint.newMelt(await market.invoice(reverse, amount)));
    expect(await owed()).toBe(1_500n);
    const served = async (amount: bigint) => {
      const requested = await market.merchant.run(signUpdate, { input: { contract: reverse, amount } });
      return market.operator.run(signUpdate, { on: requested.message, served: {} });
    };
    await expect(served(1_501n)).rejects.toMatchObject({ code: 'not-agreed' });
    const signed = await served(1_500n);
    await market.merchant.run(signUpdate, { on: signed.message });
    expect(await market.payer(reverse)).toMatchObject({ signedMaxSat: 1_500n, owedSat: 1_500n });
  });

  it('updates that a person agreed to raise it too', async () => {
    const requested = await market.merchant.run(signUpdate, { input: { contract: reverse, amount: 3_000n } });
    const signed = await market.operator.run(signUpdate, { on: requested.message, amount: 3_000n });
    await market.merchant.run(signUpdate, { on: signed.message });
    expect(await market.payer(reverse)).toMatchObject({ signedMaxSat: 3_000n, owedSat: 3_000n });
  });

  it('the merchant asks; the home answers with a signed list of its paid invoices and owed', async () => {
    const lines = [await market.invoice(reverse, 1_000n), await market.invoice(reverse, 500n)];
    for (const line of lines) await market.mint.melt(await market.mint.newMelt(line));
    const ask = async () => {
      const queried = await market.merchant.run(creditInvoice, { input: { contract: reverse } });
      const stated = await market.operator.run(creditInvoice, { on: queried.message, served: {} });
      return market.merchant.run(creditInvoice, { on: stated.message });
    };
    const checked = await ask();
    expect(checked.message).toMatchObject({
      step: 'checked',
      owed_sat: 1_500,
      invoices: [
        { id: parseInvoice(lines[0]!).id, amount_sat: 1_000, owed_sat: 1_000 },
        { id: parseInvoice(lines[1]!).id, amount_sat: 500, owed_sat: 1_500 },
      ],
    });
    expect(checked.hint).toContain('1500 sat are due');
    await market.settle(reverse, 1_500n);
    expect((await ask()).message).toMatchObject({ owed_sat: 1_500, invoices: [] });
  });

  it('tells of the 500 oldest where there are more, and of what is owed in all', async () => {
    const due = Array.from({ length: 501 }, (_, i) => ({
      id: i.toString(16).padStart(32, '0'),
      amountSat: 1_000n,
      owedSat: 1_000n * BigInt(i + 1),
    }));
    await change(
      market.operator.home.store,
      { contract: creditKind, tab: tabKind },
      () => ({ contract: idClaim(reverse), tab: tabClaim(reverse) }),
      ({ contract }) => {
        const c = contract as PayerCredit;
        return {
          writes: { contract: { ...c, owedSat: 501_000n } as Credit, tab: { contract: reverse, due } },
          result: undefined,
        };
      },
    );
    const queried = await market.merchant.run(creditInvoice, { input: { contract: reverse } });
    const stated = await market.operator.run(creditInvoice, { on: queried.message });
    const { message, hint } = await market.merchant.run(creditInvoice, { on: stated.message });
    expect(message['invoices']).toHaveLength(500);
    expect(message['invoices'][499]).toMatchObject({ id: due[499]!.id, owed_sat: 500_000 });
    expect(hint).toContain('501000 sat are due');
  });

  it('a forged statement is refused', async () => {
    const queried = await market.merchant.run(creditInvoice, { input: { contract: reverse } });
    const stated = await market.operator.run(creditInvoice, { on: queried.message });
    const forged = { ...stated.message, owed_sat: 5_000 };
    await refused(() => market.merchant.run(creditInvoice, { on: forged }), 'bad-seal', market.merchant);
  });

  it('the receipt raises owed again, once, in a restored home', async () => {
    let line!: string;
    let melt!: Awaited<ReturnType<typeof market.mint.melt>>;
    await market.restored(async () => {
      line = await market.invoice(reverse, 1_000n);
      melt = await market.mint.melt(await market.mint.newMelt(line));
    });
    expect(await owed()).toBe(0n);
    const show = async (text: string, receipt: string) => {
      const queried = await market.merchant.run(creditInvoice, {
        input: { contract: reverse, shown: { text, receipt } },
      });
      return market.operator.run(creditInvoice, { on: queried.message, served: {} });
    };
    expect((await show(line, melt.proof!)).message).toMatchObject({ owed_sat: 1_000 });
    expect((await show(line, melt.proof!)).message).toMatchObject({ owed_sat: 1_000 });
    expect(await owed()).toBe(1_000n);
    await expect(show(await market.invoice(reverse, 1_000n), melt.proof!)).rejects.toMatchObject({
      code: 'bad-receipt',
    });
    const forward = await market.forward();
    await expect(show(await market.invoice(reverse, 1_000n, { contract: forward }), melt.proof!)).rejects.toMatchObject(
      { code: 'not-an-invoice' },
    );
  });

  it("the home's signature on a close commits owed and stops melts", async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    await market.mint.melt(await market.mint.newMelt(await market.invoice(reverse, 2_000n)));
    await market.settle(reverse, 2_000n);
    const proposed = await market.merchant.run(closeCredit, { input: { contract: reverse } });
    await market.operator.run(closeCredit, { on: proposed.message, amount: 2_000n });
    expect((await make(line, melt.id)).status).toBe('FAILED');
    expect(await owed()).toBe(2_000n);
    await unquoted(await market.invoice(reverse, 700n), 'not-an-invoice');
  });

  it('belongs to reverse contracts only', async () => {
    const contract = await market.forward();
    const input = { contract };
    await expect(market.operator.run(creditInvoice, { input })).rejects.toMatchObject({ code: 'wrong-state' });
    expect(((await market.user.record(contract)) as PayerCredit).owedSat).toBe(null);
  });
});
