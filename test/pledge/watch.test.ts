/** Pledges of a home that is watched: the way back is sent once the campaign is over or its owner has said so, and not before. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  parseBareTransaction,
  txidOfHex,
  unsignedHex,
  withWitness,
  type Output,
  type Spent,
} from '../../src/lib/bitcoin/transaction.ts';
import { ALONE } from '../../src/lib/contract/watcher.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { ownPledges } from '../../src/commands/pledge/check.ts';
import { revoke } from '../../src/commands/pledge/revoke.ts';
import { watchLoop } from '../../src/lib/cli/watch-loop.ts';
import { bundlePost, readWatchBundle } from '../../src/lib/engine/watch-bundle.ts';
import { change } from '../../src/lib/home/change.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchedNode, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { pledgeTemplate } from '../../src/lib/pledge/pledge.ts';
import { ownClaim, pledgeKind, type OwnPledge } from '../../src/lib/pledge/records.ts';
import { pledgeVerdict } from '../../src/lib/pledge/status.ts';
import { pledge as table } from '../../src/lib/pledge/table.ts';
import { goalWithout, pledgeWatcher } from '../../src/lib/pledge/watch.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { ADDRESSES } from '../credit/things.ts';
import { fakeNode } from '../chain/node.ts';
import { listedBy } from '../support/watched.ts';
import { FakeChain } from '../support/chain.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { codeOf } from '../support/refusal.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));
async function party(seed: number): Promise<TestParty> {
  const made = await TestParty.make(seed);
  closing.push(() => made.close());
  return made;
}

const UNTIL = 2_000;
let seed = 61;
/** Alice has pledged a coin of 400,000 sat to a campaign of 1,000,000. */
async function scene(until: number | null = UNTIL) {
  const [collector, alice] = [await party((seed += 2)), await party(seed + 1)];
  collector.chain.feerate = 1000;
  const outputs = [{ address: ADDRESSES.p2tr, sat: 1_000_000n }];
  const on = (await collector.run(table, { input: { outputs, ...(until !== null && { until: { height: until } }) } }))
    .message;
  const coin = await ownCoin(alice, 400_000n);
  await alice.run(table, { on, input: { utxo: [coin], coin: outpointText(coin) } });
  const record = async (): Promise<OwnPledge> =>
    (await alice.home.store.list('pledge')).map(({ record: json }) => pledgeKind.parse(json))[0]!;
  const chain = new FakeChain(1_000);
  chain.give(coin);
  const { url } = await fakeNode(chain.answers());
  const rpc = new Rpc({ url });
  const source = factSource({ network: 'regtest', rpc });
  const node: WatchedNode = { rpc, source };
  const watch = async (): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    const post = homePost(alice.home, alice.ports(), undefined);
    await look(post, node, { confirmations: 6, feeBudgetSat: 50_000n }, async (_, e) => void events.push(e));
    return events;
  };
  const takeBack = async () => revoke(alice.home, (await record()).campaign.id, undefined, source);
  const paid = async (coins: readonly Spent[], outputs?: readonly Output[]): Promise<string> => {
    for (const one of coins) chain.give(one);
    const template = pledgeTemplate((await record()).campaign, 'regtest', coins);
    const hex = unsignedHex({ ...template, outputs: outputs ?? template.outputs });
    expect(chain.accept([hex])).toBeUndefined();
    return txidOfHex(hex);
  };
  const other = (sat: bigint, n = 0): Spent => ({ txid: 'cd'.repeat(32), vout: n, sat, script: coin.script });
  /** The campaign, completed with another coin; nobody looks at signatures here. */
  const complete = (feeSat: bigint): Promise<string> => paid([coin, other(600_000n + feeSat)]);
  /** The outputs of the campaign, or others, paid without the coin. */
  const payOther = (outputs?: readonly Output[], n = 1): Promise<string> => paid([other(3_000_000n, n)], outputs);
  const lines = () => ownPledges(alice.home, source, rpc);
  const check = async () => (await lines()).map(({ verdict }) => verdict);
  return { alice, chain, node, watch, record, takeBack, complete, payOther, lines, check, on };
}
const told = (events: readonly WatchEvent[]) => events.map(({ event, by }) => [event, by]);

