/**
 * Random histories of a statecoin: replays, misdelivery, lies, cancels, crashes and restores. SPILLWAY_SEEDS=1000 plays so
 * many, SPILLWAY_SEED=17 that one alone.
 */
import { expect, it } from 'vitest';
import { CoinWorld } from '../support/coin-world.ts';

const one = process.env['SPILLWAY_SEED'];
const count = Number(process.env['SPILLWAY_SEEDS'] ?? 50);
const seeds = one === undefined ? Array.from({ length: count }, (_, n) => n + 1) : [Number(one)];
const STEPS = 16;

it(`seeds ${seeds[0]} to ${seeds.at(-1)}: the coin can always be moved, withdrawn or exited by its owner, and by nobody else`, async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const world = await CoinWorld.make(seed);
    try {
      for (let n = 0; n < STEPS; n++) await world.step();
      await world.end();
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}\n  ${world.trace.join('\n  ')}`, { cause: error });
    } finally {
      world.all.close();
    }
    for (const line of world.trace) seen.add(line.replace(/^\w+ /, ''));
  }
  // What the histories are for has come up in them.
  if (seeds.length >= 50)
    for (const what of ['reads moved: owned', 'reads moved: paid', 'cancels sent: declined', 'reads freed: kept'])
      expect([...seen], what).toContain(what);
});
