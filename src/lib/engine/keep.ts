/**
 * Pruning by command, and in the background a few times a day. It deletes records, replies and
 * notes of which nothing more can come. Without a chain height nothing is deleted. Not here: what
 * goes (`home/prune.ts`).
 */
import type { Home } from '../home/home.ts';
import { PRUNE_LIMITS, type Pruned, type PruneOptions } from '../home/prune.ts';
import type { FactSource } from '../protocol/ports.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { failureOf } from './failure.ts';
import { slices } from './slices.ts';

export const KEEP_LIMITS = { days: { unit: 'days', least: 1, most: 3_650 } } satisfies Limits;
/** Days that are kept by default. */
export const KEEP_DAYS = 90;

/** @throws Refusal `usage` where no height is known, and as `Home.prune` */
export async function pruneHome(
  home: Pick<Home, 'prune'>,
  { source, ...options }: Omit<PruneOptions, 'store' | 'kinds'>,
): Promise<Pruned & { tip: number }> {
  const { tip = 'not-checked' } = (await source.facts({ tip: true })).facts;
  if (tip === 'not-checked')
    throw new Refusal('usage', 'no height to prune by', { hint: 'give --chain URL, or --tip HEIGHT' });
  return { ...(await home.prune({ ...options, source })), tip };
}

/** Pause after a run that failed. */
const RETRY_MS = 600_000;

export interface Beside {
  /** Starts a background run if one is due. */
  nudge(): void;
  /** Stops the current run after its present transaction, and starts none any more. */
  stop(): void;
  /** Resolves once the current run has ended. */
  done(): Promise<void>;
}

/**
 * @param keepDays days that ended records are kept; undefined disables pruning
 * @param say logs a line
 */
export function pruneBeside(
  home: Pick<Home, 'prune' | 'mayLack'>,
  source: FactSource,
  keepDays: number | undefined,
  say: (line: string) => void,
  now = () => performance.now(),
): Beside {
  if (keepDays === undefined) return { nudge() {}, stop() {}, done: async () => {} };
  const everyMs = PRUNE_LIMITS.marks.least(keepDays) * 1_000;
  let next = -Infinity;
  let stopped = false;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    const pause = slices();
    try {
      const told = wordsOf(await pruneHome(home, { source, keepDays, pause, spaced: true, stopped: () => stopped }));
      if (told !== undefined) say(`pruned ${told}`);
      next = now() + everyMs;
    } catch (error) {
      const { code, message } = failureOf(error);
      say(`nothing pruned: ${code}: ${message}`);
      next = now() + RETRY_MS;
    }
  };
  return {
    nudge() {
      // A restored home may get back records from its journal.
      if (running || stopped || home.mayLack || now() < next) return;
      running = run().finally(() => (running = undefined));
    },
    stop: () => void (stopped = true),
    done: async () => running,
  };
}

/** Describes what was deleted; undefined if nothing was. */
function wordsOf({ replies, notes, records, unseen }: Pruned): string | undefined {
  const counts = [['replies', replies], ['notes', notes], ...Object.entries(records)] as [string, number][];
  const gone = counts.filter(([, n]) => n > 0).map(([what, n]) => `${what}=${n}`);
  if (gone.length === 0) return undefined;
  return [...gone, ...(unseen > 0 ? [`unseen=${unseen}`] : [])].join(' ');
}
