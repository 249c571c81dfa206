/** watch, in process: homes and bundles against a chain in memory that mines, reorganises and goes away. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { bundlePost, readWatchBundle } from '../../src/lib/engine/watch-bundle.ts';
import { bump, leastChild } from '../../src/lib/engine/bump.ts';
import { lapseAll } from '../../src/lib/engine/upkeep.ts';
import { withChildren } from '../../src/commands/credit/exit.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type Post, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { closeCredit, exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import type { Watched, WatchedDocument } from '../../src/lib/contract/duty.ts';
import { contractInput } from '../../src/lib/credit/transactions.ts';
import type { FundedCredit } from '../../src/lib/credit/records.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { fundingClaim, keyClaim } from '../../src/lib/protocol/claims.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { fakeNode } from '../chain/node.ts';
import { parties, payeeOf, payerOf, refused, tip } from '../credit/helpers.ts';
import { FakeChain } from '../support/chain.ts';
import { pipeAt } from '../home/fixture.ts';
import { lostMessages, opened, openedMint, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import { judge } from '../support/kernel.ts';
import type { TestParty } from '../support/party.ts';
import { listedBy, opening } from '../support/watched.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

const RULES = { confirmations: 6, feeBudgetSat: null };

/** A contract over which something was paid, on a chain, and both parties' watchers. */
async function scene({ paid = 50_000n, index = true, funded = true } = {}) {
  const both = await parties();
  const id = await opened(both);
  if (paid > 0n) await payMessages(both, id, paid);
  return watchedPair(both, id, { index, funded });
}
async function watchedPair(both: Pair, id: string, { index = true, funded = true } = {}) {
  const chain = new FakeChain(1_000);
  const c = await payerOf(both, id);
  if (funded) chain.give(contractInput(c, 0));
  const { url } = await fakeNode(chain.answers(index));
  const rpc = new Rpc({ url });
  const node = { rpc, source: factSource({ network: 'regtest', rpc }) };
  const lookAs = async (post: Post, rules: object = {}): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    tip(both, chain.tip);
    await look(post, node, { ...RULES, ...rules }, async (_, event) => void events.push(event));
    return events;
  };
  const post = (party: TestParty) => homePost(party.home, party.ports(), undefined);
  const at = (height: number) => chain.mine(height - chain.tip);
  const names = async (party: TestParty, rules = {}) => (await lookAs(post(party), rules)).map(({ event }) => event);
  return { both, id, chain, c, node, lookAs, post, at, names };
}
/** Consensus code has the last word on whatever reached the mempool. */
async function judged(chain: FakeChain, c: FundedCredit): Promise<void> {
  const coins = new Map([
    [`${c.outpoint.txid}:${c.outpoint.vout}`, contractInput(c, 0) as { sat: bigint; script: string }],
  ]);
  for (const tx of chain.mempool) tx.outputs.forEach((o, vout) => coins.set(`${tx.txid}:${vout}`, o));
  for (const tx of chain.mempool) {
    const spent = tx.inputs.map((i) => coins.get(`${i.txid}:${i.vout}`)!);
    if (kernel) expect(await kernel.scripts(tx.hex, spent)).toBe(true);
  }
}