describe('a pledge that is watched', () => {
  it('is taken back at the height at which its campaign is over, not before, and is printed no more', async () => {
    const { chain, watch, record } = await scene();
    chain.mine(UNTIL - 1 - chain.tip);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(told(await watch())).toEqual([['revoke', 'revocation']]);
    const { state, revocation } = await record();
    expect([state, chain.mempool.map(({ txid }) => txid)[0]]).toEqual(['revoked', revocation.txid]);
    expect(told(await watch())).toEqual([['in-mempool', undefined]]);
    chain.mine(6);
    expect(told(await watch())).toEqual([['settled', 'revocation']]);
    expect((await record()).state).toBe('spent');
    expect(await watch()).toEqual([]);
  });
  it('gets a child where fees have risen since it was made', async () => {
    const { chain, watch } = await scene();
    chain.mine(UNTIL - chain.tip);
    chain.feerate = 30_000;
    expect(await watch()).toMatchObject([{ event: 'revoke', child_fee_sat: expect.anything() }]);
    expect(chain.mempool).toHaveLength(2);
  });
  it('of a campaign that names no height is left alone until its owner takes it back', async () => {
    const { chain, watch, takeBack } = await scene(null);
    chain.mine(10_000);
    expect(await watch()).toEqual([]);
    await takeBack();
    expect(told(await watch())).toEqual([['rebroadcast', 'revocation']]);
    expect(chain.mempool).toHaveLength(1);
  });
  it('of a campaign that was paid without it is taken back, also where all outputs are spent by then', async () => {
    const { chain, watch, record, payOther, lines, check } = await scene(null);
    chain.mine(300);
    expect([await watch(), await check()]).toEqual([[], ['open']]);
    const live = { is: 'live', depth: 6 } as const;
    const ends = { ...(await record()), campaign: { ...(await record()).campaign, until: 2_000 } };
    expect([1_999, 2_000].map((tip) => pledgeVerdict(ends, live, tip))).toEqual(['open', 'due']);
    const goal = goalWithout(await record()).outputs;
    // Other orders, other sums and outputs beside it pay something else.
    await payOther([goal[0]!, goal[0]!], 2);
    await payOther([{ ...goal[0]!, sat: 999_999n }], 3);
    chain.mine();
    expect([await watch(), await check()]).toEqual([[], ['open']]);
    const txid = await payOther();
    expect([await watch(), await check()]).toEqual([[], ['open']]);
    chain.mine();
    // Whoever was paid has spent it: no unspent coin tells of the payment any more.
    const spent = unsignedHex({
      version: 2,
      locktime: 0,
      inputs: [{ txid, vout: 0, sequence: 0 }],
      outputs: [{ ...goal[0]!, sat: 900_000n }],
    });
    expect(chain.accept([spent])).toBeUndefined();
    chain.mine(200);
    expect(await check()).toEqual(['due']);
    expect(told(await watch())).toEqual([['revoke', 'revocation']]);
    const { state, revocation } = await record();
    expect(state).toBe('revoked');
    expect(await lines()).toMatchObject([{ verdict: 'taken-back', spent_by: revocation.txid }]);
  });
  it('is searched for in each block once, and from where an earlier process has ended', async () => {
    const { chain, node, watch, record, payOther } = await scene(null);
    // Blocks that could be replaced count for nothing.
    expect((await record()).unpaidTo).toBe(994);
    chain.mine(700);
    await watch();
    // So many in one look, the rest in the next ones.
    expect(await record()).toMatchObject({ unpaidTo: 994 + 288 });
    for (let n = 0; n < 3; n++) await watch();
    expect([(await record()).unpaidTo, new Set(chain.read).size]).toEqual([chain.tip - 6, 700 + 6]);
    const before = chain.read.length;
    chain.mine(5);
    await watch();
    expect(chain.read.slice(before)).toEqual([1_701, 1_702, 1_703, 1_704, 1_705]);
    // Another process reads the newest ones again.
    delete node.payments;
    await watch();
    expect(chain.read.slice(before + 5)).toHaveLength(11);
    // Two blocks are taken back, and the payment comes in their place.
    chain.reorganise(2);
    await payOther();
    chain.mine();
    expect(told(await watch())).toEqual([['revoke', 'revocation']]);
  });
  it('is unknown where a block that may have paid is pruned, and its owner is told', async () => {
    const { chain, watch, check } = await scene();
    chain.mine(60);
    chain.pruned = 1_050;
    expect(await check()).toEqual(['unknown']);
    expect(await watch()).toMatchObject([
      { event: 'blocks-pruned', searched_height: 994, coin: expect.stringMatching(/:\d+$/) },
    ]);
    chain.mine(UNTIL - chain.tip);
    expect(told(await watch())).toEqual([['revoke', 'revocation']]);
  });
  it('that was made without a node is searched for from the block of its coin on', async () => {
    const { alice, chain, watch, record } = await scene(null);
    const own = await record();
    await change(
      alice.home.store,
      { own: pledgeKind },
      () => ({ own: ownClaim(own) }),
      () => ({
        writes: { own: { ...own, unpaidTo: null } },
        result: undefined,
      }),
    );
    chain.mine(20);
    await watch();
    // The fake chain calls each coin six blocks deep.
    expect([Math.min(...chain.read), (await record()).unpaidTo]).toEqual([1_015, 1_014]);
  });
  it('pays its campaign where that is completed, also late, and is no loss', async () => {
    const { chain, watch, record, complete } = await scene();
    const txid = await complete(3_000n);
    chain.mine(0);
    expect(told(await watch())).toEqual([['in-mempool', undefined]]);
    chain.feerate = 900_000;
    chain.mine(UNTIL - chain.tip);
    expect(told(await watch())).toEqual([['in-mempool', undefined]]);
    expect(chain.mempool.map((tx) => tx.txid)).toEqual([txid]);
    chain.feerate = 0;
    chain.mine(6);
    expect(told(await watch())).toEqual([['settled', 'completion']]);
    expect((await record()).state).toBe('spent');
  });
  it('outbids the completion once its owner has taken it back', async () => {
    const { chain, watch, record, takeBack, complete } = await scene();
    const txid = await complete(3_000n);
    await takeBack();
    expect(told(await watch())).toEqual([
      ['overtaken', 'completion'],
      ['rebroadcast', 'revocation'],
    ]);
    const left = chain.mempool.map((tx) => tx.txid);
    expect([left.includes(txid), left.includes((await record()).revocation.txid)]).toEqual([false, true]);
  });
  it('is not sent where its record says otherwise by then', async () => {
    const { record } = await scene();
    const own = await record();
    for (const state of ['split', 'cancelled', 'spent'] as const) {
      expect(pledgeWatcher.watched({ ...own, state }, ALONE)).toBeUndefined();
      expect(codeOf(() => pledgeWatcher.sent!({ ...own, state }, {} as never))).toBe('state-moved-on');
      expect(pledgeKind.figures!({ ...own, state })).toEqual({});
    }
  });
});

