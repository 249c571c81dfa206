/** One look at a home of many contracts: what is due goes first, and what an exit costs does not depend on how many others there are. */
import { describe, expect, it } from 'vitest';
import { withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { homePost } from '../../src/lib/cli/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/cli/watch.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { contractId, type Terms } from '../../src/lib/credit/terms.ts';
import { contractInput, update } from '../../src/lib/credit/transactions.ts';
import { asListed } from '../../src/lib/credit/watch.ts';
import { waysOf } from '../../src/lib/credit/watched.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { fakeNode } from '../chain/node.ts';
import { parties, payeeOf, payerOf } from '../credit/helpers.ts';
import { key } from '../credit/things.ts';
import { FakeChain } from '../support/chain.ts';
import { opened, payMessages, type Pair } from '../support/credit.ts';

const RULES = { confirmations: 6, feeBudgetSat: null };

/** As many contracts like this one, with keys, coins and exits of their own, that expire when they are told to. */
async function like(pattern: PayeeCredit, { payee }: Pair, expiries: readonly number[]): Promise<PayeeCredit[]> {
  const made = expiries.map((expiry, i): PayeeCredit => {
    const keys = { payer_pubkey: key(10 + 2 * i), payee_pubkey: key(11 + 2 * i) };
    const terms: Terms = { ...pattern.terms, ...keys, expiry };
    const outpoint = { txid: (i + 1).toString(16).padStart(64, '0'), vout: 0 };
    const c = { ...pattern, terms, id: contractId(terms), outpoint };
    return { ...c, exit: withWitness(update(c, c.paidSat), [[new Uint8Array(64)]]) } as PayeeCredit;
  });
  const writes = made.map((c) => writeOf(creditKind, c, null, 0));
  expect(await payee.home.store.commit(plainCommit({ reads: [], writes }))).toBe(true);
  return made;
}

async function scene(expiries: readonly number[]) {
  const both = await parties();
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const pattern = await payeeOf(both, id);
  const all = [pattern, ...(await like(pattern, both, expiries))];
  const chain = new FakeChain(1_000);
  for (const c of all) chain.give(contractInput(c, 0));
  const node = await fakeNode(chain.answers(true));
  const rpc = new Rpc({ url: node.url });
  const post = homePost(both.payee.home, both.payee.ports(), undefined);
  const events: WatchEvent[] = [];
  const lookAs = (post_ = post) =>
    look(post_, { rpc, source: factSource({ network: 'regtest', rpc }) }, RULES, async (_, e) => void events.push(e));
  return { both, all, chain, node, post, events, lookAs };
}

/** Reads of all records of a home, and reads by name or claim, while `run` lasts. */
async function readsDuring({ payee }: Pair, run: () => Promise<unknown>): Promise<{ lists: number; loads: number }> {
  const { store } = payee.home;
  const count = { lists: 0, loads: 0 };
  const { list, load } = store;
  store.list = (...args) => ((count.lists += 1), list.apply(store, args));
  store.load = (...args) => ((count.loads += 1), load.apply(store, args));
  try {
    await run();
  } finally {
    Object.assign(store, { list, load });
  }
  return count;
}

describe('a look at many contracts', () => {
  it('sends what is due, the nearest first, before it asks for any other', async () => {
    const early = Array.from({ length: 60 }, () => 9_000);
    const { all, chain, node, events, lookAs } = await scene([...early, 2_010, 2_000, 2_005]);
    chain.mine(1_990 - chain.tip);
    node.asked.length = 0;
    await lookAs();
    const due = all.filter(({ terms }) => terms.expiry < 3_000).sort((a, b) => a.terms.expiry - b.terms.expiry);
    expect(events.map(({ event, contract }) => [event, contract])).toEqual(due.map(({ id }) => ['exit', id]));
    const coins = new Set(due.map(({ outpoint }) => outpoint.txid));
    const isOther = ({ method, params }: (typeof node.asked)[number]) =>
      method === 'gettxout' && !coins.has(String(params[0]));
    const sent = node.asked.map(({ method }) => method).lastIndexOf('sendrawtransaction');
    expect(node.asked.findIndex(isOther)).toBeGreaterThan(sent);
    expect(node.asked.filter(isOther)).toHaveLength(61);
  });

  it('reads all records once, however many exits there are; for an exit as many as where there is one contract', async () => {
    const loads = await Promise.all(
      [1, 24].map(async (n) => {
        const { both, chain, events, lookAs } = await scene(Array.from({ length: n }, () => 2_000));
        chain.mine(1_990 - chain.tip);
        const reads = await readsDuring(both, lookAs);
        expect(events.filter(({ event }) => event === 'exit')).toHaveLength(n);
        expect(reads.lists).toBe(1);
        return reads.loads / n;
      }),
    );
    expect(loads[1]).toBe(loads[0]);
  });

  it('of one contract reads that one, and the one that it rolls into', async () => {
    const { both, all } = await scene(Array.from({ length: 20 }, () => 2_000));
    const one = homePost(both.payee.home, both.payee.ports(), all[3]!.id);
    const reads = await readsDuring(both, async () =>
      expect((await one.list()).listed.map(({ id }) => id)).toEqual([all[3]!.id]),
    );
    expect(reads.lists).toBe(0);
  });

  it('works nothing out of a contract whose turn has not come, and one that cannot be worked out ends nothing', async () => {
    const { all, chain, post, events, lookAs } = await scene([2_000, 2_001]);
    chain.mine(1_990 - chain.tip);
    const { listed } = await post.list();
    const order: string[] = [];
    const broken = listed.map((one) => ({
      ...one,
      open: () => {
        order.push(one.id);
        if (one.id === all[1]!.id) throw new Error('a record of another form');
        return one.open();
      },
    }));
    const list = async () => ({ listed: broken, bad: [] });
    expect(await lookAs({ ...post, list })).toBe(false);
    expect(events).toMatchObject([
      { event: 'refused', contract: all[1]!.id, code: 'bug' },
      { event: 'exit', contract: all[2]!.id },
    ]);
    expect(order).toEqual([all[1]!.id, all[2]!.id, all[0]!.id]);
  });

  it('needs no keys to know the transactions of a contract by their ids', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const c = await payeeOf(both, id);
    const noPoint = '02' + 'ff'.repeat(32);
    const strange = { ...c, terms: { ...c.terms, payer_pubkey: noPoint, payee_pubkey: noPoint } };
    expect([...waysOf(strange)]).toEqual([...waysOf(c)]);
    expect(() => contractInput(strange, 0).script).toThrow();
    // One over which nothing was signed is spent by its refund alone.
    const unpaid = await payerOf(both, await opened(both));
    expect([...waysOf(unpaid).values()].map(({ by }) => by)).toEqual(['refund']);
    expect(asListed((await homePost(both.payee.home, both.payee.ports(), id).list()).listed[0]!.open()).sends).toBe(
      true,
    );
  });
});