describe("a mint's home", () => {
  it('that was restored sends no older exit than its journal knows', async () => {
    const { both, id, chain, at, lookAs, post } = await scene();
    const { payee } = both;
    const backup = await payee.backUp();
    await payMessages(both, id, 9_000n);
    await payee.lose(backup);
    const watching = post(payee);
    at(5_176);
    expect(await lookAs(watching)).toMatchObject([{ event: 'restored', contract: id, exits_at: 5_248 }]);
    expect(chain.mempool).toEqual([]);
    await payee.home.reconcile(payee.journal());
    expect(await lookAs(watching)).toMatchObject([{ event: 'exit' }]);
    expect(chain.mempool[0]!.outputs.map(({ sat }) => sat)).toContain(59_000n);
  });
  it('warns, offers a close until it is done, exits at the deadline, and is settled at six confirmations', async () => {
    const { both, id, chain, c, at, names, lookAs, post } = await scene();
    at(5_031);
    expect(await names(both.payee)).toEqual([]);
    at(5_032);
    expect(await names(both.payee)).toEqual(['warn']);
    at(5_104);
    const [offer] = await lookAs(post(both.payee));
    expect(offer).toMatchObject({
      event: 'propose-close',
      contract: id,
      role: 'payee',
      message: { type: 'close-credit', step: 'proposed' },
    });
    // Again, the same, until something comes of it: the first may have got lost.
    expect(await lookAs(post(both.payee))).toEqual([offer]);
    at(5_176);
    const [exit] = await lookAs(post(both.payee));
    expect(exit).toMatchObject({ event: 'exit', by: 'exit' });
    expect(await payeeOf(both, id)).toMatchObject({ state: 'exiting' });
    expect(chain.confirmations(exit!['txid'] as string)).toBe(0);
    await judged(chain, c);
    expect(await names(both.payee)).toEqual(['in-mempool']);
    at(5_181);
    expect(await names(both.payee)).toEqual(['confirming']);
    at(5_182);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'settled', by: 'exit', txid: exit!['txid'] }]);
    expect(await payeeOf(both, id)).toMatchObject({ state: 'exiting', settled: { by: 'exit' } });
    expect(await names(both.payee)).toEqual([]);
  });
  it('the close that it offers can be signed and goes through, in place of an exit', async () => {
    const { both, id, chain, at, names, lookAs, post } = await scene();
    at(5_110);
    const [offer] = await lookAs(post(both.payee));
    const signed = await both.payer.run(closeCredit, { on: offer!['message'] as object });
    const complete = await both.payee.run(closeCredit, { on: signed.message });
    expect(await lookAs(post(both.payee))).toMatchObject([
      { event: 'rebroadcast', by: 'close', txid: complete.message['txid'] },
    ]);
    chain.mine(6);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'settled', by: 'close' }]);
    expect(await names(both.payer)).toEqual(['settled']);
    expect(await payeeOf(both, id)).toMatchObject({ state: 'closed', settled: { by: 'close' } });
  });
  it('pays for its exit in a fee spike, and more as it grows, within the budget', async () => {
    const { both, chain, c, at, lookAs, post } = await scene();
    at(5_176);
    chain.feerate = 10_000;
    const first = await lookAs(post(both.payee));
    expect(first).toMatchObject([{ event: 'exit', feerate: '10', child_fee_sat: 2_342n }]);
    await judged(chain, c);
    chain.feerate = 15_000;
    const more = await lookAs(post(both.payee));
    expect(more).toMatchObject([{ event: 'bump', feerate: '15', child_fee_sat: 3_667n }]);
    expect(chain.mempool.length).toBe(2);
    await judged(chain, c);
    chain.feerate = 90_000;
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'bump', feerate: '20.03' }]);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'over-budget', wanted: '90' }]);
    expect(await lookAs(post(both.payee), { feeBudgetSat: 30_000n })).toMatchObject([{ event: 'bump', feerate: '90' }]);
    await judged(chain, c);
    chain.mine();
    expect(chain.mempool).toEqual([]);
  });
  it('sends its exit again after a reorganisation of three blocks that forgot it', async () => {
    const { both, chain, at, names, lookAs, post } = await scene();
    at(5_176);
    const [exit] = await lookAs(post(both.payee));
    chain.mine(3);
    expect(await names(both.payee)).toEqual(['confirming']);
    chain.reorganise(3, true);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'rebroadcast', by: 'exit', txid: exit!['txid'] }]);
    chain.mine(6);
    expect(await names(both.payee)).toEqual(['settled']);
  });
  it('looks for the coin of a contract after it has sent the rollover that makes it', async () => {
    const { both, id, chain, at, lookAs, post } = await scene();
    const next = (await rollMessages(both, id)).at(-1)!['next_contract'].id as string;
    await payMessages(both, next, 1_000n);
    at(5_000);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'rebroadcast', by: 'rollover', contract: id }]);
    chain.mine(6);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'settled', by: 'rollover', contract: id }]);
  });
  it('exits over a rollover that hangs, from half the margin on', async () => {
    const { both, id, chain, at, lookAs, post, names } = await scene();
    const complete = (await rollMessages(both, id)).at(-1)!;
    at(5_000);
    expect(await lookAs(post(both.payee))).toMatchObject([
      { event: 'rebroadcast', by: 'rollover', txid: complete['txid'] },
    ]);
    chain.feerate = 30_000;
    at(5_175);
    expect(await names(both.payee)).toEqual(['in-mempool']);
    at(5_176);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'bump', by: 'rollover' }]);
    chain.feerate = 60_000;
    at(5_248);
    expect(await lookAs(post(both.payee), { feeBudgetSat: 40_000n })).toMatchObject([
      { event: 'exit', by: 'exit', feerate: '60' },
    ]);
    chain.mine(6);
    expect(await lookAs(post(both.payee))).toMatchObject([{ contract: id, event: 'settled', by: 'exit' }]);
  });
  it('a rollover that confirms after a freeze is booked as one', async () => {
    const { both, id, chain, at, lookAs, post } = await scene();
    const complete = (await rollMessages(both, id)).at(-1)!;
    at(5_000);
    await lookAs(post(both.payee));
    await both.payee.run(exitCredit, { input: { contract: id } });
    chain.mine(6);
    expect(await lookAs(post(both.payee))).toMatchObject([
      { contract: id, event: 'settled', by: 'rollover', txid: complete['txid'] },
    ]);
    expect(await payeeOf(both, id)).toMatchObject({ settled: { by: 'rollover', paysSat: 50_000n } });
  });
  it('frees the nonces of a contract that the payer had back, and takes no update of it', async () => {
    const { both, id, chain, names } = await scene();
    const requested = await both.payee.run(signUpdate, { input: { contract: id, amount: 900n } });
    const signed = await both.payer.run(signUpdate, { on: requested.message, amount: 900n });
    tip(both, 5_320);
    const refund = await both.payer.run(exitCredit, { input: { contract: id } });
    expect(chain.accept([refund.message['hex']])).toBe(undefined);
    chain.mine(6);
    expect(await names(both.payee)).toEqual(['lost']);
    expect(await payeeOf(both, id)).toMatchObject({
      state: 'exiting',
      live: [],
      settled: { by: 'refund', paysSat: 0n },
    });
    const { nonces } = await both.payee.home.store.load([`id:${id}`]);
    expect(nonces).toEqual([]);
    tip(both, 1_000);
    await refused(() => both.payee.run(signUpdate, { on: signed.message }), 'wrong-state', both.payee);
  });
  it('bump pays for the child that has the place', async () => {
    const { both, id, chain, node } = await scene();
    const { exit } = await payeeOf(both, id);
    chain.accept([exit!]);
    expect(await leastChild(node.rpc, exit!)).toEqual({});
    const home = both.payer.home;
    const stuck = { network: 'regtest', hex: exit!, feeSat: 308n };
    const options = { coins: [], merged: [], payTo: undefined, allowFee: true };
    const theirs = await bump(home, stuck, { ...options, feerate: 0, least: () => 30_000n });
    expect(chain.accept([theirs.document.package![1]!])).toBe(undefined);
    const made = async (more: object) =>
      (await bump(both.payee.home, stuck, { ...options, feerate: 40_000, ...more })).document;
    expect(chain.accept([(await made({})).package![1]!])).toMatch(/insufficient fee/);
    const paid = await made(await leastChild(node.rpc, exit!));
    expect([paid.fee_sat, chain.accept([paid.package![1]!])]).toEqual([30_205n, undefined]);
  });
  it('works without an index of transactions', async () => {
    const { both, chain, at, names } = await scene({ index: false });
    at(5_176);
    expect(await names(both.payee)).toEqual(['exit']);
    chain.mine(6);
    expect(await names(both.payee)).toEqual(['settled']);
    expect(await names(both.payer)).toEqual(['settled']);
  });
  it('one contract whose exit a node refuses does not keep the others from theirs', async () => {
    const { both, id, chain, at, lookAs, post } = await scene();
    const other = await opened(both);
    await payMessages(both, other, 9_000n);
    chain.give(contractInput(await payeeOf(both, other), 0));
    at(5_176);
    const accept = chain.accept.bind(chain);
    let first = true;
    chain.accept = (hexes) => (first ? ((first = false), 'min relay fee not met') : accept(hexes));
    const events = await lookAs(post(both.payee));
    expect(events.map((e) => [e.contract, e.event, e['code']])).toEqual([
      [id, 'refused', 'node-refused'],
      [other, 'exit', undefined],
    ]);
    expect((await lookAs(post(both.payee)))[0]).toMatchObject({ event: 'rebroadcast', contract: id });
  });
  it('an exit whose child no node takes goes out without it, and it is said', async () => {
    const { both, chain, at, lookAs, post, names } = await scene();
    at(5_176);
    chain.feerate = 9_000;
    const accept = chain.accept.bind(chain);
    chain.accept = (hexes) => (hexes.length > 1 ? 'package-not-child-with-unconfirmed-parents' : accept(hexes));
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'exit', code: 'node-refused' }]);
    expect(chain.mempool.length).toBe(1);
    expect(await names(both.payee)).toEqual(['refused']); // the bump
    chain.accept = accept;
    expect(await names(both.payee)).toEqual(['bump']);
  });
  it('a node that is starting ends the look', async () => {
    const { both, id, chain, at, names } = await scene();
    await payMessages(both, id, 9_000n);
    at(5_176);
    chain.starting = 2; // the height is known, the next call comes in the next life of the node
    await refused(() => names(both.payee), 'chain-unavailable', both.payee);
    expect(await names(both.payee)).toEqual(['exit']);
  });
  it('a node that is away ends the look; nothing is lost by it', async () => {
    const { both, chain, at, names } = await scene();
    at(5_176);
    chain.up = false;
    await refused(() => names(both.payee), 'chain-unavailable', both.payee);
    chain.up = true;
    expect(await names(both.payee)).toEqual(['exit']);
  });
});

