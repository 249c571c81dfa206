/** Listeners run together: until each has ended, until a signal, or until one fails. */
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runListeners, type Listener } from '../../src/lib/serve/listener.ts';

const said: string[] = [];
const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text, done?: unknown) => {
  said.push(String(text));
  (done as (() => void) | undefined)?.();
  return true;
});
afterAll(() => stdout.mockRestore());

/** Ends, or fails, when it is told; after `stop` it still has one answer to give. */
function listener(name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const events: string[] = [];
  const made: Listener = {
    said: { [name]: true },
    run: () => promise.finally(() => events.push('answered')),
    stop: () => (events.push('stopped'), void setTimeout(resolve, 10)),
  };
  return { made, events, end: resolve, fail: reject };
}

describe('listeners', () => {
  it('are named in the first line, and end each by itself', async () => {
    const [a, b] = [listener('a'), listener('b')];
    const all = runListeners('regtest', [a.made, b.made], []);
    a.end();
    await expect.poll(() => a.events).toEqual(['answered']);
    expect(b.events).toEqual([]);
    b.end();
    await all;
    expect(said.splice(0)).toEqual(['{"type":"serve","version":1,"network":"regtest","a":true,"b":true}\n']);
  });

  it('stop at a signal, each after what it took', async () => {
    const [a, b] = [listener('a'), listener('b')];
    const all = runListeners('regtest', [a.made, b.made], ['SIGUSR2']);
    await expect.poll(() => said.splice(0)).toHaveLength(1);
    process.kill(process.pid, 'SIGUSR2');
    await all;
    for (const { events } of [a, b]) expect(events.slice(0, 2)).toEqual(['stopped', 'answered']);
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });

  it('end together where one fails, the others after what they took', async () => {
    const [a, b] = [listener('a'), listener('b')];
    const all = runListeners('regtest', [a.made, b.made], []);
    a.fail(new Error('stdout is gone'));
    await expect(all).rejects.toThrow('stdout is gone');
    expect(b.events).toEqual(['stopped', 'answered']);
  });
});
