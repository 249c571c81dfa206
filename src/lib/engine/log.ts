/**
 * Log of a long-running process on stderr. A full disk, or a reader that hangs or has left, neither blocks the
 * process nor fills memory. Unwritten lines are counted, and the next written line states their number. Not
 * here: events on stdout (`cli/outlet.ts`).
 */
import { visible } from './text.ts';

/** Largest number of unwritten bytes; further lines are dropped. */
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
  // A full disk may have cut off the previous line.
  const told = before === 0 ? '' : `\n${new Date().toISOString()} ${before} lines could not be written here\n`;
  stderr.write(`${told}${line}\n`, (error) => {
    if (error) lost += before + 1;
  });
}

/** Writes a line for people, on stderr. */
export function note(text: string): void {
  toLog(`note: ${visible(text)}`);
}
