/**
 * What `watch` puts in place of something in a mempool, judged by Bitcoin Core: an older exit, a refund or a close that the
 * exit outbids, and the payer's child that has the only place beside the exit. Each is tried at the sum that is said to be
 * needed, with small and heavy transactions, and the same is refused where it pays no more than what must go.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { fundingHex, isSigned, signFunding, withAnchors } from '../../src/lib/bitcoin/funding.ts';
import { childOf } from '../../src/lib/bitcoin/package.ts';
import { parseTransaction, txidOfHex, vsizeOfHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { bump, leastChild } from '../../src/lib/engine/bump.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import type { PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { defaultPolicy, payoutScript } from '../../src/lib/credit/terms.ts';
import { watchedOf } from '../../src/lib/credit/watched.ts';
import { asShared } from '../../src/lib/credit/watch.ts';
import { pair, payMessages, type Pair } from '../support/credit.ts';
import { openOn, setTip } from './funded.ts';
import { findNode, TestNode } from './node.ts';
import { opening } from '../support/watched.ts';

const found = findNode();
const POLICY = { ...defaultPolicy('regtest'), min_blocks: 40, freeze_blocks: 30, margin_blocks: 20 };
/** The payer's children: so many coins beside the output, and what they pay. */
const CHILDREN = [
  [0, 300n],
  [0, 4_000n],
  [12, 1_300n],
  [12, 20_000n],
] as const;

