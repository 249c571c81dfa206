/**
 * Thirty contracts reach their deadlines in a fee spike, with two reorganisations on the way, and two homes that do nothing
 * but `watch --once` after each block. Bitcoin Core judges what is relayed and replaced; blocks take only what pays the spike.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import { sumSat } from '../../src/lib/bitcoin/transaction.ts';
import { isFunded, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { defaultPolicy, payoutScript } from '../../src/lib/credit/terms.ts';
import { spillway } from '../cli/run.ts';
import { pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import { openOn, setTip } from './funded.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();
const SEED = 91;
const COUNT = 30;
const POLICY = { ...defaultPolicy('regtest'), min_blocks: 40, freeze_blocks: 30, margin_blocks: 20 };
/** sat/vB that blocks take at least while fees are high, and what the watchers pay then. */
const SPIKE = { mined: 20, paid: 25 };
/** The most that a child may pay. */
const BUDGET = 20_000;
/** What becomes of the contracts, by their number. */
const kindOf = (i: number): 'open' | 'unpaid' | 'rolled' | 'closed' | 'closed-by-payer' =>
  i < 18 ? 'open' : i < 22 ? 'unpaid' : i < 26 ? 'rolled' : i < 28 ? 'closed' : 'closed-by-payer';
/** And what is to settle them. */
const SETTLES = {
  open: 'exit',
  unpaid: 'refund',
  rolled: 'rollover',
  closed: 'close',
  'closed-by-payer': 'close',
} as const;

interface Entry {
  fees: { base: number; descendant: number };
  descendantsize: number;
  depends: string[];
  spentby: string[];
}

