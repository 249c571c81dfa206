/**
 * Stdout of a process that works on whoever reads it. A reader that is gone or hangs, and a full
 * disk, neither end nor delay its work. Unwritten lines are buffered, and written first as soon as
 * possible.
 *
 * Not here: what a run prints once (`output.ts`); stderr, whose loss ends no command
 * (`bin/run.js`).
 */
import { fstatSync, writeSync } from 'node:fs';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface Outlet {
  /**
   * Writes a document and a newline; waits a moment for a slow reader. Never rejects.
   * @returns false where it was neither written nor buffered: too much waits already
   */
  print(text: string): Promise<boolean>;
  /** Tries again to write the lines that are held back. */
  again(): void;
  /** Returns how much could not be written; undefined if all was. */
  lost(): Refusal | undefined;
  close(): void;
}

const PATIENCE_MS = 1_000;
const STDOUT = 1;
export const OUTLET_LIMITS = {
  /** Bytes that may wait for a reader, or for room on a disk; more is lost. */
  waiting: { unit: 'bytes', most: 16_000_000 },
} satisfies Limits;

/** Writes to the file descriptor, past the stream of Node.js. */
const DESCRIPTOR = {
  isFile: (): boolean => fstatSync(STDOUT).isFile(),
  /** Returns how many bytes were taken. */
  write: (bytes: Uint8Array): number => writeSync(STDOUT, bytes),
};

/** Takes over stdout. @param onLost called at the first unwritable line after written ones */
export function outlet(onLost: (why: Refusal) => void, descriptor = DESCRIPTOR): Outlet {
  const { stdout } = process;
  /** Lines that could not be written; of the first one, perhaps only its end. */
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let dropped = 0;
  let why: string | undefined;
  let waiting = 0;
  // Node.js loses the end of a line that finds no more room on a disk, and gives a stream up that failed once.
  let direct = descriptor.isFile();

  const refusal = (): Refusal => {
    const lines = dropped + kept.length;
    return new Refusal('cannot-write', `stdout: ${why}${lines > 0 ? `; ${lines} events untold` : ''}`, {
      hint: 'what was due was done all the same',
    });
  };
  const failed = (text: string): void => {
    const isNew = why === undefined;
    why = text;
    if (isNew) onLost(refusal());
  };
  const keep = (text: string): void => {
    const line = Buffer.from(text);
    keptBytes += line.length;
    kept.push(line);
  };
  const again = (): void => {
    try {
      for (let [line] = kept; line; [line] = kept) {
        const written = descriptor.write(line);
        keptBytes -= written;
        if (written < line.length) kept[0] = line.subarray(written);
        else kept.shift();
      }
      if (dropped === 0) why = undefined;
    } catch (error) {
      failed((error as Error).message);
    }
  };
  // Those of other commands end the process (`bin/run.js`, oclif).
  const others = stdout.listeners('error') as ((error: Error) => void)[];
  stdout.removeAllListeners('error');
  stdout.on('error', ({ message }) => failed(message));
  return {
    print: (text) =>
      new Promise((done) => {
        if (!allows(OUTLET_LIMITS.waiting, stdout.writableLength + keptBytes)) {
          dropped += 1;
          return (failed('nobody reads it'), done(false));
        }
        if (direct) return (keep(`${text}\n`), again(), done(true));
        const timer = waiting > 0 ? done(true) : setTimeout(done, PATIENCE_MS, true);
        waiting += 1;
        stdout.write(`${text}\n`, (error) => {
          waiting -= 1;
          if (error) {
            direct = true;
            keep(`${text}\n`);
            failed(error.message);
          }
          clearTimeout(timer ?? undefined);
          done(true);
        });
      }),
    again,
    lost: () => (why === undefined ? undefined : refusal()),
    close() {
      stdout.removeAllListeners('error');
      for (const other of others) stdout.on('error', other);
    },
  };
}