describe.skipIf(found?.kind !== 'bitcoind')('what watch puts in place of something else', () => {
  let node: TestNode;
  let both: Pair;
  let rpc: Rpc;
  const coins: Spent[] = [];

  async function fundPayer(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const [at] = await both.payer.home.store.fresh(1);
      await both.payer.home.store.addAddresses([at!]);
      const coin = await node.fund(at!.address, 20_000n);
      coins.push({ txid: coin.txid, vout: coin.vout, sat: 20_000n, script: coin.scriptPubKey });
    }
    await node.mine(1);
  }
  /** A contract that was paid over twice; `older` is the exit before the second payment. */
  async function contract(expiresIn: number, exitFeerate = 2) {
    const policy = { ...POLICY, exit_feerate: exitFeerate };
    const id = await openOn(node, both, policy, (await node.height()) + expiresIn);
    await node.mine(1);
    await setTip(node, both);
    await payMessages(both, id, 40_000n);
    const older = ((await both.payee.record(id)) as PayeeCredit).exit!;
    await payMessages(both, id, 60_000n);
    const c = (await both.payee.record(id)) as PayeeCredit;
    const refund = ((await both.payer.record(id)) as PayerCredit).refund;
    return { id, c, older, exit: c.exit!, refund };
  }
  async function watch(id: string, feerate: number, feeBudgetSat: bigint): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    await setTip(node, both);
    const source = factSource({ network: 'regtest', rpc, feerate });
    const rules = { confirmations: 6, feeBudgetSat };
    const post = homePost(both.payee.home, both.payee.ports(), id);
    await look(post, { rpc, source }, rules, async (_, event) => void events.push(event));
    return events;
  }
  /** The payer's child of its own output, with some of its coins. */
  async function childOfPayer(c: PayeeCredit, parent: string, count: number, feeSat: bigint): Promise<string> {
    const script = payoutScript(c.terms, 'payer');
    const txid = txidOfHex(parent);
    const outputs = parseTransaction(parent).outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) }));
    const vout = outputs.findIndex((o) => o.script === script);
    if (coins.length < count) await fundPayer(count - coins.length);
    const spent = [{ txid, vout, ...outputs[vout]! }, ...coins.slice(0, count)];
    const made = childOf({ version: 3, vsize: 0, fee: 0n }, spent, [], script, 0, true, () => feeSat);
    const { home } = both.payer;
    const keys = (await home.keys()).keysWith([]);
    const hand = {
      keys,
      merged: [],
      random: await home.random(),
      network: 'regtest',
      restored: false,
      mayRepeat: false,
    };
    const ours = await home.store.ours(spent.map((s) => s.script));
    const signed = signFunding(hand, withAnchors(made), ours);
    if (!isSigned(signed)) throw new Error('not signed');
    return fundingHex(signed);
  }
  const mempool = async (): Promise<string[]> => node.rpc('getrawmempool');
  const clear = async (): Promise<void> => void (await node.mine(1));

  /** Over the budget it is said with the sum; with that sum the node takes it. @returns what it was */
  async function atTheSum(id: string, feerate: number): Promise<WatchEvent> {
    const before = await mempool();
    const told = (await watch(id, feerate, 0n)).at(-1)!;
    if (told.event !== 'over-budget') return told;
    expect((await mempool()).sort()).toEqual(before.sort());
    return (await watch(id, feerate, told['needs_sat'] as bigint)).at(-1)!;
  }

  beforeAll(async () => {
    node = await TestNode.start(found!);
    both = await pair(171);
    rpc = new Rpc({ url: node.url });
    await fundPayer(12);
  });
  afterAll(async () => {
    both?.close();
    await node?.stop();
  });

  it.each(CHILDREN)(
    "54: the payer's child of %i coins that pays %i sat gives its place to the payee's",
    async (n, fee) => {
      const { id, c, exit } = await contract(400);
      await node.rpc('sendrawtransaction', exit);
      const child = await childOfPayer(c, exit, n, fee);
      await node.rpc('sendrawtransaction', child);
      // No more than it pays is not enough.
      const stuck = { network: 'regtest', hex: exit, feeSat: 308n };
      const options = { coins: [], merged: [], feerate: 0, payTo: undefined, allowFee: true };
      const low = await bump(both.payee.home, stuck, { ...options, least: () => fee });
      await expect(node.rpc('sendrawtransaction', low.document.package![1])).rejects.toThrow(/insufficient fee/);
      const now = Number(((308n + fee) * 1_000n) / BigInt(vsizeOfHex(exit) + vsizeOfHex(child)));
      const done = await atTheSum(id, now + 1_100);
      expect(done).toMatchObject({ event: 'bump', by: 'exit' });
      expect((await mempool()).sort()).toEqual([txidOfHex(exit), done['child_txid'] as string].sort());
      await clear();
    },
  );

  it('bump pays for the child that is there too', async () => {
    const { c, exit } = await contract(400);
    await node.rpc('sendrawtransaction', exit);
    await node.rpc('sendrawtransaction', await childOfPayer(c, exit, 12, 20_000n));
    const stuck = { network: 'regtest', hex: exit, feeSat: 308n };
    const options = { coins: [], merged: [], feerate: 5_000, payTo: undefined, allowFee: true };
    const made = await bump(both.payee.home, stuck, { ...options, ...(await leastChild(rpc, exit)) });
    await node.rpc('sendrawtransaction', made.document.package![1]);
    expect((await mempool()).sort()).toEqual(made.document.txids!.toSorted());
    await clear();
  });

  it.each([undefined, ...CHILDREN])(
    'an older exit with the child %j is outbid, long before the deadline',
    async (child) => {
      const { id, c, older, exit } = await contract(400);
      await node.rpc('sendrawtransaction', older);
      if (child) await node.rpc('sendrawtransaction', await childOfPayer(c, older, child[0], child[1]));
      const done = await atTheSum(id, 2_000);
      expect(done).toMatchObject({ event: 'exit', by: 'exit' });
      expect((await mempool()).sort()).toEqual([txidOfHex(exit), done['child_txid'] as string].sort());
      await clear();
    },
  );

  it.each([undefined, ...CHILDREN])('a refund with the child %j is outbid', async (child) => {
    const { id, c, refund, exit } = await contract(60, 10);
    await node.mineTo(c.terms.expiry);
    await node.rpc('sendrawtransaction', refund);
    if (child) await node.rpc('sendrawtransaction', await childOfPayer(c, refund, child[0], child[1]));
    const done = await atTheSum(id, 2_000);
    expect(done).toMatchObject({ event: 'exit', by: 'exit' });
    expect(await mempool()).toContain(txidOfHex(exit));
    expect(await mempool()).not.toContain(txidOfHex(refund));
    await clear();
  });

  it('a close that hangs is outbid by the exit alone where that pays for it', async () => {
    const { id, c, exit } = await contract(60, 10);
    both.payer.chain.feerate = both.payee.chain.feerate = 2_000;
    const proposed = await both.payer.run(closeCredit, { input: { contract: id } });
    const signed = await both.payee.run(closeCredit, { on: proposed.message });
    const { message } = await both.payer.run(closeCredit, { on: signed.message });
    const { address } = (await both.payer.home.store.fresh(1))[0]!;
    for (let at = await node.height(); at < c.terms.expiry - 10; at++) await node.rpc('generateblock', address, []);
    await node.rpc('sendrawtransaction', message['hex']);
    expect(await watch(id, 2_000, 0n)).toMatchObject([{ event: 'exit', txid: txidOfHex(exit) }]);
    expect(await mempool()).toEqual([txidOfHex(exit)]);
    await clear();
  });

  it('an exit that pays more, from a later state, is left where it is', async () => {
    const { id, c, exit } = await contract(400);
    await node.rpc('sendrawtransaction', exit);
    // The record as it was before the second payment.
    const post = homePost(both.payee.home, both.payee.ports(), id);
    const now = watchedOf(c, undefined);
    const older = {
      ...now,
      paidSat: 40_000n,
      behind: true,
      own: { ...now.own!, txid: 'aa'.repeat(32), paysSat: 40_000n },
    };
    const events: WatchEvent[] = [];
    const source = factSource({ network: 'regtest', rpc, feerate: 2_000 });
    const rules = { confirmations: 6, feeBudgetSat: 50_000n };
    for (const ways of [now.ways, new Map()])
      await look(
        opening(post, (charge) => ({ ...charge, watched: asShared({ ...older, ways }) })),
        { rpc, source },
        rules,
        async (_, event) => void events.push(event),
      );
    expect(events.map(({ event }) => event)).toEqual(['in-mempool', 'in-mempool']);
    expect([await mempool(), c.paidSat]).toEqual([[txidOfHex(exit)], 100_000n]);
    await clear();
  });

  const bareConf = [[], ...((found?.major ?? 0) >= 31 ? [['txospenderindex=1']] : [])];
  it.each(bareConf)(
    'without an index of transactions, and with its child in the same block, an older exit is called lost %s',
    async (...conf) => {
      const bare = await TestNode.start(found!, conf);
      const [kept, rpcBefore] = [node, rpc];
      try {
        [node, rpc] = [bare, new Rpc({ url: bare.url })];
        coins.length = 0;
        const { id, c, older } = await contract(400);
        await node.rpc('sendrawtransaction', older);
        await node.rpc('sendrawtransaction', await childOfPayer(c, older, 0, 500n));
        await node.mine(3);
        const paid = { by: 'exit', txid: txidOfHex(older), pays_sat: 40_000n };
        expect(await watch(id, 2_000, 0n)).toMatchObject([{ event: 'overtaken', ...paid, short_sat: 60_000n }]);
        await node.mine(3);
        expect(await watch(id, 2_000, 0n)).toMatchObject([{ event: 'lost', ...paid, lost_sat: 60_000n }]);
        expect(await both.payee.record(id)).toMatchObject({ settled: { by: 'exit', paysSat: 40_000n } });
      } finally {
        [node, rpc] = [kept, rpcBefore];
        await bare.stop();
      }
    },
  );
});
