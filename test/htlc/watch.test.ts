/** Swaps of a home that is watched: no side loses more than fees, whatever the other one does and whenever it does it. */
import { RawTx } from '@scure/btc-signer/script.js';
import { afterEach, describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { secretIn, shownBy } from '../../src/lib/htlc/secret.ts';
import { swapKind } from '../../src/lib/htlc/swap-records.ts';
import { spendOf, WANT } from './scenes.ts';
import { EXPIRIES, swapScene, told, type SwapScene } from './watched-swap.ts';

const { TIP, FIRST, SECOND } = EXPIRIES;
const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));
async function scene(options?: Parameters<typeof swapScene>[0]): Promise<SwapScene> {
  const made = await swapScene(options);
  closing.push(made.close);
  return made;
}

describe('the responder', () => {
  for (const [where, blocks, index] of [
    ['the mempool', 0, true],
    ['a block', 1, true],
    ['a block of a node without an index', 1, false],
  ] as const)
    it(`claims with the preimage that the other side's claim shows in ${where}`, async () => {
      const { chain, watch, record, claims, send, first, status } = await scene({ index });
      expect(told(await watch('bob'))).toEqual([]);
      const claim = await claims();
      send(claim);
      chain.mine(blocks);
      expect(told(await watch('bob'))).toEqual(['claim claim']);
      const own = chain.mempool.at(-1)!;
      expect(secretIn(shownBy(own.hex), first.hash.hash160)).toBeDefined();
      expect(await record('bob')).toMatchObject({ state: 'claimed', tx: own.hex, revealed: true });
      expect((await record('bob')).preimage).toBe(secretIn(shownBy(claim), first.hash.hash160).preimage);
      expect(told(await watch('bob'))).toEqual(['in-mempool']);
      chain.mine(1);
      expect(told(await watch('bob'))).toEqual(['confirming']);
      chain.mine(5);
      expect(told(await watch('bob'))).toEqual(['settled claim']);
      expect(await record('bob')).toMatchObject({ state: 'settled', tx: own.hex });
      expect(await status('bob')).toMatchObject([{ verdict: 'settled', state: 'settled' }]);
      expect(await watch('bob')).toEqual([]);
    });
  it('keeps a preimage that was in the mempool alone, and claims though the other claim is gone and the budget came late', async () => {
    const { chain, watch, record, claims, send } = await scene({ budget: 60n });
    send(await claims());
    expect(told(await watch('bob'))).toEqual(['over-budget claim']);
    const { preimage, state } = await record('bob');
    expect([preimage?.length, state]).toEqual([64, 'funded']);
    chain.mempool = [];
    chain.least = 300;
    chain.feerate = 300;
    expect(told(await watch('bob'))).toEqual(['claim claim']);
  });
  it('takes its own HTLC back at its expiry, not before, where nobody has claimed it', async () => {
    const { chain, watch, record, toTip, status } = await scene();
    toTip(SECOND - 1);
    expect(await watch('bob')).toEqual([]);
    expect(await status('bob')).toMatchObject([{ verdict: 'open', next_height: SECOND + 1 }]);
    toTip(SECOND);
    expect(told(await watch('bob'))).toEqual(['refund refund']);
    chain.mine(6);
    expect(told(await watch('bob'))).toEqual(['settled refund']);
    expect((await record('bob')).state).toBe('ended');
  });
  it('that slept until both sides can spend races the refund of the other side, by fee', async () => {
    const { alice, chain, first, coins, watch, claims, send, toTip } = await scene();
    toTip(SECOND - 10);
    send(await claims());
    chain.mine(1);
    toTip(FIRST);
    const back = send(await spendOf(alice, first, 'refund', coins.first));
    chain.feerate = 10_000;
    expect(told(await watch('bob'))).toEqual(['overtaken refund', 'claim claim']);
    expect(chain.mempool.map(({ txid }) => txid)).not.toContain(back);
    chain.mine(6);
    expect(told(await watch('bob'))).toEqual(['settled claim']);
  });
  it('calls lost what is lost, once both coins are gone for good', async () => {
    const { alice, chain, first, coins, watch, record, claims, send, toTip, status } = await scene();
    toTip(SECOND - 10);
    send(await claims());
    chain.mine(1);
    toTip(FIRST);
    send(await spendOf(alice, first, 'refund', coins.first));
    chain.mine(1);
    expect(told(await watch('bob'))).toEqual(['overtaken refund']);
    chain.mine(5);
    expect(await watch('bob')).toMatchObject([{ event: 'lost', by: 'claim', lost_sat: WANT }]);
    expect(await record('bob')).toMatchObject({ state: 'ended', lostSat: WANT });
    expect(await status('bob')).toMatchObject([{ verdict: 'lost' }]);
  });
  it('takes back its own coin against a claim that comes after the other side has taken back its own', async () => {
    const { alice, chain, first, coins, watch, claims, send, toTip } = await scene();
    toTip(FIRST);
    send(await spendOf(alice, first, 'refund', coins.first));
    chain.mine(6);
    send(await claims());
    chain.feerate = 20_000;
    expect(told(await watch('bob'))).toEqual(['overtaken claim', 'refund refund']);
    chain.mine(6);
    expect(told(await watch('bob'))).toEqual(['settled refund']);
  });
  it('bumps its claim when fees rise, and stores what it sends', async () => {
    const { chain, watch, record, claims, send } = await scene();
    send(await claims());
    chain.mine(1);
    await watch('bob');
    chain.feerate = 300_000;
    expect(told(await watch('bob'))).toEqual(['bump claim']);
    const [own] = chain.mempool;
    expect(chain.mempool).toHaveLength(1);
    expect((await record('bob')).tx).toBe(own!.hex);
    expect(Number(chain.fee(own!))).toBeGreaterThan(30_000);
  });
  it('sends its claim again after a reorganisation that forgets both', async () => {
    const { chain, watch, claims, send } = await scene();
    send(await claims());
    chain.mine(1);
    await watch('bob');
    chain.mine(4);
    chain.reorganise(5, true);
    expect(told(await watch('bob'))).toEqual(['rebroadcast claim']);
    chain.mine(6);
    expect(told(await watch('bob'))).toEqual(['settled claim']);
  });
  it('goes on where the node was gone at the deadline and is back', async () => {
    const { chain, watch, claims, send, toTip } = await scene();
    toTip(SECOND - 10);
    send(await claims());
    chain.mine(1);
    chain.up = false;
    await expect(watch('bob')).rejects.toMatchObject({ code: 'chain-unavailable' });
    chain.up = true;
    toTip(FIRST + 3);
    expect(told(await watch('bob'))).toEqual(['claim claim']);
  });
  it('that slept longer than the newest blocks finds the preimage in older ones, from look to look', async () => {
    const { chain, watch, record, claims, send, toTip } = await scene({ index: false });
    const { unspentTo } = await record('bob');
    const claim = await claims();
    toTip(TIP + 700);
    send(claim);
    chain.mine(701);
    // Each look has nothing of the one before but the record, as where it is run by cron.
    for (const looks of [1, 2].map((n) => n * 288)) {
      expect(told(await watch('bob'))).toEqual(['spent-otherwise']);
      expect(await record('bob')).toMatchObject({ state: 'funded', unspentTo: unspentTo + looks });
    }
    expect(told(await watch('bob'))).toEqual(['claim claim']);
    expect(await record('bob')).toMatchObject({ state: 'claimed', preimage: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });
  it('is told where the node has the blocks no more that may show the preimage', async () => {
    const { chain, watch, claims, send } = await scene({ index: false });
    send(await claims());
    chain.mine(1);
    chain.mine(700);
    chain.pruned = chain.tip - 300;
    expect(await watch('bob')).toMatchObject([{ event: 'blocks-pruned', searched_height: expect.any(Number) }]);
  });
  it('reads the preimage beside an annex of the claim', async () => {
    const { chain, watch, claims, send } = await scene();
    const claim = await claims();
    const raw = RawTx.decode(hexToBytes(claim));
    raw.witnesses![0]!.push(hexToBytes(`50${'00'.repeat(20_000)}`));
    chain.least = 0;
    send(bytesToHex(RawTx.encode(raw)));
    chain.least = 1_000;
    expect(told(await watch('bob'))).toEqual(['claim claim']);
  });
});

describe('the initiator', () => {
  it('shows no preimage before its own step has claimed, at any height', async () => {
    const { chain, watch, toTip, preimage } = await scene();
    const secret = bytesToHex(await preimage());
    for (const height of [TIP, SECOND - 1, SECOND, FIRST - 1]) {
      toTip(height);
      expect(await watch('alice')).toEqual([]);
    }
    toTip(FIRST);
    expect(told(await watch('alice'))).toEqual(['refund refund']);
    expect(chain.mempool.some(({ hex }) => hex.includes(secret))).toBe(false);
    chain.mine(6);
    expect(told(await watch('alice'))).toEqual(['settled refund']);
  });
  it('sends the claim of its step until it is final, and leaves the other side its coin', async () => {
    const { chain, watch, record, claims, toTip } = await scene();
    await claims();
    expect(told(await watch('alice'))).toEqual(['rebroadcast claim']);
    chain.feerate = 30_000;
    expect(told(await watch('alice'))).toEqual(['bump claim']);
    chain.mine(1);
    toTip(FIRST + 10 - 6);
    chain.mine(6);
    expect(told(await watch('alice'))).toEqual(['settled claim']);
    expect((await record('alice')).state).toBe('settled');
    expect(chain.mempool).toEqual([]);
  });
  it('holds back a claim that nobody has seen once the other side can take its coin back', async () => {
    const { chain, watch, claims, toTip } = await scene();
    await claims();
    toTip(SECOND - 36);
    expect(told(await watch('alice'))).toEqual(['too-late claim']);
    expect(chain.mempool).toEqual([]);
    toTip(FIRST);
    expect(told(await watch('alice'))).toEqual(['too-late claim', 'refund refund']);
  });
  it('goes on with a claim that was seen in a mempool, also late', async () => {
    const { chain, watch, claims, send, toTip } = await scene();
    send(await claims());
    expect(told(await watch('alice'))).toEqual(['in-mempool']);
    chain.mempool = [];
    toTip(SECOND - 1);
    expect(told(await watch('alice'))).toEqual(['rebroadcast claim']);
  });
  it('races the refund where its preimage is public', async () => {
    const { bob, chain, first, second, coins, watch, claims, send, toTip, preimage } = await scene();
    await claims();
    toTip(SECOND);
    send(await spendOf(bob, second, 'refund', coins.second));
    send(await spendOf(bob, first, 'claim', coins.first, await preimage()));
    chain.feerate = 15_000;
    expect(told(await watch('alice'))).toEqual(['overtaken refund', 'rebroadcast claim']);
    chain.mine(6);
    expect(told(await watch('alice'))).toEqual(['settled claim']);
  });
  it('takes back what it paid where the other side never paid', async () => {
    const { chain, watch, record, toTip } = await scene({ matched: false });
    toTip(FIRST);
    chain.feerate = 40_000;
    expect(told(await watch('alice'))).toEqual(['refund refund']);
    chain.feerate = 300_000;
    expect(told(await watch('alice'))).toEqual(['bump refund']);
    chain.feerate = 1_000;
    chain.mine(6);
    expect(told(await watch('alice'))).toEqual(['settled refund']);
    expect((await record('alice')).state).toBe('ended');
  });
  it('gets its coin back beside a record whose keys are damaged, which is told', async () => {
    const { alice, watch, record, toTip } = await scene({ matched: false });
    const swap = await record('alice');
    const offer = { ...swap.offer, hash: 'ab'.repeat(32), side: { ...swap.offer.side, refund_pubkey: '02' } };
    const damaged = { ...swap, offer, coins: [], paid: { txid: 'ab'.repeat(32), vout: 0 } };
    await alice.home.store.commit(plainCommit({ reads: [], writes: [writeOf(swapKind, damaged, null, 0)] }));
    toTip(FIRST);
    expect(await watch('alice')).toMatchObject([
      { event: 'refused', contract: offer.hash },
      { event: 'refund', contract: swap.offer.hash },
    ]);
  });
  it('is told at once that its HTLC was claimed though it showed nothing: its keys were copied', async () => {
    const { bob, watch, first, coins, send, preimage } = await scene();
    send(await spendOf(bob, first, 'claim', coins.first, await preimage()));
    expect(await watch('alice')).toMatchObject([{ event: 'claimed', by: 'claim' }]);
  });
});

describe('of two homes with the same keys', () => {
  it('each sends the same claim or helps it, and both end settled', async () => {
    const { chain, watch, claims, record } = await scene();
    await claims();
    await watch('alice');
    await watch('alice');
    expect(chain.mempool).toHaveLength(1);
    chain.mine(6);
    await watch('alice');
    expect((await record('alice')).state).toBe('settled');
  });
});
