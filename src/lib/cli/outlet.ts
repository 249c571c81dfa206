/**
 * Stdout of a process whose work goes on whoever reads it: a reader that is gone or hangs, and a full disk, end nothing and
 * hold up nothing. What could not be told is said in the end. Not here: what a run prints once (`output.ts`); stderr, whose
 * loss ends no command (`bin/run.js`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface Outlet {
  /** Writes a document and a newline; waits a moment for whoever reads slowly. Never rejects. */
  print(text: string): Promise<void>;
  /** That something could not be told; undefined where all was. */
  lost(): Refusal | undefined;
  close(): void;
}

const PATIENCE_MS = 1_000;
export const OUTLET_LIMITS = {
  /** What waits for a reader; more is lost. */
  waiting: { unit: 'bytes', most: 16_000_000 },
} satisfies Limits;

/** @param onLost is told of the first loss */
export function outlet(onLost: (why: Refusal) => void): Outlet {
  const { stdout } = process;
  let why: Refusal | undefined;
  let waiting = 0;
  const lose = (text: string): void => {
    if (why) return;
    why = new Refusal('cannot-write', `stdout: ${text}`, { hint: 'what was due was done all the same' });
    onLost(why);
  };
  // Those of other commands end the process (`bin/run.js`, oclif).
  const others = stdout.listeners('error') as ((error: Error) => void)[];
  stdout.removeAllListeners('error');
  stdout.on('error', ({ message }) => lose(message));
  return {
    print: (text) =>
      new Promise((done) => {
        if (!allows(OUTLET_LIMITS.waiting, stdout.writableLength)) return (lose('nobody reads it'), done());
        const timer = waiting > 0 ? done() : setTimeout(done, PATIENCE_MS);
        waiting += 1;
        stdout.write(`${text}\n`, (error) => {
          waiting -= 1;
          if (error) lose(error.message);
          clearTimeout(timer ?? undefined);
          done();
        });
      }),
    lost: () => why,
    close() {
      stdout.removeAllListeners('error');
      for (const other of others) stdout.on('error', other);
    },
  };
}
