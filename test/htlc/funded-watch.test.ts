/** HTLCs that a home has paid, and copies of refunds without a home: sent once their lock has ended, unless they are claimed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { payFrom } from '../../src/lib/bitcoin/coins.ts';
import { finalHex } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { fundingHex, signFunding } from '../../src/lib/bitcoin/funding.ts';
import { txidOf, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { bundlePost } from '../../src/lib/engine/watch-bundle.ts';
import { homeHand } from '../../src/lib/engine/wallet.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import type { Lock } from '../../src/lib/htlc/lock.ts';
import { preimageOf } from '../../src/lib/htlc/records.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { build } from '../../src/lib/htlc/terms.ts';
import { watchedRefund } from '../../src/lib/htlc/tower.ts';
import { readHtlc } from '../../src/lib/htlc/view.ts';
import { freeFunding, freshKey, fundOnce, payoutFor } from '../../src/commands/htlc/home.ts';
import { coinClaim } from '../../src/lib/protocol/claims.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { ADDRESSES } from '../credit/things.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from '../support/chain.ts';
import { ownCoin } from '../support/credit.ts';
import { codeOf } from '../support/refusal.ts';
import { ACCEPT, OFFER, pair, spendOf, straight, WANT } from './scenes.ts';
import { EXPIRIES, swapScene } from './watched-swap.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));
const TIP = 1_000;
/** Median time at that height. */
const MEDIAN = new FakeChain(TIP).medianTime();
const RULES = { confirmations: 6, feeBudgetSat: 50_000n };
let seed = 700;

/** Alice has paid an HTLC that Bob claims. */
async function scene(lock: Lock) {
  const both = await pair((seed += 2));
  closing.push(both.close);
  const { alice, bob } = both;
  const blank = await alice.backUp();
  const [claim, refund] = [await freshKey(bob.home), await freshKey(alice.home)];
  const htlc = createHtlc({
    network: 'regtest',
    variant: 'standard',
    hash: claim.hash,
    claim,
    refund,
    lock,
    cooperative: true,
  });
  const chain = new FakeChain(TIP);
  const { url } = await fakeNode(chain.answers());
  const rpc = new Rpc({ url });
  const source = factSource({ network: 'regtest', rpc });
  const coin = await ownCoin(alice, 150_000n);
  chain.give(coin);
  const backup = await alice.backUp();
  const { output } = build(htlc);
  const paid = { sat: 100_000n, script: output };
  const fund = () =>
    fundOnce(
      alice.home,
      htlc,
      paid,
      [`${coin.txid}:${coin.vout}`],
      async () => {
        const template = payFrom({
          coins: [coin],
          outputs: [paid],
          change: ADDRESSES.p2tr,
          feerate: 2_000,
          version: 2,
          network: 'regtest',
          allowFee: true,
        });
        return signFunding(
          await homeHand(alice.home),
          { template, witnesses: {} },
          await alice.home.store.ours([coin.script]),
        );
      },
      async () => ADDRESSES.p2wpkh,
    );
  const funding = (await fund())!;
  expect(chain.accept([fundingHex(funding)])).toBeUndefined();
  chain.mine(1);
  const vout = funding.template.outputs.findIndex((o) => o.script === output);
  const outpoint = { txid: txidOf(funding.template), vout, sat: paid.sat };
  const watch = async (): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    await look(
      homePost(alice.home, alice.ports(), undefined),
      { rpc, source },
      RULES,
      async (_, e) => void events.push(e),
    );
    return events;
  };
  return { alice, bob, chain, htlc, outpoint, watch, claim, blank, backup, fund };
}
const told = (events: readonly WatchEvent[]) =>
  events.map(({ event, by }) => (by === undefined ? event : `${event} ${by}`));

/** Expects the refund to be sent in the next block, paid for in a fee spike, and settled. */
async function takenBack({ chain, watch }: Pick<Awaited<ReturnType<typeof scene>>, 'chain' | 'watch'>): Promise<void> {
  chain.mine(1);
  expect(told(await watch())).toEqual(['refund refund']);
  chain.feerate = 200_000;
  expect(told(await watch())).toEqual(['bump refund']);
  chain.mine(6);
  expect(told(await watch())).toEqual(['settled refund']);
}

