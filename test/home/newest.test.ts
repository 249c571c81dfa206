/** The newest commit that journals tell of, and when it was: by its own line, whichever files have only seen what it wrote. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { Journal } from '../../src/lib/home/journal.ts';
import { gather } from '../../src/lib/home/reconcile.ts';
import { tempDir, thing, things } from './fixture.ts';

const KEY = new Uint8Array(32).fill(7);
const HOME = 'ab'.repeat(16);
afterEach(() => void vi.useRealTimers());

const version = (rev: number, of = 'aa') => ({
  id: Number.parseInt(of, 16),
  kind: 'thing',
  name: of,
  rev,
  record: { ...thing(`id:${of}`, { paid: rev }) },
});
const commit = (number: number, of?: string) => ({
  commit: number,
  records: [version(number, of)],
  notes: [],
  addresses: [],
});
/** The file of a process, written by these steps, each at its time (Unix time). */
async function file(steps: readonly (readonly [at: number, step: (journal: Journal) => unknown])[]): Promise<string> {
  const dir = join(tempDir(), 'journal');
  const journal = new Journal({ dir, home: HOME, key: async () => KEY });
  for (const [at, step] of steps) {
    vi.useFakeTimers({ toFake: ['Date'], now: at * 1000 });
    await step(journal);
  }
  journal.close();
  return join(dir, readdirSync(dir)[0]!);
}
const newest = (paths: readonly string[]) => gather(paths, KEY, [things], HOME).newest;

it('is of the time of its line, though another process has read its record since, in either order of the files', async () => {
  const own = await file([[100, (j) => j.append(commit(5))]]);
  const other = await file([
    [200, (j) => j.saw(version(5))],
    [200, (j) => j.append(commit(3, 'bb'))],
  ]);
  expect(newest([own, other])).toEqual({ commit: 5, at: 100 });
  expect(newest([other, own])).toEqual({ commit: 5, at: 100 });
});

it('is of the time of its line, though the same file goes on with older ones', async () => {
  const own = await file([
    [100, (j) => j.append(commit(5))],
    [200, (j) => j.append(commit(3, 'bb'))],
  ]);
  expect(newest([own])).toEqual({ commit: 5, at: 100 });
});

it('is known by its record alone where its own file is lost, of the time at which that was seen', async () => {
  const other = await file([
    [200, (j) => j.saw(version(5))],
    [200, (j) => j.append(commit(3, 'bb'))],
  ]);
  expect(newest([other])).toEqual({ commit: 5, at: 200 });
});
