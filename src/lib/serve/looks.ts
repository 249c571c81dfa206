/**
 * Looks at something slow for many who ask: `shared` for all who ask within a while, `onceABlock` for figures that only a new
 * block changes. The latter goes on beside other work, and is good for no decision: what the mempool spends is seen a block later.
 */
import type { Facts } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';

/** Largest age of an answer. */
export const HELD_LIMITS = { age: { unit: 'milliseconds', most: 600_000 } } satisfies Limits;
/** Time to wait for a look. */
const MOMENT_MS = 1_000;

/**
 * Returns a look that is made once a block, and again when its answer is old: a block may be replaced by another of its height.
 * Whoever asks waits for it a moment, and then gets the last answer.
 * @param failed receives the reason why a look failed
 * @returns undefined before the first answer, and after a look that failed
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
      await inTime(pendingLook, MOMENT_MS);
    }
    return held?.found;
  };
}

/** Waits for a promise no longer than this. @param late called where it takes longer; the result is undefined then */
export function inTime<T>(promise: Promise<T>, ms: number, late = (): void => {}): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => (late(), resolve(undefined)), ms);
  return Promise.race([promise, over]).finally(() => clearTimeout(timer));
}

/** Returns a look whose result all share who ask within a while; those who ask during it wait for the same one. */
export function shared<T>(look: () => Promise<T>, ms: number, now = () => performance.now()): () => Promise<T> {
  let begun = -Infinity;
  let isLooking = false;
  let found: Promise<T>;
  return () => {
    if (isLooking || now() - begun < ms) return found;
    begun = now();
    isLooking = true;
    const over = (): void => void (isLooking = false);
    found = look();
    found.then(over, over);
    return found;
  };
}