describe('an HTLC that this home has paid', () => {
  for (const [name, lock, blocks] of [
    ['a height', { kind: 'height', value: TIP + 20 }, 18],
    ['blocks after its payment', { kind: 'blocks', value: 20 }, 18],
  ] as const)
    it(`is taken back once its lock by ${name} has ended, and not before`, async () => {
      const { chain, watch } = await scene(lock);
      chain.mine(blocks);
      expect(await watch()).toEqual([]);
      await takenBack({ chain, watch });
      expect(await watch()).toEqual([]);
    });
  for (const [of, tellsMedian] of [
    ['median time', true],
    ['headers of a node that states no median times', false],
  ] as const) {
    it(`is taken back once its lock by date has passed by ${of}, and not before`, async () => {
      const { chain, watch } = await scene({ kind: 'time', value: MEDIAN + 20 * 600 });
      chain.tellsMedian = tellsMedian;
      chain.mine(TIP + 20 - chain.tip);
      expect(chain.medianTime()).toBe(MEDIAN + 20 * 600);
      expect(await watch()).toEqual([]);
      chain.mine(1);
      expect(told(await watch())).toEqual(['refund refund']);
      chain.mine(6);
      expect(told(await watch())).toEqual(['settled refund']);
    });
    it(`is taken back once its coin is as old as its lock by seconds, by ${of}, and not before`, async () => {
      const { chain, watch } = await scene({ kind: 'seconds', value: 512 * 10 });
      chain.seconds = 512;
      chain.tellsMedian = tellsMedian;
      // From the block before the coin's own: its tenth confirmation comes nine blocks after that.
      chain.mine(8);
      expect(await watch()).toEqual([]);
      await takenBack({ chain, watch });
    });
  }
  it('is left to whoever claims it, also late', async () => {
    const { bob, chain, htlc, outpoint, watch, claim } = await scene({ kind: 'height', value: TIP + 20 });
    chain.mine(40);
    const hex = await spendOf(bob, htlc, 'claim', outpoint, preimageOf(await bob.home.keys(), claim));
    expect(chain.accept([hex])).toBeUndefined();
    expect(told(await watch())).toEqual(['in-mempool']);
    expect(chain.mempool.map(({ txid }) => txid)).toEqual([txidOfHex(hex)]);
    chain.mine(6);
    expect(told(await watch())).toEqual(['settled claim']);
  });
});

describe('an HTLC that was paid after the backup was made', () => {
  it('is told to the owner of the restored home, paid no second time, and taken back once its journal is read', async () => {
    const { alice, chain, watch, backup, fund } = await scene({ kind: 'height', value: TIP + 20 });
    chain.mine(40);
    await alice.lose(backup);
    expect(await watch()).toMatchObject([{ event: 'restored', role: 'funder' }]);
    await expect(fund()).rejects.toMatchObject({ code: 'home-restored' });
    await alice.home.reconcile(alice.journal(), { complete: true });
    expect(told(await watch())).toEqual(['refund refund']);
    chain.mine(6);
    expect(told(await watch())).toEqual(['settled refund']);
  });
  it('is told no more once the owner goes on without a journal, and can be paid then', async () => {
    const { alice, watch, backup, fund } = await scene({ kind: 'height', value: TIP + 20 });
    await alice.lose(backup);
    expect(told(await watch())).toEqual(['restored']);
    await alice.home.acceptRestore();
    expect(await watch()).toEqual([]);
    expect(await fund()).toBeDefined();
  });
  it('is told, and paid no second time, where an earlier payment was given up before the backup, or after it', async () => {
    const { alice, chain, htlc, watch, fund } = await scene({ kind: 'height', value: TIP + 20 });
    const giveUp = () => freeFunding(alice.home, htlc.refund, async () => {});
    const paid = await alice.backUp();
    await giveUp();
    const given = await alice.backUp();
    const again = (await fund())!;
    await alice.lose(given);
    expect(told(await watch())).toEqual(['restored']);
    await expect(fund()).rejects.toMatchObject({ code: 'home-restored' });
    await alice.home.reconcile(alice.journal(), { complete: true });
    expect(fundingHex((await fund())!)).toBe(fundingHex(again));
    await alice.lose(paid);
    chain.reorganise(1, true);
    expect(told(await watch())).toEqual(['restored']);
    await expect(giveUp()).rejects.toMatchObject({ code: 'home-restored' });
    await alice.home.acceptRestore();
    await giveUp();
    expect(await fund()).toBeDefined();
  });
  it('stays given up where the journal of a restored home is read, and its coin is free', async () => {
    const { alice, htlc, watch, backup } = await scene({ kind: 'height', value: TIP + 20 });
    const coins = await freeFunding(alice.home, htlc.refund, async () => {});
    await alice.lose(backup);
    await alice.home.reconcile(alice.journal(), { complete: true });
    expect(coins.length).toBe(1);
    expect((await alice.home.store.load(coins.map(coinClaim))).found.size).toBe(0);
    expect(await watch()).toEqual([]);
  });
  it('is paid no second time where its key was drawn after the backup too', async () => {
    const { alice, fund, blank } = await scene({ kind: 'height', value: TIP + 20 });
    await alice.lose(blank);
    await expect(fund()).rejects.toMatchObject({ code: 'home-restored' });
    await alice.home.acceptRestore();
    expect(await fund()).toBeUndefined();
    await alice.fromWords();
    await expect(fund()).rejects.toMatchObject({ code: 'home-restored' });
  });
  it('is unknown to no home that has taken the coin of another HTLC by that key, or was not restored', async () => {
    const { alice, watch } = await scene({ kind: 'height', value: TIP + 20 });
    const key = await freshKey(alice.home);
    expect(await watch()).toEqual([]);
    await payoutFor(alice.home, key.pubkey, async () => ADDRESSES.p2wpkh);
    await alice.lose(await alice.backUp());
    expect(await watch()).toEqual([]);
  });
});

