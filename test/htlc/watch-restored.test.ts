/** Swaps of a home that was made of its backup, before and after its journal is read, and of two homes of one seed. */
import { afterEach, describe, expect, it } from 'vitest';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { TestParty } from '../support/party.ts';
import { EXPIRIES, swapScene, told, type SwapScene } from './watched-swap.ts';

const { FIRST, SECOND } = EXPIRIES;
const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));
async function scene(options?: Parameters<typeof swapScene>[0]): Promise<SwapScene> {
  const made = await swapScene(options);
  closing.push(made.close);
  return made;
}

describe('a restored responder', () => {
  for (const by of ['its step', 'its watch'])
    it(`goes on from a claim that ${by} had made since the backup, without the journal`, async () => {
      const { bob, chain, watch, record, claims, send, settles } = await scene();
      const backup = await bob.backUp();
      send(await claims());
      if (by === 'its step') await settles();
      else expect(told(await watch('bob'))).toEqual(['claim claim']);
      await bob.lose(backup);
      expect(await record('bob')).toMatchObject({ state: 'funded', preimage: null });
      expect(told(await watch('bob'))).toEqual([by === 'its step' ? 'claim claim' : 'in-mempool']);
      expect(chain.mempool).toHaveLength(2);
      chain.mine(6);
      expect(told(await watch('bob'))).toEqual(['settled claim']);
      await bob.home.reconcile(bob.journal(), { complete: true });
      expect(await watch('bob')).toEqual([]);
    });
  it('that has paid since is told to read its journal, and claims once it has', async () => {
    const { bob, backup, chain, watch, claims, send, status } = await scene({ backs: 'bob' });
    await bob.lose(backup!);
    send(await claims());
    chain.mine(1);
    expect(await watch('bob')).toMatchObject([{ event: 'restored', role: 'responder' }]);
    expect(await status('bob')).toMatchObject([{ notes: [expect.stringMatching(/^its home was restored/)] }]);
    await bob.home.reconcile(bob.journal(), { complete: true });
    expect(told(await watch('bob'))).toEqual(['claim claim']);
  });
});

describe('a restored initiator', () => {
  it('that has paid since is told to read its journal, and takes its coin back once it has', async () => {
    const { alice, backup, watch, toTip } = await scene({ backs: 'alice' });
    await alice.lose(backup!);
    toTip(FIRST);
    expect(await watch('alice')).toMatchObject([{ event: 'restored', role: 'initiator' }]);
    await alice.home.reconcile(alice.journal(), { complete: true });
    expect(told(await watch('alice'))).toEqual(['refund refund']);
  });
  it('that may have shown its preimage is told so at any height, and sends the claim once its journal is read', async () => {
    const { alice, chain, watch, record, claims } = await scene();
    const backup = await alice.backUp();
    await claims();
    await alice.lose(backup);
    expect(await record('alice')).toMatchObject({ state: 'funded', theirs: null });
    expect(await watch('alice')).toMatchObject([{ event: 'restored', role: 'initiator' }]);
    await alice.home.reconcile(alice.journal(), { complete: true });
    expect(told(await watch('alice'))).toEqual(['rebroadcast claim']);
    chain.mine(6);
    expect(told(await watch('alice'))).toEqual(['settled claim']);
  });
  it('whose claim is final leaves the other side its coin once its journal is read, and is warned before it does not', async () => {
    const { alice, chain, watch, claims, send, toTip } = await scene();
    const backup = await alice.backUp();
    send(await claims());
    await alice.lose(backup);
    chain.mine(6);
    toTip(FIRST - 1);
    expect(told(await watch('alice'))).toEqual(['restored']);
    await alice.home.reconcile(alice.journal(), { complete: true });
    toTip(FIRST);
    expect(told(await watch('alice'))).toEqual(['settled claim']);
    expect(chain.mempool).toEqual([]);
  });
  it('whose owner goes on without its journal takes its own coin back at its expiry', async () => {
    const { alice, watch, toTip } = await scene();
    await alice.lose(await alice.backUp());
    toTip(FIRST);
    expect(told(await watch('alice'))).toEqual(['restored', 'refund refund']);
    await alice.home.acceptRestore();
    expect(told(await watch('alice'))).toEqual(['in-mempool']);
  });
});

describe('two copies of one home', () => {
  /** A home made of a backup of another one, and what it tells. */
  async function copyOf({ rpc, source }: SwapScene, backup: string) {
    const copy = await TestParty.make(399);
    closing.push(() => copy.close());
    await copy.lose(backup);
    return async (): Promise<string[]> => {
      const events: WatchEvent[] = [];
      const rules = { confirmations: 6, feeBudgetSat: 50_000n };
      const post = homePost(copy.home, copy.ports(), undefined);
      await look(post, { rpc, source }, rules, async (_, e) => void events.push(e));
      return told(events);
    };
  }
  it('of the responder: one claim, helped by either as fees rise, and both are settled', async () => {
    const s = await scene();
    const { bob, chain, watch, claims, send } = s;
    const other = await copyOf(s, await bob.backUp());
    send(await claims());
    chain.mine(1);
    expect([told(await watch('bob')), await other()]).toEqual([['claim claim'], ['in-mempool']]);
    chain.feerate = 30_000;
    expect([await other(), told(await watch('bob'))]).toEqual([['bump claim'], ['in-mempool']]);
    chain.feerate = 90_000;
    expect([told(await watch('bob')), await other()]).toEqual([['bump claim'], ['in-mempool']]);
    expect(chain.mempool).toHaveLength(1);
    chain.mine(6);
    expect([told(await watch('bob')), await other()]).toEqual([['settled claim'], ['settled claim']]);
    expect([await watch('bob'), await other()]).toEqual([[], []]);
  });
  it('of the responder: one refund where nobody claims', async () => {
    const s = await scene();
    const { bob, chain, watch, toTip } = s;
    const other = await copyOf(s, await bob.backUp());
    toTip(SECOND);
    expect([await other(), told(await watch('bob'))]).toEqual([['refund refund'], ['in-mempool']]);
    chain.feerate = 30_000;
    expect([told(await watch('bob')), await other()]).toEqual([['bump refund'], ['in-mempool']]);
    chain.mine(6);
    expect([told(await watch('bob')), await other()]).toEqual([['settled refund'], ['settled refund']]);
  });
  it('of the initiator: the copy shows no preimage, is told to read the journal, and does not fight the claim of the other', async () => {
    const s = await scene();
    const { alice, chain, watch, claims } = s;
    const other = await copyOf(s, await alice.backUp());
    await claims();
    expect([await other(), told(await watch('alice')), await other()]).toEqual([
      ['restored'],
      ['rebroadcast claim'],
      ['restored'],
    ]);
    expect(chain.mempool).toHaveLength(1);
    chain.mine(6);
    expect([told(await watch('alice')), await other()]).toEqual([['settled claim'], ['restored']]);
  });
});