describe('a contract that was accepted and never funded', () => {
  it.each([true, false])('ends at its expiry, and its outpoint is free (index: %s)', async (index) => {
    const { both, id, c, at, names, lookAs, post } = await scene({ paid: 0n, index, funded: false });
    at(5_319);
    expect(await names(both.payee)).toEqual([]);
    expect(await payeeOf(both, id)).toMatchObject({ state: 'accepted' });
    at(5_320);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'lapsed', contract: id }]);
    const [left] = await both.payee.home.store.list('credit');
    expect(left).toMatchObject({ state: 'cancelled', record: { key: c.terms.payee_pubkey } });
    const claims = [fundingClaim(outpointText(c.outpoint)), keyClaim(c.terms.payee_pubkey)];
    expect([...(await both.payee.home.store.load(claims)).found.keys()]).toEqual([claims[1]]);
    expect(await names(both.payee)).toEqual([]);
  });
  it.each([true, false])('ends in a home that only serves, by the same rule (index: %s)', async (index) => {
    const { both, id, node, at } = await scene({ paid: 0n, index, funded: false });
    const tidied = () => lapseAll(both.payee.home, node.source);
    at(5_319);
    expect(await tidied()).toEqual([]);
    at(5_320);
    expect(await lapseAll(both.payee.home, node.source, () => true)).toEqual([]);
    expect(await tidied()).toEqual([id]);
    expect((await both.payee.home.store.list('credit')).map(({ state }) => state)).toEqual(['cancelled']);
    expect(await tidied()).toEqual([]);
    for (const other of [await scene({ paid: 0n, index }), await scene({ index, funded: false })]) {
      other.at(5_330);
      const before = await other.both.payee.state();
      expect(await lapseAll(other.both.payee.home, other.node.source)).toEqual([]);
      expect(await other.both.payee.state()).toEqual(before);
    }
  });
  it('stays where its coin is there, or was, and where anything was paid', async () => {
    const there = await scene({ paid: 0n });
    there.at(5_330);
    expect(await there.names(there.both.payee)).toEqual([]);
    expect(await payeeOf(there.both, there.id)).toMatchObject({ state: 'accepted' });
    const paid = await scene({ funded: false });
    paid.at(5_330);
    expect(await paid.names(paid.both.payee)).toEqual(['unfunded']);
    expect(await payeeOf(paid.both, paid.id)).toMatchObject({ state: 'open', paidSat: 50_000n });
  });
  it('stays in a restored home, which may have been paid more than it knows', async () => {
    const { both, id, at, names } = await scene({ paid: 0n, funded: false });
    const backup = await both.payee.backUp();
    await both.payee.lose(backup);
    at(5_330);
    await names(both.payee);
    expect(await payeeOf(both, id)).toMatchObject({ state: 'accepted', restored: true });
  });
});

