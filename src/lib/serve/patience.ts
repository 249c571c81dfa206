/**
 * A server that starts while its database does not answer waits for it: both are started anew after a power cut, and a
 * worker may be while the database is. Once a server runs, it refuses what comes meanwhile, and goes on by itself.
 */
import { setTimeout } from 'node:timers/promises';
import { note } from '../engine/log.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export const PATIENCE_LIMITS = {
  /** Time from the beginning to the next try of a start: as supervisors of processes wait by default. */
  start: { unit: 'milliseconds', most: 90_000 },
} satisfies Limits;
const CLOCK = { now: () => performance.now(), sleep: (ms: number): Promise<void> => setTimeout(ms) };

/**
 * Runs `start` again, for as long as it is refused with `store-unavailable` before it has `begun`.
 * @throws what `start` throws otherwise, or at last
 */
export async function onceStoreAnswers(
  start: () => Promise<void>,
  begun: () => boolean,
  { now, sleep } = CLOCK,
): Promise<void> {
  const since = now();
  for (let pause = 100, said = ''; ; pause = Math.min(2 * pause, 2_000)) {
    try {
      return await start();
    } catch (error) {
      const waits = error instanceof Refusal && error.code === 'store-unavailable' && !begun();
      if (!waits || !allows(PATIENCE_LIMITS.start, now() + pause - since)) throw error;
      const seconds = PATIENCE_LIMITS.start.most / 1_000;
      if (error.message !== said) note(`${(said = error.message)}; trying again for up to ${seconds} s`);
    }
    await sleep(pause);
  }
}
