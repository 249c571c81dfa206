/** Long work in slices, so that other runs of the process get their turn. */
import { afterEach, expect, it, vi } from 'vitest';
import { slices } from '../../src/lib/engine/slices.ts';

afterEach(() => void vi.restoreAllMocks());

it('gives all others a turn once a slice of 25 ms is over, and none before', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const pause = slices();
  let turns = 0;
  const other = (): void => void ((turns += 1), setImmediate(other).unref());
  setImmediate(other).unref();
  const after = async (ms: number): Promise<boolean> => {
    now += ms;
    const before = turns;
    await pause();
    return turns > before;
  };
  expect(await after(24)).toBe(false);
  expect(await after(1)).toBe(true);
  expect(await after(24)).toBe(false);
  expect(await after(50)).toBe(true);
});
