/**
 * Messages on stdin, a line each; replies on stdout in the same order, a line each, also after
 * failures. Several lines are worked on at once. While the oldest waits for its turn, a node or a
 * reader, no more than a window of lines is read.
 *
 * A server and its workers number their lines: an answer has its message's number and comes as soon
 * as it is there. A message that waits for a mint thus delays no answer behind it.
 */
import type { Readable } from 'node:stream';
import { allows, type Limits } from '../protocol/limit.ts';
import { print } from '../cli/output.ts';
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

export const numbered = (number: number, text: string): string => `${number} ${text}`;

/** Splits a line into its number and text; undefined for a line without a number. */
export function readNumbered(line: string): { number: number; text: string } | undefined {
  const [head, digits] = /^(\d{1,15}) /.exec(line) ?? [];
  return digits === undefined ? undefined : { number: Number(digits), text: line.slice(head!.length) };
}
/** Length of a message with the longest text, with its number. */
const LINE = MESSAGE_LIMIT + numbered(1e15, '').length;

/** A worker's listener. Its server sets how many messages it has at once. */
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
