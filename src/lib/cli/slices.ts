/** Long work in slices, so that timers, signals and connections have their turn in between. */
import { setImmediate } from 'node:timers/promises';

const SLICE_MS = 25;

/** @returns what such work calls after each piece: it waits for the others once a slice is over */
export function slices(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await setImmediate();
    since = performance.now();
  };
}
