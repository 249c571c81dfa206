/** Flags of pruning: `--keep` and `--no-prune`. Not here: what they do (`engine/keep.ts`). */
import { countFlag, switchFlag } from './flags.ts';
import { KEEP_DAYS, KEEP_LIMITS, pruneBeside, type Beside } from '../engine/keep.ts';
import type { Home } from '../home/home.ts';
import type { FactSource } from '../protocol/ports.ts';

export const keepFlag = (summary: string, more: { helpGroup?: string; exclusive?: string[] } = {}) =>
  countFlag(summary, KEEP_LIMITS.days, { helpValue: 'DAYS', ...more });

/** Returns the flags of commands that prune in the background, a few times a day. */
export const keepBesideFlags = (more: { helpGroup: string; exclusive?: string[] }) => ({
  keep: keepFlag(`For how long what has ended is kept before it is pruned (default ${KEEP_DAYS})`, more),
  'no-prune': switchFlag('Prune nothing', {
    helpGroup: more.helpGroup,
    exclusive: ['keep', ...(more.exclusive ?? [])],
  }),
});
export const keepDaysOf = (flags: { keep?: number | undefined; noPrune?: boolean }): number | undefined =>
  flags.noPrune ? undefined : (flags.keep ?? KEEP_DAYS);

/** Returns what starts pruning in the background, by the flags. */
export const pruningBeside =
  (home: Home, source: FactSource, flags: Parameters<typeof keepDaysOf>[0]) =>
  (say: (line: string) => void): Beside =>
    pruneBeside(home, source, keepDaysOf(flags), say);
