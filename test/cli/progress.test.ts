/** Progress on a terminal: nothing in a pipe, and nothing that stays. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { progress } from '../../src/lib/cli/progress.ts';

const stream = (isTTY: boolean) => {
  const written: string[] = [];
  return { isTTY, columns: 20, written, write: (text: string) => written.push(text) };
};
const on = (fake: ReturnType<typeof stream>) => progress('scanning', fake as unknown as NodeJS.WriteStream);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv('CI', '');
  vi.stubEnv('TERM', 'xterm');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

it('says nothing in a pipe, nor on a terminal that waits less than half a second', () => {
  for (const fake of [stream(false), stream(true)]) {
    const line = on(fake);
    vi.advanceTimersByTime(fake.isTTY ? 499 : 5000);
    line.say('more');
    line.stop();
    expect(fake.written).toEqual([]);
  }
});

it('shows the newest text and takes it away again', () => {
  const fake = stream(true);
  const line = on(fake);
  line.say('scanning 10 %');
  vi.advanceTimersByTime(500);
  line.say('scanning 20 % of very many');
  line.stop();
  expect(fake.written).toEqual(['\r\u001b[2Kscanning 10 %', '\r\u001b[2Kscanning 20 % of v…', '\r\u001b[2K']);
});
