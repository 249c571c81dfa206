/** The sums that a store keeps, against a walk over all of its records. */
import { expect } from 'vitest';
import { allKinds } from '../../src/lib/families.ts';
import type { Home } from '../../src/lib/home/home.ts';
import type { Kind } from '../../src/lib/protocol/action.ts';
import { Tally, type Totals } from '../../src/lib/protocol/figures.ts';

/** What the figures of all records of a kind come to, each read anew. */
export async function walked({ store }: Pick<Home, 'store'>, kind: Kind<any>): Promise<Totals> {
  const tally = new Tally();
  for (const { record } of await store.list(kind.name)) {
    const figures = Object.entries(kind.figures?.(kind.parse(record)) ?? {});
    tally.add(Object.fromEntries(figures.filter(([, value]) => value !== 0n)));
  }
  return tally.totals();
}

/** @param all by default those of all families */
export async function expectSums(home: Pick<Home, 'store'>, all?: readonly Kind<any>[]): Promise<void> {
  for (const kind of (all ?? (await allKinds())).filter(({ figures }) => figures !== undefined))
    expect(sorted(await home.store.totals(kind)), kind.name).toEqual(sorted(await walked(home, kind)));
}

const sorted = (totals: Totals) => [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
