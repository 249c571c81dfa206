/** Pruning by a command and beside other work: when it runs, what is said of it, and when it does not. What goes: `test/home/prune.test.ts`. */
import { afterEach, describe, expect, it } from 'vitest';
import { pruneBeside, pruneHome } from '../../src/lib/engine/keep.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { PRUNE_LIMITS } from '../../src/lib/home/prune.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { TestParty } from '../support/party.ts';
import { DAY } from '../support/prune.ts';

let party: TestParty;
afterEach(() => party.close());
/** Shows the party's chain as it is when it is asked. */
const source = (): FactSource => ({ facts: (wanted) => party.ports().source.facts(wanted) });

/** A home with so many offers that were taken back. */
async function withOffers(seed: number, offers: number): Promise<void> {
  party = await TestParty.make(seed);
  for (let i = 0; i < offers; i++) {
    const { message } = await party.run(openCredit, { input: { as: 'payee' } });
    await party.run(openCredit, { on: message, cancel: true });
  }
}
const later = (): void => {
  party.chain.now += DAY;
  party.chain.tip = (party.chain.tip as number) + 144;
};
const left = async (): Promise<number> => (await party.home.store.list()).length;

describe('a run', () => {
  it('without a height is refused, and notes nothing', async () => {
    await withOffers(87, 1);
    party.chain.tip = 'not-checked';
    await expect(pruneHome(party.home, { source: source(), keepDays: 1 })).rejects.toMatchObject({ code: 'usage' });
    party.chain.tip = 1_144;
    party.chain.now += DAY;
    // Had the first one noted how far the store had come, this one would drop the offer.
    expect(await pruneHome(party.home, { source: source(), keepDays: 1 })).toMatchObject({ tip: 1_144, records: {} });
    expect(await left()).toBe(1);
  });

  it('gives others their turn after each record, and says how much is gone', async () => {
    await withOffers(88, 3);
    await pruneHome(party.home, { source: source(), keepDays: 1 });
    later();
    const gone: number[] = [];
    const pause = async (n: number) => void gone.push(n);
    const pruned = await pruneHome(party.home, { source: source(), keepDays: 1, pause });
    expect(pruned.records).toEqual({ credit: 3 });
    const all = pruned.replies + pruned.notes + 3;
    expect(gone.slice(-4)).toEqual([all - 3, all - 2, all - 1, all]);
  });
});

describe('beside other work', () => {
  const everyMs = PRUNE_LIMITS.marks.least(1) * 1_000;
  let clock = 0;
  const said: string[] = [];
  const beside = () => {
    clock = 0;
    said.length = 0;
    return pruneBeside(
      party.home,
      source(),
      1,
      (line) => void said.push(line),
      () => clock,
    );
  };

  it('is done at once, then no more often than marks are noted', async () => {
    await withOffers(89, 2);
    const pruning = beside();
    pruning.nudge();
    await pruning.done();
    later();
    clock = everyMs - 1;
    pruning.nudge();
    await pruning.done();
    expect([await left(), said]).toEqual([2, []]);
    clock = everyMs;
    pruning.nudge();
    await pruning.done();
    expect(await left()).toBe(0);
    expect(said).toEqual(['pruned replies=2 credit=2']);
  });

  it('ends after the transaction at hand, and goes on where it is begun again', async () => {
    await withOffers(90, 3);
    await pruneHome(party.home, { source: source(), keepDays: 1 });
    later();
    const pruning = beside();
    pruning.nudge();
    pruning.stop();
    await pruning.done();
    pruning.nudge();
    await pruning.done();
    expect(await left()).toBe(3);
    const again = beside();
    again.nudge();
    await again.done();
    expect(await left()).toBe(0);
  });

  it('says why nothing went, and tries again after a while', async () => {
    await withOffers(92, 1);
    await pruneHome(party.home, { source: source(), keepDays: 1 });
    later();
    const { tip } = party.chain;
    party.chain.tip = 'not-checked';
    const pruning = beside();
    pruning.nudge();
    await pruning.done();
    expect(said).toEqual(['nothing pruned: usage: no height to prune by']);
    party.chain.tip = tip;
    clock = 599_999;
    pruning.nudge();
    await pruning.done();
    expect(await left()).toBe(1);
    clock = 600_000;
    pruning.nudge();
    await pruning.done();
    expect(await left()).toBe(0);
  });

  it('leaves a home alone that waits for its journal', async () => {
    await withOffers(93, 1);
    await pruneHome(party.home, { source: source(), keepDays: 1 });
    later();
    await party.lose(await party.backUp());
    const pruning = beside();
    pruning.nudge();
    await pruning.done();
    expect([await left(), said]).toEqual([1, []]);
    await expect(pruneHome(party.home, { source: source(), keepDays: 1 })).rejects.toMatchObject({
      code: 'home-restored',
    });
  });
});
