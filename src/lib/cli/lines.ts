/**
 * Lines of a batch (NDJSON), one by one and in order, in memory that does not grow with the stream.
 * An unreadable line is yielded as its refusal; the lines behind it are read all the same.
 */
import { isAscii } from 'node:buffer';
import { errorObject, failureOf } from '../engine/failure.ts';
import { MESSAGE_LIMIT } from '../protocol/message.ts';
import { print } from './output.ts';
import { utf8 } from '../engine/sniff.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Line of a batch, or its refusal. `number` counts from 1. */
export type InputLine = { number: number; text: string } | { number: number; refusal: Refusal };

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Yields lines that end in LF or CRLF; the last may end with the stream. Empty lines count. */
export async function* linesOf(source: AsyncIterable<Uint8Array>, limit = MESSAGE_LIMIT): AsyncGenerator<InputLine> {
  for await (const lines of groupsOf(source, limit)) yield* lines;
}

/** Yields the lines in groups: those that one chunk of the stream completes. */
export async function* groupsOf(source: AsyncIterable<Uint8Array>, limit = MESSAGE_LIMIT): AsyncGenerator<InputLine[]> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let size = 0;
  const add = (part: Uint8Array): void => {
    size += part.length;
    // Keeps only the length of a line that is too long; one more byte may be the CR.
    if (size > limit + 1) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const take = (): InputLine => {
    const bytes =
      parts.length === 1 ? Buffer.from(parts[0]!.buffer, parts[0]!.byteOffset, parts[0]!.length) : Buffer.concat(parts);
    const length = size;
    [parts, size, number] = [[], 0, number + 1];
    return line(
      number,
      length > limit + 1 ? undefined : bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes,
      limit,
    );
  };
  for await (const chunk of source) {
    const lines: InputLine[] = [];
    let from = 0;
    let at = chunk.indexOf(NEWLINE);
    if (size > 0 && at >= 0) {
      add(chunk.subarray(0, at));
      lines.push(take());
      from = at + 1;
      at = chunk.indexOf(NEWLINE, from);
    }
    if (at >= 0 && isAscii(chunk)) {
      // Most streams are ASCII: then the lines of a chunk are made at once, without a buffer for each.
      const end = chunk.lastIndexOf(NEWLINE);
      const whole = Buffer.from(chunk.buffer, chunk.byteOffset + from, end - from).toString('latin1');
      for (const each of whole.split('\n')) {
        number += 1;
        const text = each.endsWith('\r') ? each.slice(0, -1) : each;
        lines.push(text.length > limit ? tooLong(number, limit) : { number, text });
      }
      from = end + 1;
    } else
      for (; at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        add(chunk.subarray(from, at));
        lines.push(take());
        from = at + 1;
      }
    add(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (size > 0) yield [take()];
}

/**
 * Answers each line with one line, in order; a refused one with its error object. Sets the exit
 * code: that of the first answer that was not 0.
 */
export async function answerLines(
  source: AsyncIterable<Uint8Array>,
  answer: (text: string) => Promise<{ text: string; exit: number }>,
  limit?: number,
): Promise<void> {
  let first = 0;
  for await (const line of linesOf(source, limit)) {
    try {
      if ('refusal' in line) throw line.refusal;
      const { text, exit } = await answer(line.text);
      await print(text);
      first ||= exit;
    } catch (error) {
      const failure = failureOf(error);
      await print(errorObject(failure));
      first ||= failure.exit;
    }
  }
  process.exitCode = first;
}

const tooLong = (number: number, limit: number): InputLine => ({
  number,
  refusal: new Refusal('too-large', `line ${number}: more than ${limit} bytes found`),
});

function line(number: number, bytes: Uint8Array | undefined, limit: number): InputLine {
  try {
    if (bytes === undefined || bytes.length > limit) return tooLong(number, limit);
    return { number, text: utf8(bytes) };
  } catch (error) {
    if (error instanceof Refusal) return { number, refusal: error };
    throw error;
  }
}