describe.skipIf(found?.kind !== 'bitcoind')('thirty contracts in a fee spike', () => {
  let node: TestNode;
  let both: Pair;
  let address: string;
  const ids: string[] = [];
  const events: Record<string, any>[] = [];

  /** A block of all that pays, a parent by its child too; `least` in sat/vB. */
  async function mine(least: number): Promise<void> {
    const pool = await node.rpc<Record<string, Entry>>('getrawmempool', true);
    const roots = Object.entries(pool).filter(([, e]) => e.depends.length === 0);
    const paying = roots.filter(([, e]) => (e.fees.descendant * 1e8) / e.descendantsize >= least);
    const txids = paying.flatMap(([txid, e]) => [txid, ...e.spentby]);
    await node.rpc('generateblock', address, txids);
  }
  /** The last blocks never were; the branch that took their place is longer and empty. */
  async function reorganise(depth: number): Promise<void> {
    const first = await node.rpc('getblockhash', (await node.height()) - depth + 1);
    await node.rpc('invalidateblock', first);
    for (let n = 0; n <= depth; n++) await node.rpc('generateblock', address, []);
  }
  /** How many of the contracts' coins are spent in blocks. */
  async function spent(): Promise<number> {
    const coins = await Promise.all(ids.map(async (id) => ((await both.payee.record(id)) as PayeeCredit).outpoint));
    const found = await Promise.all(coins.map(({ txid, vout }) => node.rpc('gettxout', txid, vout, false)));
    return found.filter((coin) => coin === null).length;
  }
  async function watch(party: 'payee' | 'payer', feerate: number): Promise<void> {
    const seed = Buffer.alloc(32, party === 'payee' ? SEED : SEED + 1).toString('hex');
    const argv = [
      'watch',
      '--home',
      both[party].dir,
      '--once',
      '--fee-budget',
      String(BUDGET),
      '--feerate',
      String(feerate),
    ];
    const env = { SPILLWAY_CHAIN: node.url, SPILLWAY_INSECURE_SEED: seed };
    const ran = await spillway([...argv, '--confirmations', '6'], { env });
    const told = ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
    events.push(...told.map((event) => ({ ...event, party })));
    const short = told.filter(({ event }) => event === 'refused' || event === 'over-budget');
    expect([ran.code, short], ran.stderr).toEqual([0, []]);
  }

  beforeAll(async () => {
    node = await TestNode.start(found!);
    both = await pair(SEED);
    address = (await both.payer.home.store.fresh(1))[0]!.address;
  });
  afterAll(async () => {
    both?.close();
    await node?.stop();
  });

  let first: number;
  it('are opened, paid over, and some rolled over or closed', async () => {
    first = (await node.height()) + 110;
    for (let i = 0; i < COUNT; i++) ids.push(await openOn(node, both, POLICY, first + (i % 3)));
    await node.mine(1);
    await setTip(node, both);
    for (const [i, id] of ids.entries()) {
      const kind = kindOf(i);
      if (kind !== 'unpaid') await payMessages(both, id, 60_000n + BigInt(i));
      if (kind === 'rolled') await rollMessages(both, id);
      const [opener, other] = kind === 'closed' ? [both.payee, both.payer] : [both.payer, both.payee];
      if (kind !== 'closed' && kind !== 'closed-by-payer') continue;
      both.payee.chain.feerate = both.payer.chain.feerate = 3_000;
      const proposed = await opener.run(closeCredit, { input: { contract: id } });
      const signed = await other.run(closeCredit, { on: proposed.message });
      await opener.run(closeCredit, { on: signed.message });
    }
    expect(await node.height()).toBeLessThan(first - POLICY.freeze_blocks);
  });

  it('reach their deadlines while fees are high and blocks are taken back, twice', async () => {
    // What is pending is sent in calm times and stays behind: from here on blocks take only what pays.
    await watch('payee', 2);
    await watch('payer', 2);
    await node.rpc('generateblock', address, []);
    const offered = first - (POLICY.freeze_blocks + POLICY.margin_blocks) / 2;
    while ((await node.height()) < offered) await node.rpc('generateblock', address, []);
    await watch('payee', 2);
    expect(events.filter(({ event }) => event === 'propose-close').length).toBe(6); // of the first expiry
    while ((await node.height()) < first - POLICY.margin_blocks) await node.rpc('generateblock', address, []);
    await watch('payee', SPIKE.mined - 10);
    await watch('payer', SPIKE.mined - 10);
    await mine(SPIKE.mined);
    expect(await spent()).toBe(0); // it paid for none
    await watch('payee', SPIKE.paid);
    await watch('payer', SPIKE.paid);
    await mine(SPIKE.mined);
    await watch('payee', SPIKE.paid);
    await mine(SPIKE.mined);
    await mine(SPIKE.mined);
    // The deadlines of two thirds have come: exits, rollovers and closes in three blocks, which are taken back.
    expect(await spent()).toBeGreaterThanOrEqual(16);
    await reorganise(3);
    expect(await spent()).toBe(0);
    await watch('payee', SPIKE.paid);
    await mine(SPIKE.mined);
    await watch('payee', SPIKE.paid);
    await watch('payer', SPIKE.paid);
    await mine(SPIKE.mined);
    expect(await spent()).toBe(COUNT - 4); // all but the unpaid
    await reorganise(2);
    expect(await spent()).toBe(0);
    while ((await node.height()) < first + 3) {
      await watch('payee', SPIKE.paid);
      await watch('payer', SPIKE.paid);
      await mine(SPIKE.mined);
    }
    await watch('payer', SPIKE.paid);
    for (let n = 0; n < 6; n++) await mine(SPIKE.mined);
    await watch('payee', SPIKE.paid);
    await watch('payer', SPIKE.paid);
  });

  it('all settle on the right side', async () => {
    const counts: Record<string, number> = {};
    for (const [i, id] of ids.entries()) {
      const kind = kindOf(i);
      const mint = (await both.payee.record(id)) as PayeeCredit;
      const user = await both.payer.record(id);
      if (!isFunded(user)) throw new Error('not funded');
      const by = mint.settled?.by ?? 'not settled';
      counts[`${kind}: ${by}`] = (counts[`${kind}: ${by}`] ?? 0) + 1;
      expect([i, by]).toEqual([i, SETTLES[kind]]);
      const { by: way, txid: at } = user.settled!;
      expect([i, way, at]).toEqual([i, by, mint.settled!.txid]);
      const { txid } = mint.settled!;
      const { inputs, outputs } = await node.tx(txid);
      expect(inputs).toContainEqual(mint.outpoint);
      const { blockhash } = await node.rpc('getrawtransaction', txid, 1);
      const { height } = await node.rpc('getblockheader', blockhash);
      const { expiry } = mint.terms;
      // To the satoshi, and before the refund could have taken it; the refund in no block before its first.
      const paid = sumSat(outputs.filter((o) => o.script === payoutScript(mint.terms, 'payee')));
      expect([i, paid]).toEqual([i, kind === 'unpaid' ? 0n : 60_000n + BigInt(i)]);
      expect([i, kind === 'unpaid' ? height > expiry : height <= expiry]).toEqual([i, true]);
      const fees = events.filter((event) => event.contract === id && 'child_fee_sat' in event);
      for (const { child_fee_sat: fee } of fees) expect(fee).toBeLessThanOrEqual(BUDGET);
    }
    const told = Object.groupBy(events, ({ event }) => event as string);
    const summary = Object.entries(told).map(([event, all]) => `${event} ${all!.length}`);
    console.log(`${JSON.stringify(counts)}; events: ${summary.join(', ')}`);
    expect(Object.values(counts)).toEqual([18, 4, 4, 2, 2]);
  });
});
