/** How much of a message the path of a server reads: up to the limit for its desk, some more so that the sender reads why not. */
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { messagePath } from '../../src/lib/serve/http-paths.ts';

const LIMIT = 1_000_000;
const desk = vi.fn(async (text: string) => String(text.length));
function post() {
  desk.mockClear();
  const body = new PassThrough();
  const request = Object.assign(body, {
    headers: { 'content-type': 'application/json' },
  }) as unknown as IncomingMessage;
  const path = messagePath({ desk, queue: 1, timeoutMs: 10_000 });
  return { body, answered: path.answer(request, () => false) };
}

// Bytes.
describe('a message', () => {
  it.each([
    [LIMIT - 1, true],
    [LIMIT, true],
    [LIMIT + 1, false],
  ])('of %i bytes goes to the desk: %s', async (bytes, goes) => {
    const { body, answered } = post();
    // In three parts, the last of one byte.
    for (const part of [bytes - 100, 99, 1]) body.write(Buffer.alloc(part, 32));
    body.end();
    if (goes) expect(await answered).toBe(String(bytes));
    else await expect(answered).rejects.toMatchObject({ code: 'too-large' });
    expect(desk).toHaveBeenCalledTimes(goes ? 1 : 0);
  });

  it.each([
    [8 * LIMIT - 1, false],
    [8 * LIMIT, false],
    [8 * LIMIT + 1, true],
  ])('of %i bytes is refused before its end: %s', async (bytes, early) => {
    const { body, answered } = post();
    let ended = false;
    const refused = expect(answered.finally(() => (ended = true))).rejects.toMatchObject({ code: 'too-large' });
    body.write(Buffer.alloc(bytes, 32));
    await turn();
    expect(ended).toBe(early);
    body.end();
    await refused;
    expect(desk).not.toHaveBeenCalled();
  });
});