describe("a payer's home", () => {
  it('warns, and offers no close, while ecash that it signed for has not come', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const messages = await lostMessages(both, id, 50_001n);
    const { at, lookAs, post, chain } = await watchedPair(both, id);
    at(5_110);
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'warn', contract: id }]);
    expect(await payerOf(both, id)).toMatchObject({ state: 'open', closing: null });
    expect(chain.mempool).toEqual([]);
    await both.payer.run(signUpdate, { on: messages[3]! });
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'propose-close' }]);
  });
  it('takes its refund at the expiry and bumps it', async () => {
    const { both, id, chain, c, at, lookAs, post, names } = await scene({ paid: 0n });
    at(5_031);
    expect(await names(both.payer)).toEqual([]);
    at(5_032);
    expect(await names(both.payer)).toEqual(['warn']);
    at(5_319);
    expect(await names(both.payer)).toEqual(['warn']);
    at(5_320);
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'refund', role: 'payer', by: 'refund' }]);
    chain.feerate = 12_000;
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'bump', by: 'refund', feerate: '12' }]);
    await judged(chain, c);
    chain.mine(6);
    expect(await names(both.payer)).toEqual(['settled']);
    expect(await payerOf(both, id)).toMatchObject({ state: 'exiting', settled: { by: 'refund' } });
  });
  it('offers a close halfway to the deadline, which the mint signs, and pays for it from the deadline on', async () => {
    const { both, chain, c, at, lookAs, post, names } = await scene();
    at(5_104);
    const [offer] = await lookAs(post(both.payer));
    expect(offer).toMatchObject({ event: 'propose-close', role: 'payer', message: { step: 'proposed' } });
    const signed = await both.payee.run(closeCredit, { on: offer!['message'] as object });
    await both.payer.run(closeCredit, { on: signed.message });
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'rebroadcast', by: 'close' }]);
    chain.feerate = 30_000;
    at(5_175);
    expect(await names(both.payer)).toEqual(['in-mempool']);
    at(5_176);
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'bump', by: 'close', feerate: '30' }]);
    expect(await names(both.payee)).toEqual(['in-mempool']);
    await judged(chain, c);
    chain.mine(6);
    expect(await lookAs(post(both.payee))).toMatchObject([{ event: 'settled', by: 'close' }]);
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'settled', by: 'close' }]);
  });
  it('knows an older exit and an older close for what they are, also without an index', async () => {
    for (const index of [true, false]) {
      const { both, id, chain, lookAs, post } = await scene({ index });
      const older = (await payeeOf(both, id)).exit!;
      await payMessages(both, id, 9_000n);
      chain.accept([older]);
      chain.mine(6);
      expect(await lookAs(post(both.payer))).toMatchObject([{ contract: id, event: 'settled', by: 'exit' }]);
      const settled = { by: 'exit', paysSat: 1_200_000n - 50_000n - 308n };
      expect(await payerOf(both, id)).toMatchObject({ settled });
    }
    const { both, id, chain, lookAs, post } = await scene();
    both.payee.chain.feerate = both.payer.chain.feerate = 3_000;
    const proposed = await both.payee.run(closeCredit, { input: { contract: id } });
    const signed = await both.payer.run(closeCredit, { on: proposed.message });
    const complete = await both.payee.run(closeCredit, { on: signed.message });
    chain.accept([complete.message['hex']]);
    // As if a second close had been signed since.
    chain.mine(6);
    const forgetful = opening(post(both.payer), ({ watched, ...charge }) => {
      const [coin] = watched.coins;
      const ways = new Map([...coin!.ways].filter(([, { by }]) => by !== 'close'));
      const { judge, outpoint } = coin!;
      return { ...charge, watched: { ...watched, coins: [{ outpoint, ways, judge: judge! }], duties: watched.duties } };
    });
    expect(await lookAs(forgetful)).toMatchObject([{ event: 'settled', by: 'close' }]);
  });
  it('without an index, sees its refund also where it was mined together with its child', async () => {
    const { both, chain, at, lookAs, post, names } = await scene({ paid: 0n, index: false });
    at(5_320);
    chain.feerate = 12_000;
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'refund', feerate: '12' }]);
    chain.mine(5);
    expect(await names(both.payer)).toEqual(['confirming']);
    chain.mine(1);
    expect(await lookAs(post(both.payer))).toMatchObject([{ event: 'settled', by: 'refund' }]);
  });
  it("leaves the mint's exit alone", async () => {
    const { both, chain, at, names } = await scene();
    at(5_176);
    await names(both.payee);
    chain.feerate = 50_000;
    at(5_330);
    expect(await names(both.payer)).toEqual(['in-mempool']);
  });
});