describe('the copy of a refund of a swap, without a home', () => {
  async function copied() {
    const both = await pair((seed += 2));
    closing.push(both.close);
    const { alice, bob } = both;
    const stage = straight(both);
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
    const coin = await ownCoin(alice, 150_000n);
    const { message } = (await alice.run(htlcSwap, { on: accepted, input: { utxo: [coin] } })) as any;
    const chain = new FakeChain(TIP);
    chain.give(coin);
    expect(chain.accept([finalHex(message.psbt.first).hex])).toBeUndefined();
    chain.mine(1);
    const { url } = await fakeNode(chain.answers());
    const rpc = new Rpc({ url });
    const source = factSource({ network: 'regtest', rpc });
    return { alice, bob, chain, rpc, source, message, first: readHtlc(accepted['htlcs'].first) };
  }
  it('is sent at its height, tells of a claim with its preimage, and is refused with a byte altered', async () => {
    const { alice, bob, chain, rpc, source, message, first } = await copied();
    const folder = `${alice.dir}.refunds`;
    const name = readdirSync(folder).find((file) => file.startsWith('swap-'))!;
    const text = readFileSync(join(folder, name), 'utf8');
    const dir = mkdtempSync(join(tmpdir(), 'tower-'));
    closing.push(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, name), text);
    const post = bundlePost('regtest', [dir]);
    const watch = async (): Promise<any[]> => {
      const events: WatchEvent[] = [];
      await look(post, { rpc, source }, RULES, async (_, e) => void events.push(e));
      return events;
    };
    const claim = await spendOf(
      bob,
      first,
      'claim',
      { ...message.first, sat: 100_000n },
      preimageOf(await alice.home.keys(), await own(alice)),
    );
    expect(chain.accept([claim])).toBeUndefined();
    expect(await watch()).toMatchObject([{ event: 'claimed', preimage: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    chain.mempool = [];
    chain.feerate = 1_000;
    chain.mine(TIP + 287 - chain.tip);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(told(await watch())).toEqual(['refund refund']);
    chain.mine(6);
    expect(told(await watch())).toEqual(['settled refund']);
    const document = parseJson(text) as any;
    expect(codeOf(() => watchedRefund({ ...document, capacity_sat: Number(document.capacity_sat) - 1 }))).toBe(
      'signature-invalid',
    );
    const hex = `${document.hex.slice(0, -10)}11${document.hex.slice(-8)}`;
    expect(codeOf(() => watchedRefund({ ...document, hex }))).toBe('transaction-differs');
  });
  it('is still sent by a tower that watches both sides, once the other HTLC of that hash has ended', async () => {
    const { alice, bob, chain, rpc, source, toTip, close } = await swapScene();
    closing.push(close);
    chain.feerate = 1_000;
    const folders = [alice, bob].map(({ dir }) => `${dir}.refunds`);
    const post = bundlePost('regtest', folders);
    const watch = async () => {
      const events: WatchEvent[] = [];
      await look(post, { rpc, source }, RULES, async (_, e) => void events.push(e));
      return told(events);
    };
    toTip(EXPIRIES.SECOND);
    expect(await watch()).toEqual(['refund refund']);
    chain.mine(6);
    expect(await watch()).toEqual(['settled refund']);
    toTip(EXPIRIES.FIRST);
    expect(await watch()).toEqual(['refund refund']);
  });
});
const own = async (party: any) => (await party.home.store.list('htlc-swap'))[0]!.record as any;
