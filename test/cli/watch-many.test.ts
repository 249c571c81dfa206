/** One look at a home of many contracts: what is due goes first, and what an exit costs does not depend on how many others there are. */
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { lookOver, type Resting } from '../../src/lib/engine/duties.ts';
import { look, type Post, type WatchEvent } from '../../src/lib/engine/watch.ts';
import type { WatchedCoin } from '../../src/lib/contract/duty.ts';
import type { ReadyTx } from '../../src/lib/contract/fees.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { contractId, type Terms } from '../../src/lib/credit/terms.ts';
import { contractInput, update } from '../../src/lib/credit/transactions.ts';
import { waysOf } from '../../src/lib/credit/watched.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { fakeNode } from '../chain/node.ts';
import { duty, ready } from '../contract/dutiful.ts';
import { parties, payeeOf, payerOf } from '../credit/helpers.ts';
import { FakeChain } from '../support/chain.ts';
import { opened, payMessages, type Pair } from '../support/credit.ts';
import { listedBy } from '../support/watched.ts';

const RULES = { confirmations: 6, feeBudgetSat: null };

const keyOf = (n: number): string =>
  bytesToHex(
    publicKey(
      Buffer.alloc(32)
        .fill(1, 0, 1)
        .fill(n >> 8, 30, 31)
        .fill(n & 255, 31),
    ),
  );

