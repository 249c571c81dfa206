/**
 * Speech of a server and its workers: each line is a number and a text, and an answer has the
 * number of what it answers. It comes as soon as it is there, so that a message that waits for a
 * mint holds up no answer behind it.
 */
import type { Readable } from 'node:stream';
import { print } from '../cli/output.ts';
import { MESSAGE_LIMIT } from '../protocol/message.ts';
import type { Desk } from './desk.ts';
import { lineListener, type Listener } from './listener.ts';

export const numbered = (number: number, text: string): string => `${number} ${text}`;

/** undefined for a line that has no number. */
export function readNumbered(line: string): { number: number; text: string } | undefined {
  const [head, digits] = /^(\d{1,15}) /.exec(line) ?? [];
  return digits === undefined ? undefined : { number: Number(digits), text: line.slice(head!.length) };
}
/** Length of a message with the longest text, with its number. */
const LINE = MESSAGE_LIMIT + numbered(1e15, '').length;

/** A worker's listener. How many messages it has at once, its server says. */
export function workerListener(desk: Desk, stdin: Readable): Listener {
  const open = new Set<Promise<void>>();
  const answer = async (number: number, text: string): Promise<void> =>
    print(numbered(number, await desk(text, 'stdio')));
  return lineListener(
    stdin,
    LINE,
    (line) => {
      const asked = 'text' in line ? readNumbered(line.text) : undefined;
      if (!asked) return;
      const answering = answer(asked.number, asked.text);
      open.add(answering);
      answering.finally(() => open.delete(answering)).catch(() => stdin.destroy());
    },
    () => Promise.all(open),
  );
}
