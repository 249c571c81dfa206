/** Long work in slices, so that timers, signals and connections have their turn in between. */
import { setImmediate } from 'node:timers/promises';

/** Parts of a long list, in its order. */
export function* pieces<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

const SLICE_MS = 25;

/** @returns function to await after each piece of work; it yields to other tasks once a slice is over */
export function slices(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await setImmediate();
    since = performance.now();
  };
}
