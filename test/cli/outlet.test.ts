/** Stdout of a process that goes on whoever reads it. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outlet } from '../../src/lib/cli/outlet.ts';

afterEach(() => void vi.restoreAllMocks());

const PIPE = { isFile: () => false, write: (bytes: Uint8Array) => bytes.length };

/** A disk with room for so many bytes. */
function disk(room: number) {
  const found = { room, text: '' };
  const write = (bytes: Uint8Array): number => {
    if (found.room === 0) throw new Error('ENOSPC: no space left on device, write');
    const taken = bytes.subarray(0, found.room);
    found.room -= taken.length;
    found.text += Buffer.from(taken).toString();
    return taken.length;
  };
  return { found, descriptor: { isFile: () => true, write } };
}

describe('an outlet', () => {
  it('waits a moment for a reader that hangs, then no more, and loses what nobody reads', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const lost = vi.fn();
    const out = outlet(lost, PIPE);
    vi.useFakeTimers();
    const done = vi.fn();
    const first = out.print('one').then(done);
    await vi.advanceTimersByTimeAsync(900);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(100);
    await first;
    await out.print('two');
    vi.useRealTimers();
    expect(write.mock.calls.map(([text]) => text)).toEqual(['one\n', 'two\n']);
    expect(out.lost()).toBe(undefined);
    vi.spyOn(process.stdout, 'writableLength', 'get').mockReturnValueOnce(17_000_000);
    expect(await out.print('three')).toBe(false);
    expect(write).toHaveBeenCalledTimes(2);
    expect(out.lost()).toMatchObject({ code: 'cannot-write', message: 'stdout: nobody reads it; 1 events untold' });
    expect(lost).toHaveBeenCalledOnce();
    out.close();
  });

  it('keeps the listeners of others from ending the process, and puts them back', async () => {
    const other = vi.fn();
    process.stdout.on('error', other);
    const out = outlet(() => {}, PIPE);
    process.stdout.emit('error', new Error('write EPIPE'));
    expect(other).not.toHaveBeenCalled();
    expect(out.lost()).toMatchObject({ code: 'cannot-write', message: 'stdout: write EPIPE' });
    out.close();
    expect(process.stdout.listeners('error')).toContain(other);
    process.stdout.off('error', other);
  });

  it('on a full disk keeps each line, whole or its end, counts them, and writes them in order once there is room', async () => {
    const { found, descriptor } = disk(6);
    const lost = vi.fn();
    const out = outlet(lost, descriptor);
    for (const text of ['one', 'two', 'three']) expect(await out.print(text)).toBe(true);
    expect([found.text, out.lost()?.message]).toEqual([
      'one\ntw',
      'stdout: ENOSPC: no space left on device, write; 2 events untold',
    ]);
    found.room = 1_000;
    out.again();
    expect([found.text, out.lost()]).toEqual(['one\ntwo\nthree\n', undefined]);
    found.room = 0;
    await out.print('four');
    expect(lost).toHaveBeenCalledTimes(2);
    out.close();
  });

  it('keeps what a reader that went away had not read, for one that comes', async () => {
    const { found, descriptor } = disk(0);
    vi.spyOn(process.stdout, 'write').mockImplementation(((_: string, done: (error: Error) => void) => {
      done(new Error('write EPIPE'));
      return false;
    }) as typeof process.stdout.write);
    const out = outlet(() => {}, { ...descriptor, isFile: () => false });
    await out.print('one');
    await out.print('two');
    expect(out.lost()?.message).toMatch(/; 2 events untold$/);
    found.room = 1_000;
    await out.print('three');
    expect([found.text, out.lost()]).toEqual(['one\ntwo\nthree\n', undefined]);
    out.close();
  });
});
