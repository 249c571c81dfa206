/**
 * A server that starts while its database does not answer waits for it: both are started anew after a power cut, and a
 * worker may be while the database is. Once a server runs, it refuses what comes meanwhile, and goes on by itself.
 */
import { setTimeout } from 'node:timers/promises';
import { note } from '../cli/output.ts';
import { Refusal } from '../protocol/refusal.ts';

/** How long a start waits before it gives up: as supervisors of processes do by default. */
const PATIENCE_MS = 90_000;
const CLOCK = { now: () => performance.now(), sleep: (ms: number): Promise<void> => setTimeout(ms) };

/**
 * Runs `start` again, for as long as it is refused with `store-unavailable` before it has `begun`.
 * @throws what `start` throws otherwise, or at last
 */
export async function onceStoreAnswers(
  start: () => Promise<void>,
  begun: () => boolean,
  patienceMs = PATIENCE_MS,
  { now, sleep } = CLOCK,
): Promise<void> {
  const end = now() + patienceMs;
  for (let pause = 100, said = ''; ; pause = Math.min(2 * pause, 2_000)) {
    try {
      return await start();
    } catch (error) {
      const waits = error instanceof Refusal && error.code === 'store-unavailable' && !begun();
      if (!waits || now() + pause > end) throw error;
      if (error.message !== said) note(`${(said = error.message)}; trying again for up to ${patienceMs / 1000} s`);
    }
    await sleep(pause);
  }
}
