/** Swaps and keys of a home that was lost and made of its backup: the journal knows what was paid, and what keys were used for. */
import { expect, it } from 'vitest';
import { createInHome, freshKey } from '../../src/commands/htlc/home.ts';
import { pair, straight, swapMessages, type Pair, type Stage } from './scenes.ts';

let seed = 700;
async function withPair(work: (both: Pair) => Promise<void>): Promise<void> {
  const both = await pair((seed += 2));
  await work(both).finally(() => both.close());
}
const records = async ({ alice }: Pair) =>
  (await alice.home.store.list()).map(({ kind, record }) => ({ kind, ...(record as object) }));

it.each([
  ['funded', 3],
  ['claimed', 5],
])('a swap that the home has %s since the backup is so again, and its keys are bound', (state, steps) =>
  withPair(async (both) => {
    const { alice } = both;
    const backup = await alice.backUp();
    let left = steps;
    const stage: Stage = async (...run) => {
      if (left === 0) throw new Error('far enough');
      left -= 1;
      return straight(both)(...run);
    };
    await swapMessages(both, stage).catch(() => {});
    const before = await records(both);
    expect(before).toContainEqual(expect.objectContaining({ kind: 'htlc-swap', state }));
    expect(before).toContainEqual(expect.objectContaining({ kind: 'htlc-key', used: true }));
    await alice.lose(backup);
    const { outcomes } = await alice.home.reconcile(alice.journal());
    expect(outcomes.filter(({ outcome }) => outcome === 'conflict')).toEqual([]);
    // What the lost end may have done with a preimage is not known.
    const known = before.map((r) => ('used' in r && r.used === false ? { ...r, used: 'unknown' } : r));
    expect(await records(both)).toEqual(expect.arrayContaining(known));
  }),
);

it('a hash that was used since the backup is known as used', () =>
  withPair(async (both) => {
    const { alice } = both;
    const { hash } = await freshKey(alice.home);
    const backup = await alice.backUp();
    const refund = await freshKey(both.bob.home);
    const given = { network: 'regtest', variant: 'standard', hash, claim: undefined, refund } as const;
    const make = (sameHash = false) =>
      createInHome(alice.home, { ...given, lock: { kind: 'height', value: 1144 }, cooperative: false }, sameHash);
    expect((await make()).reused).toBe(false);
    await alice.lose(backup);
    await alice.home.reconcile(alice.journal());
    await expect(make()).rejects.toMatchObject({ code: 'same-hash' });
    expect((await make(true)).reused).toBe(true);
  }));
