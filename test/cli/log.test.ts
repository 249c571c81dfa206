/** The log of a process that lives long, where it cannot be written. */
import { afterEach, expect, it, vi } from 'vitest';
import { toLog } from '../../src/lib/engine/log.ts';

afterEach(() => void vi.restoreAllMocks());

type Done = (error?: Error) => void;

it('counts the lines that a full disk or a gone reader keeps it from writing, and says so with the next', () => {
  const written: string[] = [];
  let fails = true;
  vi.spyOn(process.stderr, 'write').mockImplementation(((text: string, done: Done) => {
    if (!fails) written.push(text);
    done(fails ? new Error('ENOSPC: no space left on device') : undefined);
    return true;
  }) as never);
  for (const line of ['one', 'two', 'three']) toLog(line);
  fails = false;
  toLog('four');
  toLog('five');
  expect(written).toEqual([expect.stringMatching(/^\n\S+ 3 lines could not be written here\nfour\n$/), 'five\n']);
});

it('holds no lines in memory for a reader that hangs', () => {
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((() => true) as never);
  const waiting = vi.spyOn(process.stderr, 'writableLength', 'get').mockReturnValue(1_000_001);
  for (const line of ['one', 'two']) toLog(line);
  expect(write).not.toHaveBeenCalled();
  waiting.mockReturnValue(1_000_000);
  toLog('three');
  expect(write.mock.calls.map(([text]) => text)).toEqual([
    expect.stringContaining(' 2 lines could not be written here\nthree\n'),
  ]);
});
