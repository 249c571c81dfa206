/**
 * A way by which a server is reached: what all of them have in common, and how they run together until the first of
 * SIGTERM and SIGINT, or until each has come to its own end.
 */
import { print } from '../cli/output.ts';
import { printJson } from '../protocol/json.ts';

export interface Listener {
  /** Its part of the first line on stdout. */
  readonly said: Readonly<Record<string, string | boolean>>;
  /** Resolves once all that it took is answered: after its own end, or after `stop`. */
  run(): Promise<void>;
  /** Takes nothing new from now on. */
  stop(): void;
}

export const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Says on stdout that it serves, and does so until the end. A second signal ends the process at once. */
export async function runListeners(
  network: string,
  listeners: readonly Listener[],
  signals: readonly NodeJS.Signals[],
): Promise<void> {
  const stop = (): void => listeners.forEach((listener) => listener.stop());
  for (const signal of signals) process.once(signal, stop);
  let runs: readonly Promise<void>[] = [];
  try {
    await print(
      printJson({ type: 'serve', version: 1, network, ...Object.assign({}, ...listeners.map((l) => l.said)) }),
    );
    runs = listeners.map((listener) => listener.run());
    await Promise.all(runs);
  } finally {
    stop();
    await Promise.allSettled(runs); // where one has failed, the others still have what they took
    for (const signal of signals) process.off(signal, stop);
  }
}
