/** watch with something missing at the deadline: store, node, one contract's answers or record. The exit that is due goes out. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type Post, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { contractInput } from '../../src/lib/credit/transactions.ts';
import { rollover } from '../../src/lib/ecash/credit.ts';
import type { Credit } from '../../src/lib/credit/records.ts';
import { creditWatcher } from '../../src/lib/credit/watch.ts';
import type { ReadyTx } from '../../src/lib/contract/fees.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { fakeNode, type Answers } from '../chain/node.ts';
import { parties, payeeOf, payerOf, policy, tip } from '../credit/helpers.ts';
import { FakeChain } from '../support/chain.ts';
import { opened, payMessages, rollMessages } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { listedBy, opening } from '../support/watched.ts';

const DEADLINE = 5_176;
const RULES = { confirmations: 6, feeBudgetSat: null };

/** Contracts of one home: `paid` with money and a coin each, `unpaid` that nobody ever funded. */
async function scene(paid: number, { unpaid = 0, index = true, more = {} as Answers } = {}) {
  const both = await parties();
  for (let n = 0; n < unpaid; n++) await opened(both);
  const ids = [];
  for (let n = 0; n < paid; n++) ids.push(await opened(both));
  const chain = new FakeChain(DEADLINE);
  for (const id of ids) {
    await payMessages(both, id, 50_000n);
    chain.give(contractInput(await payeeOf(both, id), 0));
  }
  const answers = { ...chain.answers(index) };
  const { url, asked } = await fakeNode({
    ...answers,
    ...Object.fromEntries(
      Object.entries(more).map(([name, told]) => [
        name,
        async (params: unknown[]) => {
          const given = typeof told === 'function' ? await told(params) : told;
          return given === '' ? (answers[name] as (p: unknown[]) => string)(params) : given;
        },
      ]),
    ),
  });
  const rpc = new Rpc({ url });
  const node = { rpc, source: factSource({ network: 'regtest', rpc }) };
  const post = homePost(both.payee.home, both.payee.ports(), undefined);
  const events: WatchEvent[] = [];
  const looked = (change: (post: Post) => Post = (same) => same) => {
    tip(both, chain.tip);
    events.length = 0;
    return look(change(post), node, RULES, async (_, event) => void events.push(event));
  };
  return { both, ids, chain, asked, events, looked };
}

it('only a contract is frozen that has an exit for this party', async () => {
  const both = await parties();
  const [paid, unpaid] = [await opened(both), await opened(both)];
  await payMessages(both, paid, 50_000n);
  const exit = { by: 'exit' } as ReadyTx;
  const freeze = (c: Credit) => creditWatcher.sent!(c, exit);
  expect(() => freeze(undefined as never)).toThrow(expect.objectContaining({ code: 'unknown-contract' }));
  const mine = await payerOf(both, paid);
  expect(() => freeze(mine)).toThrow(expect.objectContaining({ code: 'not-your-turn' }));
  const nothing = await payeeOf(both, unpaid);
  expect(() => freeze(nothing)).toThrow(expect.objectContaining({ code: 'bug' }));
  const [one] = await listedBy(homePost(both.payee.home, both.payee.ports(), paid));
  const { sent } = (await one!.open())!;
  // Whatever was paid since is in the exit that is sent.
  await payMessages(both, paid, 1_000n);
  const { exit: hex } = await payeeOf(both, paid);
  expect(await sent(exit)).toMatchObject({ by: 'exit', hex });
  expect(await payeeOf(both, paid)).toMatchObject({ state: 'exiting' });
});

it('a contract that ends with the rollover into it, which the exit has beaten, is given up without a fault', async () => {
  const both = await parties();
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const { exit } = await payeeOf(both, id);
  await rollMessages(both, id);
  const chain = new FakeChain(1_000);
  chain.give(contractInput(await payeeOf(both, id), 0));
  chain.accept([exit!]);
  chain.mine(6_000);
  const { url } = await fakeNode(chain.answers());
  const rpc = new Rpc({ url });
  const node = { rpc, source: factSource({ network: 'regtest', rpc }) };
  const events: WatchEvent[] = [];
  tip(both, chain.tip);
  const post = homePost(both.payee.home, both.payee.ports(), undefined);
  expect(await look(post, node, RULES, async (_, event) => void events.push(event))).toBe(true);
  expect(events.map(({ event }) => event)).toEqual(['settled', 'lapsed']);
});

