/** A server that works on as many messages as it may: what arrives then is read to its end, and refused. */
import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { HTTP_LIMITS, messagePath } from '../../src/lib/serve/http-paths.ts';

const QUEUE = 3;

it('takes the next message once one of those that it works on is done', async () => {
  const working: (() => void)[] = [];
  const desk = vi.fn((text: string) => new Promise<string>((done) => working.push(() => done(text))));
  const path = messagePath({ desk, queue: QUEUE, timeoutMs: 10_000 });
  /** A message that has arrived before the next one begins. */
  const arrived = async (n: number): Promise<{ answered: Promise<string> }> => {
    const body = Object.assign(new PassThrough(), { headers: { 'content-type': 'application/json' } });
    const answered = path.answer(body as unknown as IncomingMessage, () => false, '192.0.2.7') as Promise<string>;
    answered.catch(() => {});
    body.end(`[${n}]`);
    await expect.poll(() => body.readableEnded).toBe(true);
    return { answered };
  };
  const first: Promise<string>[] = [];
  for (let n = 0; n < HTTP_LIMITS.messages.most(QUEUE); n += 1) first.push((await arrived(n)).answered);
  await expect.poll(() => working).toHaveLength(QUEUE);
  const late = await arrived(7);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(desk).toHaveBeenCalledTimes(QUEUE);
  await expect(late.answered).rejects.toMatchObject({ code: 'busy' });
  working[0]!();
  expect(await first[0]).toBe('[0]');
  const { answered } = await arrived(8);
  await expect.poll(() => working).toHaveLength(QUEUE + 1);
  working.forEach((done) => done());
  expect(await Promise.all([...first, answered])).toEqual(['[0]', '[1]', '[2]', '[8]']);
  expect(desk.mock.calls.map(([text]) => text)).toEqual(['[0]', '[1]', '[2]', '[8]']);
});
