/**
 * A way by which a server is reached: parts that all of them share. They run together until the
 * first of SIGTERM and SIGINT, or until each has come to its own end.
 */
import type { Readable } from 'node:stream';
import { linesOf, type InputLine } from '../cli/lines.ts';
import { print } from '../cli/output.ts';
import { printJson } from '../protocol/json.ts';

export interface Listener {
  /** Part of the first line on stdout. */
  readonly said: Readonly<Record<string, string | boolean>>;
  /** Resolves once all that it took is answered: after its own end, or after `stop`. */
  run(): Promise<void>;
  /** Stops accepting requests. */
  stop(): void;
}

/**
 * Listens on a pipe: one line after the other is taken until the input ends or the server stops.
 * @param done resolves once all lines taken are answered
 */
export function lineListener(
  stdin: Readable,
  limit: number,
  take: (line: InputLine) => Promise<void> | void,
  done: () => Promise<unknown>,
): Listener {
  let stopped = false;
  const run = async (): Promise<void> => {
    try {
      for await (const line of linesOf(stdin, limit)) {
        await take(line);
        if (stopped) break;
      }
    } catch (error) {
      if (!stopped) throw error;
    }
    await done();
  };
  return {
    said: { stdio: true },
    run,
    stop() {
      stopped = true;
      stdin.destroy();
    },
  };
}

export const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Reports on stdout that it serves, and serves to the end; a second signal ends it at once. */
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
