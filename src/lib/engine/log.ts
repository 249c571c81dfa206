/**
 * The log of a process that lives long, on stderr: a disk that is full, or a reader that is gone or hangs, holds up nothing
 * and fills no memory. Lines that could not be written are counted, and the next one that can be says how many.
 * Not here: events on stdout (`cli/outlet.ts`).
 */
import { visible } from './text.ts';

/** More than this waits for no reader. */
const MOST_WAITING = 1_000_000;

let lost = 0;

export function toLog(line: string): void {
  const { stderr } = process;
  if (stderr.writableLength > MOST_WAITING) {
    lost += 1;
    return;
  }
  const before = lost;
  lost = 0;
  // What a full disk has cut off may stand there without its end.
  const told = before === 0 ? '' : `\n${new Date().toISOString()} ${before} lines could not be written here\n`;
  stderr.write(`${told}${line}\n`, (error) => {
    if (error) lost += before + 1;
  });
}

/** Writes a line for people, on stderr. */
export function note(text: string): void {
  toLog(`note: ${visible(text)}`);
}
