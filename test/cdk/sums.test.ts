/**
 * What waits for a quote, and what of a payer's payments has arrived at a mint, are read off the places of the payments:
 * each counts once in any order, after any restore.
 */
import { ledgerClaim, ledgerKind, type Ledger, type PayerLedger } from '../../src/lib/ecash/ledger.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { change } from '../../src/lib/home/change.ts';
import { Market } from '../support/mint-home.ts';

let market: Market;
beforeEach(async () => {
  market = await Market.make();
});
afterEach(() => market.close());

const KEY = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
const newQuote = async (amount: number): Promise<string> => (await market.mint.newQuote({ amount, pubkey: KEY })).id;
/** A payment up to the payer's signature; by default only one may be under way. */
const signed = async (contract: string, amount: bigint, quote?: string) => {
  const input = { contract, amount, ...(quote !== undefined && { quote }) };
  const asked = await market.user.run(signUpdate, { input });
  const requested = await market.operator.run(signUpdate, { on: asked.message });
  return (await market.user.run(signUpdate, { on: requested.message })).message;
};
const pay = async (contract: string, amount: bigint, quote?: string) =>
  market.operator.run(signUpdate, { on: await signed(contract, amount, quote) });

describe('payee', () => {
  it('what a quote was bound for waits no more, where the backup was taken before and the journal after', async () => {
    const contract = await market.forward();
    await market.pay(contract, 2_100n);
    const backup = await market.operator.backUp();
    await market.bind(contract);
    await market.stop();
    await market.operator.lose(backup);
    await market.operator.home.reconcile(market.operator.journal());
    expect((await market.operator.status(contract)).notes.filter((note) => note.includes('wait for a quote'))).toEqual(
      [],
    );
    await market.start();
  });
});

describe('a contract that ends while something waits', () => {
  const WAITS = '2100 sat wait for a quote of the mint: the payer runs ecash-quote';
  const waiting = async (): Promise<string> => {
    const contract = await market.forward();
    await market.pay(contract, 2_100n);
    return contract;
  };
  const forget = (contract: string): Promise<void> =>
    change<{ ledger: Ledger }, void>(
      market.user.home.store,
      { ledger: ledgerKind },
      () => ({ ledger: ledgerClaim(contract) }),
      ({ ledger: l }) => ({ writes: { ledger: { ...(l as PayerLedger), inflight: [] } }, result: undefined }),
    );
  const { user, operator } = { user: () => market.user, operator: () => market.operator };

  it('says so where the payee exits, and not where it exports', async () => {
    const input = { contract: await waiting() };
    const exported = await operator().run(exitCredit, { input: { ...input, export: true } });
    expect(exported.hint).not.toContain(WAITS);
    expect((await operator().run(exitCredit, { input })).hint).toBe(WAITS);
    expect((await user().run(exitCredit, { input })).hint).not.toContain('wait for a quote');
  });

  it.each([
    ['payee', operator, user],
    ['payer', user, operator],
  ] as const)('says so to the payee where the %s closes', async (opener, one, other) => {
    const contract = await waiting();
    // A payer of today proposes none as long as it has not arrived.
    if (opener === 'payer') await forget(contract);
    const proposed = await one().run(closeCredit, { input: { contract } });
    const answered = await other().run(closeCredit, { on: proposed.message, amount: 2_100n });
    const complete = await one().run(closeCredit, { on: answered.message });
    const hints = opener === 'payee' ? [answered.hint, complete.hint] : [complete.hint, answered.hint];
    expect(hints.map((hint) => hint?.includes(WAITS) ?? false)).toEqual([false, true]);
  });

  it('says so where it rolls over', async () => {
    const contract = await waiting();
    const policy = defaultPolicy('regtest');
    const mint = { ecash: 'cdk', mint: market.mint.url };
    const offered = await operator().run(rollover, { input: { contract, policy, ...mint } });
    const on = { on: offered.message, input: { expires: { blocks: 4320 } } };
    const proposed = await user().run(rollover, on);
    const accepted = await operator().run(rollover, { on: proposed.message });
    const last = await user().run(rollover, { on: accepted.message, amount: 2_100n });
    expect((await operator().run(rollover, { on: last.message })).hint).toBe(WAITS);
  });
});

describe('payer', () => {
  it('that forgot a payment to another quote in a restore hears from ecash-quote what has arrived', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    const backup = await market.user.backUp();
    const other = await newQuote(2_100);
    await pay(contract, 2_100n, other);
    await market.arrived(other, 2_100);
    await market.user.lose(backup);
    await market.user.home.acceptRestore();
    await pay(contract, 900n);
    await market.arrived(quote, 900);
    await expect(signed(contract, 100n)).rejects.toMatchObject({ code: 'ecash-awaited' });
    expect(await market.bind(contract)).toBe(quote);
    await pay(contract, 100n);
    await market.arrived(quote, 1_000);
    await pay(contract, 50n);
  });

  it('that signs less to another quote in place of what was lost counts where each went', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await pay(contract, 2_100n);
    await market.arrived(quote, 2_100);
    await signed(contract, 900n);
    for (const party of [market.user, market.operator]) party.chain.now += 601;
    const other = await newQuote(600);
    await pay(contract, 600n, other);
    await market.arrived(other, 600);
    await pay(contract, 300n);
    await market.arrived(quote, 2_400);
    await pay(contract, 100n);
    await market.arrived(quote, 2_500);
  });
});
