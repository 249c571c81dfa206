/** Attacks on owners that only watch: operators that lie, homes that change under a look, disks that are full, damaged records. */
import { afterEach, describe, expect, it } from 'vitest';
import { txidOfHex, unsignedHex } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type Post, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { spentCoin } from '../../src/lib/statechain/terms.ts';
import { backup } from '../../src/lib/statechain/transactions.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from '../support/chain.ts';
import type { TestParty } from '../support/party.ts';
import { coinOf, opened, transferMessages, type Cast } from '../support/statechain.ts';
import { opening } from '../support/watched.ts';
import { parties, step } from './helpers.ts';
import { FORMER, OWN, ownerOf, second } from './watching.ts';

const putBack: (() => void)[] = [];
afterEach(() => putBack.splice(0).forEach((back) => back()));

/** A chain with Bob's coin, at a height. */
async function scene(all: Cast, id: string, height: number) {
  const chain = new FakeChain(height);
  chain.give(spentCoin(await ownerOf(all.bob, id)));
  const { url } = await fakeNode(chain.answers());
  const rpc = new Rpc({ url });
  /** One look. */
  const watch = async (party: TestParty, change: (post: Post) => Post = (post) => post) => {
    const events: WatchEvent[] = [];
    const node = { rpc, source: factSource({ network: 'regtest', rpc }) };
    const post = change(homePost(party.home, party.ports(), undefined));
    const done = await look(post, node, { confirmations: 6, feeBudgetSat: null }, async (_, e) => void events.push(e));
    return { events, done, mempool: chain.mempool.map(({ txid }) => txid) };
  };
  return { chain, watch };
}
/** Does something after a record was read, before it is acted on. */
const between =
  (what: () => Promise<unknown>) =>
  (post: Post): Post =>
    opening(post, async (charge) => (await what(), charge));

describe('an operator that completes a transfer which it had called cancelled', () => {
  it('is told at once, its accomplice is outbid once the own exit is valid, and no sooner', async () => {
    const all = await parties();
    const { operator, bob, carol } = all;
    const { id, exit } = await second(all);
    const said = await transferMessages(operator, bob, carol, id, 'sent');
    await step(bob, said.at(-1), { cancel: true });
    const c = await ownerOf(bob, id);
    expect(c).toMatchObject({ state: 'owned', given: [{ sent: true, declined: false }] });
    const { chain, watch } = await scene(all, id, OWN - 100);
    const theirs = unsignedHex(backup(c, { address: said[0]!['invite'].address, locktime: OWN - 100 }));
    chain.least = 0;
    expect(chain.accept([theirs])).toBeUndefined();
    chain.least = 1_000;
    const early = await watch(bob);
    expect(early).toMatchObject({ events: [{ event: 'overtaken', by: 'other' }], done: false });
    expect(early.mempool).toEqual([txidOfHex(theirs)]);
    chain.feerate = 900_000;
    chain.mine(100);
    chain.feerate = 2_000;
    const late = await watch(bob);
    expect(late.events.map(({ event }) => event)).toEqual(['overtaken', 'exit']);
    expect([late.mempool.includes(exit), late.mempool.includes(txidOfHex(theirs))]).toEqual([true, false]);
  });
});

describe('a record that changes under a look', () => {
  it('that was given away meanwhile is not exited', async () => {
    const all = await parties();
    const { operator, bob, carol } = all;
    const { id } = await second(all);
    const { watch } = await scene(all, id, OWN);
    const { events, done, mempool } = await watch(
      bob,
      between(async () => {
        if ((await coinOf(bob, id)).state === 'gone') return;
        const said = await transferMessages(operator, bob, carol, id, 'moved');
        await step(bob, said.at(-1));
      }),
    );
    expect({ events, done, mempool }).toMatchObject({
      events: [{ event: 'refused', contract: id, code: 'state-moved-on' }],
      done: false,
      mempool: [],
    });
  });
  it('of a full disk goes out all the same, and it is said', async () => {
    const all = await parties();
    const { bob } = all;
    const { id, exit } = await second(all);
    const { watch } = await scene(all, id, OWN);
    const { store } = bob.home;
    const { commit } = store;
    store.commit = () => Promise.reject(new Error('no space left on device'));
    putBack.push(() => (store.commit = commit));
    const { events, done, mempool } = await watch(bob);
    expect(events).toMatchObject([{ event: 'exit', txid: exit, message: expect.stringMatching(/no space left/) }]);
    expect([done, mempool.includes(exit)]).toEqual([false, true]);
    store.commit = commit;
    expect(await coinOf(bob, id)).not.toHaveProperty('exiting');
    expect((await watch(bob)).events).toMatchObject([{ event: 'in-mempool' }]);
  });
  it('that cannot be read is told, and keeps no other from its exit', async () => {
    const all = await parties();
    const { bob } = all;
    const { id, exit } = await second(all);
    const other = await opened(all);
    await transferMessages(all.operator, all.alice, bob, other);
    const { chain, watch } = await scene(all, id, OWN);
    chain.give(spentCoin(await ownerOf(bob, other)));
    const { parse } = statecoinKind;
    statecoinKind.parse = (json) => {
      if ((json as { id?: string }).id === other) throw new SyntaxError('not a record');
      return parse(json);
    };
    putBack.push(() => (statecoinKind.parse = parse));
    const { events, done, mempool } = await watch(bob);
    expect(events.map(({ event, contract, code }) => [event, contract, code]).sort()).toEqual([
      ['exit', id, undefined],
      ['refused', other, 'store-damaged'],
    ]);
    expect([done, mempool.includes(exit)]).toEqual([false, true]);
  });
});

describe('two looks', () => {
  it('of two processes at once send one exit, and the later changes nothing', async () => {
    const all = await parties();
    const { bob } = all;
    const { id, exit } = await second(all);
    const { chain, watch } = await scene(all, id, OWN);
    const [one, two] = await Promise.all([watch(bob), watch(bob)]);
    expect([one.done, two.done]).toEqual([true, true]);
    expect(chain.mempool.filter(({ txid }) => txid === exit)).toHaveLength(1);
    const before = await coinOf(bob, id);
    expect(before).toMatchObject({ exiting: true });
    expect((await watch(bob)).events).toMatchObject([{ event: 'in-mempool' }]);
    expect(await coinOf(bob, id)).toEqual(before);
  });
  it('end a record once: what is final is told by one of them and then by none', async () => {
    const all = await parties();
    const { bob } = all;
    const { id, exit } = await second(all);
    const { chain, watch } = await scene(all, id, FORMER);
    await watch(bob);
    chain.mine(6);
    expect(chain.confirmations(exit)).toBe(6);
    const told = await Promise.all([watch(bob), watch(bob)]);
    expect(told.flatMap(({ events }) => events.map(({ event }) => event))).toContain('settled');
    expect(await watch(bob)).toMatchObject({ events: [], done: true });
    expect(await coinOf(bob, id)).toMatchObject({ state: 'closed', settled: { by: 'exit' } });
  });
});