/** As many contracts like this one, with keys, coins and exits of their own, that expire when they are told to. */
async function like(pattern: PayeeCredit, { payee }: Pair, expiries: readonly number[]): Promise<PayeeCredit[]> {
  const made = expiries.map((expiry, i): PayeeCredit => {
    const keys = { payer_pubkey: keyOf(2 * i), payee_pubkey: keyOf(2 * i + 1) };
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
  // Nobody here asks for its script, which takes two keys together.
  for (const { outpoint, terms } of all) chain.give({ ...outpoint, sat: terms.capacity_sat, script: '51' });
  const node = await fakeNode(chain.answers(true));
  const rpc = new Rpc({ url: node.url });
  const post = homePost(both.payee.home, both.payee.ports(), undefined);
  const events: WatchEvent[] = [];
  const lookAs = (post_ = post) =>
    look(post_, { rpc, source: factSource({ network: 'regtest', rpc }) }, RULES, async (_, e) => void events.push(e));
  return { both, all, chain, node, post, events, lookAs };
}

/** What is read of a store while `run` lasts: records for a look, and reads by claim. */
async function readsDuring({ payee }: Pair, run: () => Promise<unknown>): Promise<{ records: number; loads: number }> {
  const { store } = payee.home;
  const count = { records: 0, loads: 0 };
  const { list, load, byName } = store;
  const { parse } = creditKind;
  creditKind.parse = (json) => ((count.records += 1), parse(json));
  store.list = () => Promise.reject(new Error('a look lists no records'));
  store.load = (...args) => ((count.loads += 1), load.apply(store, args));
  store.byName = (...args) => ((count.loads += 1), byName.apply(store, args));
  try {
    await run();
  } finally {
    Object.assign(store, { list, load, byName });
    creditKind.parse = parse;
  }
  return count;
}

describe('a look at many contracts', () => {
  it('sends what is due, the nearest first, before it asks for more than a piece of the others', async () => {
    const early = Array.from({ length: 205 }, () => 9_000);
    const { all, chain, node, events, lookAs } = await scene([...early, 2_010, 2_000, 2_005]);
    chain.mine(1_990 - chain.tip);
    await lookAs();
    const due = all.filter(({ terms }) => terms.expiry < 3_000).sort((a, b) => a.terms.expiry - b.terms.expiry);
    expect(events.map(({ event, contract }) => [event, contract])).toEqual(due.map(({ id }) => ['exit', id]));
    expect(chain.mempool.map(({ hex }) => hex)).toEqual(due.map(({ exit }) => exit));
    const coins = new Set(due.map(({ outpoint }) => outpoint.txid));
    const others = (calls: typeof node.asked) =>
      calls.filter(({ method, params }) => method === 'gettxout' && !coins.has(String(params[0]))).length;
    const sent = node.asked.map(({ method }) => method).lastIndexOf('sendrawtransaction');
    expect([others(node.asked.slice(0, sent)) < 200, others(node.asked)]).toEqual([true, 206]);
  });

  it('reads each record once, and the next look those that have changed; asks the node in as few requests as there are pieces', async () => {
    const counts = [];
    for (const n of [10, 210]) {
      const { both, all, chain, node, events, lookAs } = await scene(Array.from({ length: n }, () => 9_000));
      const requests = async () => {
        node.requests.length = 0;
        node.asked.length = 0;
        const { records, loads } = await readsDuring(both, lookAs);
        expect(node.asked.filter(({ method }) => method === 'gettxout')).toHaveLength(n + 1);
        return { records, loads, requests: node.requests.length };
      };
      counts.push([await requests(), await requests()]);
      // What has changed is read anew, and only that.
      chain.accept([all[3]!.exit!]);
      chain.mine(6);
      await readsDuring(both, lookAs);
      const after = await readsDuring(both, lookAs);
      expect(events.map(({ event, contract }) => [event, contract])).toEqual([['settled', all[3]!.id]]);
      expect(after).toEqual({ records: 0, loads: 0 });
    }
    const [few, many] = counts;
    expect(few).toEqual([
      { records: 11, loads: 0, requests: 4 },
      { records: 0, loads: 0, requests: 4 },
    ]);
    expect(many).toEqual([
      { records: 211, loads: 0, requests: 5 },
      { records: 0, loads: 0, requests: 5 },
    ]);
  });

  it('costs for each of many exits as many reads and calls as for one, and requests by the batch', async () => {
    const costs = [];
    for (const n of [6, 36]) {
      const { both, all, chain, node, events, lookAs } = await scene(
        Array.from({ length: n - 1 }, (_, i) => 2_100 - (i % 7)),
      );
      chain.mine(2_100 - chain.tip);
      const paid = all.slice(1);
      chain.feerate = 12_000;
      node.requests.length = node.asked.length = 0;
      const { loads } = await readsDuring(both, lookAs);
      expect(events.filter(({ event, child_txid }) => event === 'exit' && child_txid)).toHaveLength(n - 1);
      const byDeadline = paid.sort((a, b) => a.terms.expiry - b.terms.expiry).map(({ exit }) => exit);
      expect(chain.mempool.filter(({ hex }) => byDeadline.includes(hex)).map(({ hex }) => hex)).toEqual(byDeadline);
      expect(chain.mempool).toHaveLength(2 * (n - 1));
      costs.push({ loads: loads / (n - 1), calls: node.asked.length, requests: node.requests.length });
    }
    const [few, many] = costs;
    expect(many!.loads).toBe(few!.loads);
    expect([few!.requests, many!.requests]).toEqual([7, 9]);
    expect((many!.calls - few!.calls) / 30).toBe(4);
  });

  it('of one contract reads that one, and the one that it rolls into', async () => {
    const { both, all } = await scene(Array.from({ length: 20 }, () => 2_000));
    const one = homePost(both.payee.home, both.payee.ports(), all[3]!.id);
    const reads = await readsDuring(both, async () =>
      expect((await listedBy(one)).map(({ id }) => id)).toEqual([all[3]!.id]),
    );
    expect(reads.loads).toBe(1);
  });

  it('works nothing out of a contract whose turn has not come, and one that cannot be worked out ends nothing', async () => {
    const { all, chain, post, events, lookAs } = await scene([2_000, 2_001]);
    chain.mine(1_990 - chain.tip);
    const order: string[] = [];
    const broken = (await listedBy(post)).map((one) => ({
      ...one,
      open: () => {
        order.push(one.id);
        if (one.id === all[1]!.id) throw new Error('a record of another form');
        return one.open();
      },
    }));
    const list = async () => ({ listed: [broken], bad: [] });
    expect(await lookAs({ ...post, list })).toBe(false);
    expect(events).toMatchObject([
      { event: 'refused', contract: all[1]!.id, code: 'bug' },
      { event: 'exit', contract: all[2]!.id },
    ]);
    expect(order).toEqual([all[1]!.id, all[2]!.id]);
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
  });
});

describe('records whose coins other records make', () => {
  const coin = (txid: string): WatchedCoin => ({ outpoint: { txid, vout: 0 }, ways: new Map() });
  /** Ids of records in the order in which their coins are asked for. */
  async function order(records: Record<string, { spends: string[]; makes: string[] }>): Promise<string[]> {
    const asked: string[] = [];
    const listed = Object.entries(records).map(([id, { spends, makes }]): Resting => {
      const coins = spends.map(coin);
      const duties = makes.map((txid) => duty({ tx: { ...ready, txid } }));
      const watched = { id, role: 'leaver', restsUntil: -Infinity, worthSat: 1n, coins, duties };
      const decide = () => (asked.push(id), []);
      const nothing = async () => {};
      const charge = {
        watched: { ...watched, decide },
        sent: async (tx: ReadyTx) => tx,
        ended: nothing,
        lapsed: nothing,
      };
      return { ...watched, outpoints: [], open: async () => charge };
    });
    const rpc = { txOut: async () => ({ confirmations: 1 }) } as unknown as Rpc;
    const at = { rpc, blocks: {} as never, tip: 1, fees: { feerate: 1, least: 1, relay: 1 }, rules: RULES };
    const post = { network: 'regtest' } as Post;
    const refused = async (_: object, error: unknown) => {
      throw error;
    };
    await lookOver([listed], post, at, { refused, said: async () => {} }, () => false);
    return asked;
  }
  it('come after these, and each of them once, also where it makes its own next coin or two wait for each other', async () => {
    const a = { spends: ['0'], makes: ['1'] };
    const b = { spends: ['1'], makes: ['2'] };
    expect(await order({ c: { spends: ['2'], makes: ['3'] }, b, a })).toEqual(['a', 'b', 'c']);
    expect(await order({ own: { spends: ['0', '1'], makes: ['1', '2'] } })).toEqual(['own']);
    expect(await order({ b, ring: { spends: ['0', '2'], makes: ['1', '3'] } })).toEqual(['b', 'ring']);
  });
});
