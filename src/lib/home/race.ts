/** Work that another run of the same home may overtake: done again from the start until it wins. Not here: who notices that it lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../protocol/refusal.ts';

const ATTEMPTS = 8;

/**
 * @param work is told how often it was begun, itself included; undefined: another run was faster
 * @throws Refusal `concurrent` where others are faster again and again, and whatever `work` throws
 */
export async function untilWon<T extends object | string | number | boolean>(
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
