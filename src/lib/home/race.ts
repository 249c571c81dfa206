/**
 * Optimistic concurrency: work that loses a race against another run of the same home is done again from the start.
 * Not here: who notices that it lost (`HomeStore.commit`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../protocol/refusal.ts';

const ATTEMPTS = 8;

/**
 * Runs `work` until it wins, at most eight times.
 * @param work gets the number of the attempt, from 1; resolves to undefined if another run was faster
 * @throws Refusal `concurrent` where others are faster again and again, and whatever `work` throws
 */
export async function retryRace<T extends object | string | number | boolean>(
  work: (attempt: number) => Promise<T | undefined>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const done = await work(attempt);
    if (done !== undefined) return done;
    if (attempt === ATTEMPTS)
      throw new Refusal('concurrent', `other runs of this home were faster ${ATTEMPTS} times`, {
        hint: 'run it again',
      });
    await sleep(Math.random() * 20 * attempt);
  }
}
