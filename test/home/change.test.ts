/** One change of a home's records: what stands in its way. */
import { describe, expect, it, vi } from 'vitest';
import { change } from '../../src/lib/home/change.ts';
import { SqliteStore } from '../../src/lib/home/sqlite.ts';
import { join } from 'node:path';
import { commitOf, tempDir, thing, things, write, type Thing } from './fixture.ts';

async function made(): Promise<SqliteStore> {
  const store = SqliteStore.create({ path: join(tempDir(), 'store.db'), secrets: () => Promise.reject(new Error()) });
  await store.commit(commitOf({ writes: [write(null, 0, thing('id:aa'))] }));
  return store;
}
const find = () => ({ it: 'id:aa' }) as const;
const raise = (store: Parameters<typeof change>[0], kind = things) =>
  change<{ it: Thing }, number>(store, { it: kind }, find, ({ it }) => {
    const paid = it!.paid + 1;
    return { writes: { it: { ...it!, paid } }, result: paid };
  });

describe('a change', () => {
  it('reads no record of another kind, though it has the claim: unknown-contract', async () => {
    const store = await made();
    const before = [await store.list(), await store.commits()];
    await expect(raise(store, { ...things, name: 'other' })).rejects.toMatchObject({ code: 'unknown-contract' });
    expect([await store.list(), await store.commits()]).toEqual(before);
    store.close();
  });

  // Runs that were faster.
  it.each([
    [6, 1],
    [7, 1],
    [8, 'concurrent'],
  ])('begins again where others were faster; after %i of them: %s', async (lost, end) => {
    const store = await made();
    const commit = vi.fn(async (given: Parameters<typeof store.commit>[0]) =>
      commit.mock.calls.length <= lost ? false : store.commit(given),
    );
    const racing = { load: store.load.bind(store), flush: store.flush.bind(store), commit };
    expect(await raise(racing).catch(({ code }: { code: string }) => code)).toBe(end);
    expect(commit).toHaveBeenCalledTimes(Math.min(lost + 1, 8));
    expect((await store.list()).map(({ record }) => things.parse(record).paid)).toEqual([end === 1 ? 1 : 0]);
    store.close();
  });
});
