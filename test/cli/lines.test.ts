/** Lines of a stream, one at a time, each of bounded length. */
import { describe, expect, it } from 'vitest';
import { Readable } from 'node:stream';
import { linesOf, type InputLine } from '../../src/lib/cli/lines.ts';

const read = async (parts: (string | Uint8Array)[], limit?: number): Promise<(string | undefined)[]> => {
  const found: InputLine[] = [];
  for await (const line of linesOf(Readable.from(parts.map((part) => Buffer.from(part))), limit)) found.push(line);
  expect(found.map(({ number }) => number)).toEqual(found.map((_, i) => i + 1));
  return found.map((line) => ('text' in line ? line.text : line.refusal.code));
};

describe('linesOf', () => {
  it.each([
    ['LF', ['a\nb\n'], ['a', 'b']],
    ['CRLF, also when cut between chunks', ['a\r', '\nb\r\n'], ['a', 'b']],
    ['a last line without newline', ['a\nb'], ['a', 'b']],
    ['empty lines', ['\n\na\n'], ['', '', 'a']],
    ['nothing', [], []],
    ['a character cut between chunks', [Uint8Array.of(0xc3), Uint8Array.of(0xbc, 0x0a)], ['ü']],
    ['bytes that are no UTF-8', [Uint8Array.of(0xff), '\nb\n'], ['malformed-json', 'b']],
  ])('reads %s', async (_, parts, lines) => expect(await read(parts)).toEqual(lines));

  it('refuses a line that is too long, and goes on', async () => {
    expect(await read(['aaaa', 'aaaa\nbb\r\n', 'ccccc'], 4)).toEqual(['too-large', 'bb', 'too-large']);
    expect(await read(['aaaa\r\nbbbb\n'], 4)).toEqual(['aaaa', 'bbbb']);
  });
  it('holds no more than one line', async () => {
    const mega = Buffer.alloc(1 << 20, 'a');
    let served = 0;
    const endless = async function* () {
      for (; served < 200; served++) yield mega; // one line of 200 MB
      yield Buffer.from('\nlast');
    };
    const before = process.memoryUsage().arrayBuffers;
    const lines: string[] = [];
    for await (const line of linesOf(endless(), 1000)) lines.push('text' in line ? line.text : line.refusal.code);
    expect(lines).toEqual(['too-large', 'last']);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 << 20);
  });
  // Bytes of a line without its end, at a limit of 4; in one piece of the stream, in two, and with what is not ASCII.
  it.each([
    [3, true],
    [4, true],
    [5, false],
    [6, false],
  ])('a line of %i bytes is read: %s', async (bytes, whole) => {
    const [plain, other] = ['x'.repeat(bytes), `é${'x'.repeat(bytes - 2)}`];
    for (const end of ['\n', '\r\n'])
      for (const line of [plain, other])
        for (const pieces of [[`${line}${end}next\n`], [line, `${end}next\n`], [`${line}${end}`, 'next']])
          expect(await read(pieces, 4)).toEqual([whole ? line : 'too-large', 'next']);
  });

  it('asks for more only when a line is wanted', async () => {
    let served = 0;
    const source = async function* () {
      for (;;) yield Buffer.from(`${served++}\n`);
    };
    for await (const { number } of linesOf(source())) if (number === 3) break;
    expect(served).toBe(3);
  });
});