describe('at the deadline', () => {
  it('an exit goes out that cannot be frozen, and it is said why', async () => {
    const { both, ids, chain, events, looked } = await scene(1);
    const sent = () => Promise.reject(new Refusal('cannot-write', 'no space left on device'));
    expect(await looked((post) => opening(post, (charge) => ({ ...charge, sent })))).toBe(false);
    expect(events).toMatchObject([{ event: 'exit', by: 'exit', code: 'cannot-write' }]);
    expect(chain.mempool).toHaveLength(1);
    expect(await payeeOf(both, ids[0]!)).toMatchObject({ state: 'open' });
    chain.mine(6);
    expect(await looked()).toBe(true);
    expect(events).toMatchObject([{ event: 'settled', by: 'exit' }]);
  });

  it.each([
    ['estimatesmartfee', { status: 200, body: '' }, 'chain-unavailable'],
    [
      'estimatesmartfee',
      { status: 200, body: '{"result":{"feerate":"much"},"error":null,"id":1}' },
      'chain-unavailable',
    ],
    ['getmempoolinfo', { status: 200, body: 'no JSON' }, 'chain-unavailable'],
  ] as const)('no answer to %s that can be read (%j) keeps an exit back, and it is said', async (call, told, code) => {
    const { chain, events, looked } = await scene(1, { more: { [call]: told } });
    expect(await looked()).toBe(false);
    expect(events).toMatchObject([{ event: 'fees-unknown', code }, { event: 'exit' }]);
    expect(chain.mempool).toHaveLength(1);
  });

  it('a call that fails for one contract keeps no other from its exit', async () => {
    let bad = '';
    const { both, ids, chain, events, looked } = await scene(3, {
      more: { sendrawtransaction: ([hex]) => (hex === bad ? { status: 200, body: '' } : '') },
    });
    bad = (await payeeOf(both, ids[0]!)).exit!;
    expect(await looked()).toBe(false);
    expect(events).toMatchObject([
      { event: 'refused', contract: ids[0], code: 'chain-unavailable' },
      { event: 'exit', contract: ids[1] },
      { event: 'exit', contract: ids[2] },
    ]);
    bad = '';
    expect(await looked()).toBe(true);
    expect(events.find(({ contract }) => contract === ids[0])).toMatchObject({ event: 'rebroadcast' });
    expect(chain.mempool).toHaveLength(3);
  });

  it('what nobody can read of one contract keeps no other from its exit', async () => {
    const { both, ids, chain, events, looked } = await scene(2, {
      more: { getrawtransaction: ([, verbose]) => (verbose === 1 ? '' : '"zz"') },
    });
    expect(chain.accept([(await payeeOf(both, ids[0]!)).exit!])).toBe(undefined);
    expect(await looked()).toBe(false);
    expect(events).toMatchObject([
      { event: 'refused', contract: ids[0] },
      { event: 'exit', contract: ids[1] },
    ]);
    expect(chain.mempool).toHaveLength(2);
  });

  it('a node that is gone ends the look', async () => {
    const { chain, events, looked } = await scene(2, {
      more: { gettxout: () => ((chain.up = false), { status: 503, body: '' }) },
    });
    await expect(looked()).rejects.toMatchObject({ code: 'chain-unavailable' });
    expect(events).toEqual([]);
  });

  it('contracts that were never paid over cost no call to the node, and the others come first', async () => {
    const { chain, asked, events, looked, ids } = await scene(1, { unpaid: 8, index: false });
    expect(await looked()).toBe(true);
    expect(events).toMatchObject([{ event: 'exit', contract: ids[0] }]);
    expect(asked.filter(({ method }) => method.startsWith('getblock') && method !== 'getblockchaininfo')).toEqual([]);
    expect(asked.length).toBeLessThan(25);
    chain.mine(200);
    await looked();
    expect(events.map(({ event }) => event)).toEqual(['settled', ...Array.from({ length: 8 }, () => 'lapsed')]);
  });
});

describe('a record that cannot be read', () => {
  /** As a disk or a hand may leave it: the body of a record, by its name. */
  function damage({ payee }: { payee: TestParty }, id: string, body: string): void {
    const db = new DatabaseSync(join(payee.dir, 'store.db'));
    expect(db.prepare('UPDATE record SET body = ? WHERE name = ?').run(body, id).changes).toBe(1);
    db.close();
  }

  it.each(['{"id":', 'null', '{}', '{"role":"payee","state":"open","paidSat":1}'])(
    'is named and counted, and keeps no other from its exit: %s',
    async (body) => {
      const { both, ids, chain, events, looked } = await scene(3);
      damage(both, ids[0]!, body);
      const refused = { event: 'refused', contract: ids[0]!, code: 'store-damaged' };
      expect(await looked()).toBe(false);
      expect(events).toMatchObject([
        refused,
        { event: 'exit', contract: ids[1]! },
        { event: 'exit', contract: ids[2]! },
      ]);
      expect(chain.mempool).toHaveLength(2);
      chain.mine(6);
      expect(await looked()).toBe(false);
      expect(events).toMatchObject([refused, { event: 'settled' }, { event: 'settled' }]);
    },
  );

  it('is named where it alone is watched', async () => {
    const { both, ids, events, looked } = await scene(2);
    damage(both, ids[0]!, 'null');
    const { list } = homePost(both.payee.home, both.payee.ports(), ids[0]!);
    expect(await looked((same) => ({ ...same, list }))).toBe(false);
    expect(events).toMatchObject([{ event: 'refused', contract: ids[0]!, code: 'store-damaged' }]);
  });

  it('of the next contract of a rollover keeps the exit of this one not back', async () => {
    const { both, ids, chain, events, looked } = await scene(1);
    const { payee, payer } = both;
    const input = { contract: ids[0]!, policy };
    const offered = await payee.run(rollover, { input });
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires: { blocks: 9_000 } } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const next = accepted.message['next_contract'].id as string;
    damage(both, next, 'null');
    expect(await looked()).toBe(false);
    // It cannot be frozen, for that gives up the next one; nobody has funded that, so nothing is due of it.
    expect(events).toMatchObject([{ event: 'exit', contract: ids[0]!, code: 'store-damaged' }]);
    expect(chain.mempool).toHaveLength(1);
  });

  it('is no word for a store that does not answer: that ends the look', async () => {
    const { both, ids, chain, looked } = await scene(1);
    const { list } = homePost(both.payee.home, both.payee.ports(), ids[0]!);
    both.payee.home.store.byName = async () => {
      throw new Refusal('store-unavailable', 'the disk is gone');
    };
    await expect(looked((same) => ({ ...same, list }))).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(chain.mempool).toEqual([]);
  });
});
