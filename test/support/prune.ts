/** Pruning under test: a home at a time, a height and before a chain that the test sets. */
import type { Pruned } from '../../src/lib/home/prune.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import type { TestParty } from './party.ts';

export const DAY = 86_400;
export interface PruneAt {
  days?: number;
  /** Later than the party's clock and tip. */
  seconds?: number;
  blocks?: number;
  /** Confirmations of what spends every coin; none: they are unspent. */
  deep?: number;
  dry?: boolean;
  stopped?: () => boolean;
  pause?: (gone: number) => Promise<void>;
}

/** One run of it. */
export function pruneAt(
  { home, chain }: TestParty,
  { days = 0, seconds = 0, blocks = 0, deep, dry = false, ...more }: PruneAt = {},
): Promise<Pruned> {
  const tip = chain.tip === 'not-checked' ? chain.tip : chain.tip + blocks;
  const source: FactSource = {
    facts: async ({ coins = [] }) => ({
      facts: {
        tip,
        now: chain.now + seconds,
        coins: new Map(
          coins.map((at) => [
            at,
            deep === undefined ? { sat: 1n, script: '', confirmations: 1 } : ('missing' as const),
          ]),
        ),
      },
      checks: {},
    }),
    spends: async (gone) =>
      new Map(
        gone.map(({ outpoint }) => [
          outpointText(outpoint),
          { txid: 'ab'.repeat(32), hex: null, confirmations: deep ?? 0 },
        ]),
      ),
  };
  return home.prune({ source, keepDays: days, dry, ...more });
}

/** All that may go at any time: at once, and years and thousands of blocks later. */
export async function pruneAll(party: TestParty): Promise<Pruned> {
  const now = await pruneAt(party);
  const later = await pruneAt(party, { seconds: 4 * 365 * DAY, blocks: 200_000, deep: 200_000 });
  return { ...later, replies: now.replies + later.replies, notes: now.notes + later.notes };
}