it('two pledges of one campaign are two, also in a home that was restored', async () => {
  const { alice, chain, watch, on } = await scene();
  const other = await ownCoin(alice, 500_000n);
  await alice.run(table, { on, input: { utxo: [other], coin: outpointText(other) } });
  chain.give(other);
  await alice.lose(await alice.backUp());
  const post = homePost(alice.home, alice.ports(), undefined);
  // What is held of them from the first look serves the second.
  for (const look_ of ['first', 'second']) {
    const coins = new Set<string>();
    for (const one of await listedBy(post)) one.outpoints.forEach((at) => coins.add(outpointText(at)));
    expect([look_, coins.size]).toEqual([look_, 2]);
  }
  chain.mine(UNTIL - chain.tip);
  expect(told(await watch())).toEqual([
    ['revoke', 'revocation'],
    ['revoke', 'revocation'],
  ]);
});
describe('a copy of a way back in a folder that is watched', () => {
  const tower = async (until: number | null) => {
    const made = await scene(until);
    const { body } = made.alice.home.copies().copies.find(({ name }) => name.startsWith('pledge-'))!;
    const dir = mkdtempSync(join(tmpdir(), 'spillway-tower-'));
    const put = (change: object = {}) =>
      writeFileSync(join(dir, 'pledge.json'), printJson({ ...(body as object), ...change }));
    put();
    const post = bundlePost('regtest', [dir]);
    const watch = async (): Promise<WatchEvent[]> => {
      const events: WatchEvent[] = [];
      const rules = { confirmations: 6, feeBudgetSat: null };
      await look(post, made.node, rules, async (_, e) => void events.push(e));
      return events;
    };
    return { ...made, watch, put, dir, body: body as Record<string, any> };
  };
  it('is sent from the height on at which its campaign is over, by whoever has it', async () => {
    const { chain, watch } = await tower(UNTIL);
    chain.mine(UNTIL - 1 - chain.tip);
    for (let n = 0; n < 4; n++) expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(told(await watch())).toEqual([['revoke', 'revocation']]);
    chain.mine(6);
    expect(told(await watch())).toEqual([['settled', 'revocation']]);
    expect(await watch()).toEqual([]);
  });
  it('is sent once a block pays the campaign without the coin; where fees have risen, that is told', async () => {
    const { chain, watch, payOther } = await tower(null);
    await payOther();
    expect(await watch()).toEqual([]);
    chain.mine();
    chain.least = 50_000;
    expect(await watch()).toMatchObject([{ event: 'needs-bump', by: 'revocation' }]);
    chain.least = 1_000;
    expect(told(await watch())).toEqual([['revoke', 'revocation']]);
    const other = await tower(null);
    await other.complete(3_000n);
    expect(told(await other.watch())).toEqual([['in-mempool', undefined]]);
  });
  it('proves itself: what is altered in it is refused', async () => {
    const { put, dir, body } = await tower(UNTIL);
    const found = async (change: object): Promise<string | undefined> => {
      put(change);
      return readWatchBundle([dir], 'regtest').then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
    };
    const { campaign, hex } = body as { campaign: { outputs: object[] }; hex: string };
    const { outputs, ...tx } = parseBareTransaction(hex);
    const signed = (change: object) => withWitness({ ...tx, outputs, ...change }, tx.stacks);
    expect(await found({})).toBeUndefined();
    expect(await found({ capacity_sat: 399_999 })).toBe('signature-invalid');
    expect(await found({ script: `5120${'ab'.repeat(32)}` })).toBe('signature-invalid');
    expect(await found({ campaign: { ...campaign, until: UNTIL + 1 } })).toBe('terms-differ');
    expect(await found({ network: 'mars' })).toBe('malformed-message');
    expect(await found({ hex: signed({ outputs: [{ ...outputs[0]!, sat: 1_000n }] }) })).toBe('signature-invalid');
    expect(await found({ hex: signed({ outputs: [...outputs, ...outputs] }) })).toBe('transaction-differs');
    expect(await found({ hex: signed({ outputs: [] }) })).toBe('transaction-differs');
    expect(await found({ hex: unsignedHex({ ...tx, outputs }) })).toBe('transaction-differs');
    // A script beside the witness: version, marker and flag, count, outpoint, then its length.
    const at = 2 * (4 + 2 + 1 + 36);
    expect(await found({ hex: `${hex.slice(0, at)}0151${hex.slice(at + 2)}` })).toBe('transaction-differs');
  });
});
it('two pledges of one campaign in the same state are both told, each once', async () => {
  const { alice, chain, node, on } = await scene();
  const other = await ownCoin(alice, 500_000n);
  await alice.run(table, { on, input: { utxo: [other], coin: outpointText(other) } });
  chain.give(other);
  chain.mine(10);
  chain.pruned = chain.tip - 2;
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation(((text: string, done?: () => void) => {
    written.push(...text.split('\n').filter((line) => line !== ''));
    if (typeof done === 'function') done();
    return true;
  }) as never);
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const post = homePost(alice.home, alice.ports(), undefined);
  const rules = { confirmations: 6, feeBudgetSat: null };
  let looks = 0;
  const list = post.list.bind(post);
  post.list = (tip) => {
    // The third look is the last.
    if (++looks === 3) process.emit('SIGTERM');
    return list(tip);
  };
  await watchLoop({ post, node, rules, everySeconds: 0.01 });
  vi.restoreAllMocks();
  const told = written.map((line) => JSON.parse(line) as WatchEvent);
  expect([looks, told.map(({ event }) => event)]).toEqual([3, ['blocks-pruned', 'blocks-pruned']]);
  expect(new Set(told.map((event) => event['coin'])).size).toBe(2);
});
