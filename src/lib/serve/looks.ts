/**
 * Slow queries for many callers: `shared` for all within a while, `onceABlock` for figures that
 * only a new block changes. The latter runs beside other work and is good for no decision: spends
 * in the mempool are seen a block later.
 */
import type { Facts } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';

/** Largest age of an answer. */
export const HELD_LIMITS = { age: { unit: 'milliseconds', most: 600_000 } } satisfies Limits;
/** Time to wait for a query. */
const MOMENT_MS = 1_000;

/**
 * Returns a query that is made once a block, and again when its answer is old: a block may be
 * replaced by another of its height. Callers wait for it a moment, and then get the last answer.
 * @param failed receives the reason of a failed query
 * @returns undefined before the first answer, and after a failed query
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

/** Waits for a promise; after `ms` it calls `late` and returns undefined. */
export function inTime<T>(promise: Promise<T>, ms: number, late = (): void => {}): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => (late(), resolve(undefined)), ms);
  return Promise.race([promise, over]).finally(() => clearTimeout(timer));
}

/** Returns a query whose result is shared for `ms`; callers during it wait for the same one. */
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
