/** Who is a stranger, and how much strangers may do: over all, by address, by contract. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { codeOf, desk, type Work } from '../../src/lib/serve/desk.ts';
import { Budgets, admissionOf, STRANGER_LIMITS } from '../../src/lib/serve/strangers.ts';
import { served, workHere } from '../../src/lib/serve/work.ts';
import { payeeOf, show } from '../credit/helpers.ts';
import { opened, ownCoin, pair, payMessages, type Pair } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';

describe('a budget', () => {
  let now = 0;
  beforeEach(() => void (now = 0));
  const takes = (budgets: Budgets, names: readonly string[], times: number) =>
    Array.from({ length: times }, () => budgets.take(names)).filter(Boolean).length;

  it('has a quarter for each name, rounded up, and comes back with the time', () => {
    expect([1, 4, 5, 8, 60].map(STRANGER_LIMITS.each.most)).toEqual([1, 1, 2, 2, 15]);
    const budgets = new Budgets(8, () => now);
    expect([takes(budgets, ['a'], 5), takes(budgets, ['b'], 5)]).toEqual([2, 2]);
    now += 30_000;
    expect([takes(budgets, ['a'], 5), takes(budgets, ['b'], 5)]).toEqual([1, 1]);
  });

  it('is one for all of them, however many names they have', () => {
    const budgets = new Budgets(8, () => now);
    expect(Array.from({ length: 20 }, (_, i) => budgets.take([`n${i}`])).filter(Boolean)).toHaveLength(8);
    expect(budgets.take([])).toBe(false);
  });

  it('counts nothing of what it refuses, for none of the names', () => {
    const budgets = new Budgets(8, () => now);
    expect(takes(budgets, ['a'], 2)).toBe(2);
    expect(takes(budgets, ['b', 'a'], 9)).toBe(0);
    expect(takes(budgets, ['b'], 9)).toBe(2);
  });

  it('forgets names that have all of their share again, and no other', () => {
    const most = STRANGER_LIMITS.remembered.most(4);
    expect(most).toBe(40);
    const budgets = new Budgets(4, () => now);
    for (let i = 0; i < most; i += 1) {
      expect(budgets.take([`n${i}`])).toBe(true);
      now += 15_000;
    }
    expect(budgets.size).toBe(most);
    now += 45_000;
    expect([budgets.take(['last']), budgets.size]).toEqual([true, 1]);
    expect(budgets.take(['last'])).toBe(false);
  });
});

describe('a stranger', () => {
  const PER_MINUTE = 8;
  let both: Pair;
  let now: number;
  let answer: (text: string, address?: string) => Promise<string>;
  let loads: ReturnType<typeof vi.spyOn>;
  beforeAll(async () => {
    // Requests side by side need randomness that is real: a repeated one would give two of them the same.
    const [payee, payer] = [await TestParty.make(), await TestParty.make()];
    both = { payee, payer, close: () => (payee.close(), payer.close()) };
  });
  afterAll(() => both.close());
  beforeEach(() => {
    now = 0;
    const { store } = both.payee.home;
    loads = vi.spyOn(store, 'load');
    // What the chain shows changes between messages.
    const work: Work = (received) => workHere(served(both.payee.ports()), {}, 256)(received);
    const told = desk(work, () => {}, admissionOf(store, new Budgets(PER_MINUTE, () => now)));
    answer = async (text, address) => codeOf(await told(text, 'test', address)) ?? 'ok';
  });
  afterEach(() => loads.mockRestore());

  const wish = async () => (await both.payer.run(openCredit, { input: { as: 'payer' } })).text;
  const wishes = async (count: number, address?: string): Promise<string[]> => {
    const codes: string[] = [];
    for (let i = 0; i < count; i += 1) codes.push(await answer(await wish(), address));
    return codes;
  };
  const asked = async (contract: string, amount: bigint) =>
    (await both.payer.run(signUpdate, { input: { contract, amount } })).text;
  const oks = (codes: readonly string[]): number => codes.filter((code) => code === 'ok').length;

  it('asks for so many offers a minute, and a quarter of them from one address', async () => {
    expect(oks(await wishes(3, '192.0.2.1'))).toBe(2);
    expect(oks(await wishes(1, '192.0.2.2'))).toBe(1);
    const more = await Promise.all([3, 4, 5, 6].map((n) => wishes(2, `192.0.2.${n}`)));
    expect(more.map(oks).reduce((a, b) => a + b)).toBe(5);
    expect(await wishes(1, '192.0.2.9')).toEqual(['busy']);
    now += 60_000;
    expect(await wishes(1, '192.0.2.9')).toEqual(['ok']);
  });

  it('has as many IPv6 addresses as it likes, and one budget', async () => {
    expect(await wishes(2, '2001:db8:0:1::1')).toEqual(['ok', 'ok']);
    expect(await wishes(1, '2001:db8:0:1:ffff::2')).toEqual(['busy']);
    expect(await wishes(1, '2001:db8:0:2::1')).toEqual(['ok']);
  });

  it('is not known by an address of this machine, nor on a pipe: that may be anybody', async () => {
    expect(oks(await wishes(3, '127.0.0.1'))).toBe(3);
    expect(oks(await wishes(3, '::1'))).toBe(3);
    expect(await wishes(3, undefined)).toEqual(['ok', 'ok', 'busy']);
  });

  it('is whoever takes up an offer', async () => {
    const offered = await both.payee.run(openCredit, { input: { as: 'payee' } });
    const input = { utxo: [await ownCoin(both.payer, 1_100_000n)], amount: 1_000_000n, expires: { blocks: 4_320 } };
    const proposed = await both.payer.run(openCredit, { on: offered.message, input });
    await wishes(PER_MINUTE);
    expect(await answer(proposed.text)).toBe('busy');
    now += 60_000;
    expect(await answer(proposed.text)).toBe('ok');
  });

  it('is whoever takes up an offer that is over, however often', async () => {
    const offered = await both.payee.run(openCredit, { input: { as: 'payee' } });
    const input = { utxo: [await ownCoin(both.payer, 1_100_000n)], amount: 1_000_000n, expires: { blocks: 4_320 } };
    const proposed = await both.payer.run(openCredit, { on: offered.message, input });
    await both.payee.run(openCredit, { on: offered.message, cancel: true });
    expect(await answer(proposed.text)).toBe('wrong-state');
    await wishes(PER_MINUTE);
    expect(await answer(proposed.text)).toBe('busy');
  });

  it('is whoever brings anything over a contract that nobody has funded, until somebody has', async () => {
    const contract = await opened(both);
    for (const table of [rollover, closeCredit]) {
      const { text } = await both.payer.run(table, { input: { contract } });
      await wishes(PER_MINUTE);
      const before = await both.payee.state();
      expect([table.type, await answer(text)]).toEqual([table.type, 'busy']);
      expect(await both.payee.state()).toEqual(before);
      if (table === closeCredit) await both.payer.run(closeCredit, { over: `id:${contract}`, cancel: true });
      now += 60_000;
    }
    // Of one contract a quarter goes in, and none of it is kept of what does not.
    const some = await Promise.all([1_000n, 2_000n, 3_000n].map((amount) => asked(contract, amount)));
    const codes: string[] = [];
    for (const text of some) codes.push(await answer(text));
    expect(codes).toEqual(['ok', 'ok', 'busy']);
    await wishes(PER_MINUTE);
    await both.payee.home.store.load([`id:${contract}`]);
    show(both, await payeeOf(both, contract));
    expect(await answer(await asked(contract, 4_000n))).toBe('busy');
    now += 60_000;
    expect(await answer(await asked(contract, 5_000n))).toBe('ok');
    expect((await payeeOf(both, contract)).funded).toBe(true);
    await wishes(PER_MINUTE);
    for (const amount of [6_000n, 7_000n, 8_000n]) expect(await answer(await asked(contract, amount))).toBe('ok');
  });

  it('is nobody who has paid; that is looked up once', async () => {
    both.payee.chain.coins = 'not-checked';
    both.payer.chain.coins = 'not-checked';
    const contract = await opened(both);
    await payMessages(both, contract, 1_000n);
    await wishes(PER_MINUTE);
    loads.mockClear();
    for (const amount of [1_000n, 2_000n, 3_000n]) expect(await answer(await asked(contract, amount))).toBe('ok');
    const looked = loads.mock.calls.length;
    expect(await answer(await asked(contract, 4_000n))).toBe('ok');
    loads.mockClear();
    expect(await answer(await asked(contract, 5_000n))).toBe('ok');
    // The runner looks as often as ever; the desk no more.
    expect(loads.mock.calls.length).toBeLessThan(looked);
  });

  it('takes nothing from others by naming what this home does not have', async () => {
    const elsewhere = await pair(234);
    try {
      const contract = await opened(elsewhere);
      const { text } = await elsewhere.payer.run(signUpdate, { input: { contract, amount: 1_000n } });
      for (let i = 0; i < 2 * PER_MINUTE; i += 1) expect(await answer(text)).toBe('unknown-contract');
      expect(oks(await wishes(PER_MINUTE + 1))).toBe(PER_MINUTE);
    } finally {
      elsewhere.close();
    }
  });
});