describe('a watchtower', () => {
  const file = (...documents: object[]): string => {
    const path = join(mkdtempSync(join(tmpdir(), 'spillway-bundle-')), 'bundle.ndjson');
    writeFileSync(path, documents.map((d) => `${JSON.stringify(d)}\n`).join(''));
    return path;
  };
  const paysOf = ({ duties: [exit] }: Watched) => 'paysSat' in exit!.tx && exit!.tx.paysSat;
  const exported = async (both: Pair, contract: string) =>
    (await both.payee.run(exitCredit, { input: { contract, export: true } })).message;

  it('sends an exported exit at the deadline, with no key, and says where one would bump', async () => {
    const { both, id, chain, at, lookAs } = await scene();
    const post = bundlePost('regtest', [file(await exported(both, id))]);
    at(5_175);
    expect(await lookAs(post)).toMatchObject([{ event: 'warn', deadline_height: 5_176 }]);
    at(5_176);
    chain.feerate = 9_000;
    expect(await lookAs(post)).toMatchObject([{ event: 'exit', contract: id, by: 'exit' }]);
    expect(await lookAs(post)).toMatchObject([{ event: 'needs-bump' }]);
    chain.feerate = 2_000;
    chain.mine(6);
    expect(await lookAs(post)).toMatchObject([{ event: 'settled', by: 'exit' }]);
    expect(await lookAs(post)).toEqual([]);
  });
  it('pays for the exit with children that were signed beforehand, the dearer in place of the cheaper', async () => {
    const { both, id, chain, c, at, lookAs } = await scene();
    const text = await withChildren(both.payee.home, printJson(await exported(both, id)), [8_000, 20_000], false);
    const post = bundlePost('regtest', [file(parseJson(text) as object)]);
    at(5_176);
    chain.feerate = 7_000;
    expect(await lookAs(post)).toMatchObject([{ event: 'exit', feerate: '8', child_fee_sat: 1_812n }]);
    expect(await lookAs(post)).toMatchObject([{ event: 'in-mempool' }]);
    await judged(chain, c);
    chain.feerate = 15_000;
    expect(await lookAs(post)).toMatchObject([{ event: 'bump', feerate: '20', child_fee_sat: 4_992n }]);
    expect(chain.mempool.length).toBe(2);
    await judged(chain, c);
    chain.feerate = 40_000;
    expect(await lookAs(post)).toMatchObject([{ event: 'over-budget', wanted: '40', expiry: 5_320 }]);
    chain.feerate = 20_000;
    chain.mine(6);
    expect(await lookAs(post)).toMatchObject([{ event: 'settled', by: 'exit' }]);
  });
  it("watches the folder of a payer's refunds, and a new contract's from the next look on", async () => {
    const { both, chain, c, at, lookAs } = await scene({ paid: 0n });
    const folder = `${both.payer.dir}.refunds`;
    const post = bundlePost('regtest', [folder]);
    at(5_319);
    expect(await lookAs(post)).toEqual([]);
    const other = await opened(both);
    chain.give(contractInput(await payerOf(both, other), 0));
    expect((await listedBy(post)).map(({ id }) => id).sort()).toEqual([c.id, other].sort());
    at(5_320);
    expect(await lookAs(post)).toMatchObject([{ event: 'refund', role: 'payer', contract: c.id, by: 'refund' }]);
    await judged(chain, c);
    chain.feerate = 9_000;
    expect(await lookAs(post)).toMatchObject([{ event: 'needs-bump', by: 'refund', wanted: '9', expiry: 5_320 }]);
    chain.feerate = 2_000;
    chain.mine(6);
    expect(await lookAs(post)).toMatchObject([{ event: 'settled', by: 'refund' }]);
  });
  it('a bad file is named, and keeps no other from what is due; what it held when it was good stands in for it', async () => {
    const { both, id, at, lookAs } = await scene();
    const good = file(await exported(both, id));
    const bad = file({ type: 'exit-credit' });
    const post = bundlePost('regtest', [bad, good]);
    await refused(() => bundlePost('signet', [good]).list(1_000), 'wrong-network');
    at(5_032);
    const named = { event: 'refused', file: bad, code: 'malformed-message' };
    expect(await lookAs(post)).toMatchObject([named, { event: 'warn', contract: id }]);
    // Put in place while it is read, beside a line that is good.
    writeFileSync(good, `{"half\n${JSON.stringify(await exported(both, id))}\n`);
    const half = { file: `${good}:1`, code: 'malformed-json' };
    expect(await lookAs(post)).toMatchObject([named, half, { event: 'warn' }]);
    writeFileSync(good, '{"half');
    at(5_176);
    expect(await lookAs(post)).toMatchObject([named, { file: good, code: 'malformed-json' }, { event: 'exit' }]);
  });
  it('leaves a newer exit in the mempool alone, and says where one would bump', async () => {
    const { both, id, chain, at, lookAs } = await scene();
    const post = bundlePost('regtest', [file(await exported(both, id))]);
    await payMessages(both, id, 900_000n);
    const newer = (await payeeOf(both, id)).exit!;
    at(5_250);
    expect(chain.accept([newer])).toBe(undefined);
    expect(await lookAs(post)).toMatchObject([{ event: 'in-mempool' }]);
    chain.feerate = 9_000;
    expect(await lookAs(post)).toMatchObject([{ event: 'needs-bump', by: 'exit' }]);
    expect(chain.mempool.map(({ hex }) => hex)).toEqual([newer]);
    chain.feerate = 2_000;
    chain.mine(6);
    expect(await lookAs(post)).toMatchObject([{ event: 'settled', by: 'exit' }]);
  });
  it('fights an older export that somebody sent, or says what it lost', async () => {
    const { both, id, chain, lookAs } = await scene();
    const older = (await payeeOf(both, id)).exit!;
    await payMessages(both, id, 900_000n);
    const text = await withChildren(both.payee.home, printJson(await exported(both, id)), [20_000], false);
    const bare = bundlePost('regtest', [file(await exported(both, id))]);
    const post = bundlePost('regtest', [file(parseJson(text) as object)]);
    expect(chain.accept([older])).toBe(undefined);
    const overtaken = { event: 'overtaken', by: 'exit', pays_sat: 50_000n, short_sat: 900_000n };
    expect(await lookAs(bare)).toMatchObject([overtaken, { event: 'needs-bump', by: 'exit' }]);
    expect(await lookAs(post)).toMatchObject([overtaken, { event: 'exit', by: 'exit', feerate: '20' }]);
    expect(chain.mempool.map(({ hex }) => hex)).not.toContain(older);
    chain.mempool = [];
    chain.accept([older]);
    chain.mine(5);
    expect(await lookAs(bare)).toMatchObject([overtaken]);
    chain.mine(1);
    expect(await lookAs(bare)).toMatchObject([{ event: 'lost', pays_sat: 50_000n, lost_sat: 900_000n }]);
    expect(await lookAs(bare)).toEqual([]);
  });
  it('takes the newer of two exports, and a newer file at the next look', async () => {
    const { both, id } = await scene();
    const old = await exported(both, id);
    await payMessages(both, id, 9_000n);
    const path = file(await exported(both, id), old);
    expect((await readWatchBundle([path])).watched.map(paysOf)).toEqual([59_000n]);
    const post = bundlePost('regtest', [path]);
    await payMessages(both, id, 1_000n);
    writeFileSync(path, JSON.stringify(await exported(both, id), null, 2));
    expect(paysOf((await (await listedBy(post))[0]!.open())!.watched)).toBe(60_000n);
  });
  it('tells a file that a failed export has emptied, and watches on what it held', async () => {
    const { both, id } = await scene();
    const other = await scene();
    const path = file(await exported(both, id));
    const post = bundlePost('regtest', [path, file(await exported(other.both, other.id))]);
    expect(await listedBy(post)).toHaveLength(2);
    writeFileSync(path, '');
    expect((await listedBy(post)).map((w) => w.id).sort()).toEqual([id, other.id].sort());
    expect((await post.list(1_000)).bad).toMatchObject([{ file: path, why: { code: 'malformed' } }]);
  });
  it('refuses an empty bundle and two networks in one', async () => {
    const empty = file();
    writeFileSync(empty, '\n');
    await refused(() => readWatchBundle([empty]), 'malformed');
    await refused(() => readWatchBundle([file({ type: 'status' })]), 'malformed-message');
    await refused(() => readWatchBundle(['/nowhere/bundle']), 'no-input');
  });
  it('goes on from as many documents of an earlier look as there are, where a file is damaged', async () => {
    const { both, id } = await scene();
    const path = file(await exported(both, id));
    const last = new Map<string, WatchedDocument[]>();
    await readWatchBundle([path], 'regtest', last);
    const [one] = last.get(path)!;
    last.set(path, Array<WatchedDocument>(200_000).fill(one!));
    writeFileSync(path, 'damaged');
    const { watched, bad } = await readWatchBundle([path], 'regtest', last);
    expect([watched.map((w) => w.id), bad.length, last.get(path)!.length]).toEqual([[id], 1, 200_000]);
  });
  it('waits for no pipe that lies in the folder', async () => {
    const { both, id } = await scene();
    const dir = dirname(file(await exported(both, id)));
    pipeAt(join(dir, 'pipe.json'));
    const { watched, bad } = await readWatchBundle([dir]);
    expect([watched.map((w) => w.id), bad.map(({ why }) => why.code)]).toEqual([[id], ['no-input']]);
  });
});
