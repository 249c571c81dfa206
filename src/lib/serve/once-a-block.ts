/**
 * A long look for somebody who asks again and again: one a block, and again after a while, for a block may be replaced by
 * another of its height. It goes on beside whatever else there is to do; who asks waits for it a moment, and is given what was
 * found last where it takes longer.
 *
 * Good for figures, not for decisions: what the mempool spends is seen a block later.
 */
import type { Facts } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';

/** Largest age of an answer. */
export const HELD_LIMITS = { age: { unit: 'milliseconds', most: 600_000 } } satisfies Limits;
/** Time to wait for a look. */
const MOMENT_MS = 1_000;

/**
 * @param failed is told why a look came to nothing
 * @returns what is asked with the height that is known now; undefined where nothing was found yet, or the last look failed
 */
export function onceABlock<T>(
  look: () => Promise<T>,
  failed: (error: unknown) => void,
  now = () => performance.now(),
): (tip: Facts['tip']) => Promise<T | undefined> {
  let held: { found: T; tip: Facts['tip']; at: number } | undefined;
  let pendingLook: Promise<void> | undefined;
  return async (tip) => {
    if (pendingLook || held?.tip !== tip || !allows(HELD_LIMITS.age, now() - held.at)) {
      pendingLook ??= look()
        .then((found) => void (held = { found, tip, at: now() }))
        .catch((error: unknown) => {
          // Drops the old result, which must not pass for a new one.
          held = undefined;
          failed(error);
        })
        .finally(() => (pendingLook = undefined));
      await aMoment(pendingLook);
    }
    return held?.found;
  };
}

async function aMoment(promise: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, MOMENT_MS);
  await Promise.race([promise, late.promise]);
  clearTimeout(timer);
}
