/** Pledges of a home that is watched: the way back is sent once the campaign is over or its owner has said so, and not before. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { unsignedHex, txidOfHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { revoke } from '../../src/commands/pledge/own.ts';
import { readBundle } from '../../src/lib/engine/watch-bundle.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { templateOf } from '../../src/lib/pledge/pledge.ts';
import { pledgeKind, type OwnPledge } from '../../src/lib/pledge/records.ts';
import { pledge as table } from '../../src/lib/pledge/table.ts';
import { pledgeWatcher } from '../../src/lib/pledge/watch.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { ADDRESSES } from '../credit/things.ts';
import { fakeNode } from '../chain/node.ts';
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
  const watch = async (): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    const post = homePost(alice.home, alice.ports(), undefined);
    await look(post, { rpc, source }, { confirmations: 6, feeBudgetSat: 50_000n }, async (_, e) => void events.push(e));
    return events;
  };
  const takeBack = async () => revoke(alice.home, (await record()).campaign.id, undefined, source);
  /** The campaign, completed with another coin; nobody looks at signatures here. */
  const complete = async (feeSat: bigint): Promise<string> => {
    const other: Spent = { txid: 'cd'.repeat(32), vout: 0, sat: 600_000n + feeSat, script: coin.script };
    chain.give(other);
    const hex = unsignedHex(templateOf((await record()).campaign, 'regtest', [coin, other]));
    expect(chain.accept([hex])).toBeUndefined();
    return txidOfHex(hex);
  };
  return { alice, chain, watch, record, takeBack, complete, on };
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
      expect(pledgeWatcher.watched({ ...own, state }, new Set())).toBeUndefined();
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
    for await (const piece of post.duties!.resting())
      for (const one of piece) if (!('why' in one)) one.outpoints.forEach((at) => coins.add(outpointText(at)));
    expect([look_, coins.size]).toEqual([look_, 2]);
  }
  chain.mine(UNTIL - chain.tip);
  expect(told(await watch())).toEqual([
    ['revoke', 'revocation'],
    ['revoke', 'revocation'],
  ]);
});
it('a copy of a way back in a folder that is watched is left, and keeps nothing from being read', async () => {
  const { alice } = await scene();
  const copy = alice.home.copies().copies.find(({ name }) => name.startsWith('pledge-'))!;
  const dir = mkdtempSync(join(tmpdir(), 'spillway-tower-'));
  writeFileSync(join(dir, 'pledge.json'), printJson(copy.body));
  await expect(readBundle([dir], 'regtest')).rejects.toThrow('an empty bundle');
});
