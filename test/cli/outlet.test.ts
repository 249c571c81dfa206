/** Stdout of a process that goes on whoever reads it. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outlet } from '../../src/lib/cli/outlet.ts';

afterEach(() => void vi.restoreAllMocks());

describe('an outlet', () => {
  it('waits a moment for a reader that hangs, then no more, and loses what nobody reads', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const lost = vi.fn();
    const out = outlet(lost);
    const start = performance.now();
    await out.print('one');
    const first = performance.now() - start;
    await out.print('two');
    expect([first > 900, performance.now() - start - first < 500]).toEqual([true, true]);
    expect(write.mock.calls.map(([text]) => text)).toEqual(['one\n', 'two\n']);
    expect(out.lost()).toBe(undefined);
    vi.spyOn(process.stdout, 'writableLength', 'get').mockReturnValue(17_000_000);
    await out.print('three');
    expect(write).toHaveBeenCalledTimes(2);
    expect(out.lost()).toMatchObject({ code: 'cannot-write' });
    expect(lost).toHaveBeenCalledOnce();
    out.close();
  });

  it('keeps the listeners of others from ending the process, and puts them back', async () => {
    const other = vi.fn();
    process.stdout.on('error', other);
    const out = outlet(() => {});
    process.stdout.emit('error', new Error('write EPIPE'));
    expect(other).not.toHaveBeenCalled();
    expect(out.lost()).toMatchObject({ code: 'cannot-write', message: 'stdout: write EPIPE' });
    out.close();
    expect(process.stdout.listeners('error')).toContain(other);
    process.stdout.off('error', other);
  });
});
