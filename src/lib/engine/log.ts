/**
 * Text for people on stderr, and foreign text made safe to print. A message, file name or node's
 * answer must not move the cursor, change colours or reorder text. A full disk, or a reader that
 * hangs or has left, neither blocks the process nor fills memory. Unwritten lines are counted, and
 * the next written line states their number.
 * Not here: events on stdout (`cli/outlet.ts`).
 */

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

/** Controls, line and paragraph separators, direction marks, zero width, lone surrogates. */
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

const hex = (char: string): string => char.charCodeAt(0).toString(16).padStart(4, '0');

/** Returns one line of visible text, cut at `limit` characters. */
export function visible(text: string, limit = Infinity): string {
  const safe = text.replace(UNSAFE, (char) => `\\u${hex(char)}`);
  return safe.length > limit ? `${safe.slice(0, limit - 1)}…` : safe;
}
