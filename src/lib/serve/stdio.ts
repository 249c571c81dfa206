/**
 * Messages on stdin, a line each; replies on stdout in the same order, a line each, whatever becomes of it.
 *
 * Several lines are worked at once; while the oldest waits for its turn, for a slow node or for a slow reader, no more
 * than a window of lines is read.
 */
import type { Readable } from 'node:stream';
import { print } from '../cli/output.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { MESSAGE_LIMIT } from '../protocol/message.ts';
import { errorLine, type Desk } from './desk.ts';
import { lineListener, type Listener } from './listener.ts';

export const STDIO_LIMITS = {
  /** Read and not answered. */
  lines: { unit: 'items', most: 64 },
} satisfies Limits;

export function stdioListener(desk: Desk, stdin: Readable): Listener {
  const open: Promise<void>[] = [];
  let last = Promise.resolve();
  const reply = async (line: Promise<string>, before: Promise<void>): Promise<void> => {
    const text = await line;
    await before;
    await print(text);
  };
  return lineListener(
    stdin,
    MESSAGE_LIMIT,
    async (line) => {
      last = reply('text' in line ? desk(line.text, 'stdio') : Promise.resolve(errorLine(line.refusal)), last);
      last.catch(() => {}); // told at the end
      open.push(last);
      if (!allows(STDIO_LIMITS.lines, open.length + 1)) await open.shift();
    },
    () => last,
  );
}
