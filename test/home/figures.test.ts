/**
 * The sums that a store keeps as its records change: after any history what a walk over all records gives, in either
 * database.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { storedFigures } from '../../src/lib/home/figures.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import type { Claim, Kind } from '../../src/lib/protocol/action.ts';
import { expectSums } from '../support/figures.ts';
import { havePostgres, startPostgres, type Cluster } from '../support/postgres.ts';
import { commitOf, nonceOf, tempDir, thing, things, write, type Thing } from './fixture.ts';

const kinds = async () => [things];
const open = (dir: string): Promise<Home> => openHome({ dir, kinds });
const A: Claim = 'id:aa';
const claimOf = (n: number): Claim => `id:0${n}`;

async function put(home: Home, claim: Claim, more: Partial<Thing>): Promise<boolean> {
  const found = (await home.store.load([claim])).found.get(claim);
  const had = found ? (found.record as unknown as Thing) : thing(claim);
  return home.store.commit(commitOf({ writes: [write(claim, found?.rev ?? 0, { ...had, ...more })] }));
}
const sums = async (home: Home) =>
  Object.fromEntries(
    [...(await home.store.totals(things))].map(([name, { records, sum }]) => [name, [records, Number(sum)]]),
  );

/** SQL that is run beside the program. */
type Beside = (dir: string, sql: string) => Promise<unknown[]>;

function suite(name: string, runs: number, database: () => Promise<{ store?: string; beside: Beside }>): void {
  describe(`sums in ${name}`, () => {
    const using = async (use: (home: Home, beside: (sql: string) => Promise<unknown[]>) => Promise<void>) => {
      const { store, beside } = await database();
      const dir = join(tempDir(), 'home');
      await initHome({ dir, network: 'regtest', ...(store !== undefined && { store }) });
      const home = await open(dir);
      try {
        await use(home, (sql) => beside(dir, sql));
      } finally {
        home.close();
      }
    };

    it('are what a walk gives after any history, of commits that stand and of such that do not', async () => {
      const event = fc.record({
        of: fc.nat(3),
        paid: fc.nat(1_000_000),
        state: fc.constantFrom('offered', 'open', 'left'),
        what: fc.constantFrom('write', 'write', 'stale', 'two', 'fails', 'nonce'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 8, maxLength: 16, size: 'max' }), async (events) =>
          using(async (home) => {
            for (const { of, paid, state, what } of events) {
              const claim = claimOf(of);
              const found = (await home.store.load([claim])).found.get(claim);
              const had = found?.record as unknown as Thing | undefined;
              const rev = found?.rev ?? 0;
              const next = { paid: Math.max(paid, had?.paid ?? 0), state: had?.state === 'left' ? 'left' : state };
              const record = thing(claim, next);
              const more = thing(`id:1${of}`, { paid: 7, claims: [`id:1${of}`] });
              const commit = {
                write: commitOf({ writes: [write(claim, rev, record)] }),
                stale: commitOf({ writes: [write(claim, rev + 1, record)] }),
                two: commitOf({ writes: [write(claim, rev, record), write(null, 0, more)] }),
                fails: commitOf({ writes: [write(claim, rev, { ...record, paid: 1_000_001 })] }),
                nonce: commitOf(found ? { opens: [nonceOf(claim)] } : {}),
              }[what];
              await home.store.commit(commit).catch(() => {});
              await expectSums(home, [things]);
            }
          }),
        ),
        { numRuns: runs },
      );
    });

    it('hold what no number of the database holds, exactly', async () => {
      await using(async (home) => {
        const most = 2n ** 62n - 1n;
        const huge: Kind<Thing> = { ...things, figures: () => ({ sat: most }) };
        const add = (claim: Claim) => ({ ...write(null, 0, thing(claim)), figures: storedFigures(huge, thing(claim)) });
        for (let i = 0; i < 5; i += 1)
          expect(await home.store.commit(commitOf({ writes: [add(`id:${i}0`), add(`id:${i}1`)] }))).toBe(true);
        expect((await home.store.totals(huge)).get('sat')).toEqual({ records: 10, sum: 10n * most });
      });
    });

    it('are the same in a backup, in the home that is made of it, and where it came to other records than it says', async () => {
      await using(async (home) => {
        for (let i = 0; i < 4; i += 1) await put(home, claimOf(i), { paid: i, state: i === 3 ? 'offered' : 'open' });
        const before = await sums(home);
        expect(before).toEqual({ open: [3, 3], offered: [1, 1], paid: [3, 6] });
        const [to, dir] = [join(tempDir(), 'backup'), join(tempDir(), 'again')];
        await home.backup(to, { seed: true });
        await restoreHome({ from: to, dir });
        const again = await open(dir);
        // An offer ends with the restore.
        expect(await sums(again)).toEqual({ open: [3, 3], ended: [1, 1], paid: [3, 6] });
        await expectSums(again, [things]);
        again.close();
        expect(await sums(home)).toEqual(before);
      });
    });

    it('go on with what the schema lets go: a record that is gone counts no more, and a figure is never changed', async () => {
      await using(async (home, beside) => {
        await put(home, A, { paid: 5 });
        await put(home, claimOf(1), { paid: 10 });
        await expect(beside('UPDATE figure SET value = 1')).rejects.toThrow('replaced, never changed');
        expect(await sums(home)).toEqual({ open: [2, 2], paid: [2, 15] });
        await beside('DELETE FROM figure WHERE record IN (SELECT id FROM record WHERE high_sat = 5)');
        expect(await sums(home)).toEqual({ open: [1, 1], paid: [1, 10] });
      });
    });

    it('find records in their order, page by page, and no more than are asked for', async () => {
      await using(async (home) => {
        for (const [i, paid] of [30, 10, 20, 10, 0].entries()) await put(home, claimOf(i), { paid });
        const first = await home.store.inOrder(things, 'paid', { most: 2 });
        expect(first.map(({ value, record }) => [value, (record as unknown as Thing).claims])).toEqual([
          [10n, [claimOf(1)]],
          [10n, [claimOf(3)]],
        ]);
        const next = await home.store.inOrder(things, 'paid', { after: first.at(-1), most: 9 });
        expect(next.map(({ value }) => value)).toEqual([20n, 30n]);
        const upTo = await home.store.inOrder(things, 'paid', { upTo: 20n, most: 9 });
        expect(upTo.map(({ value }) => value)).toEqual([10n, 10n, 20n]);
      });
    });

    it('find what the other sides have stated in the same order, without the records, and nothing of those who stated nothing', async () => {
      await using(async (home) => {
        for (const [i, paid] of [30, 10, 20, 10].entries())
          await put(home, claimOf(i), {
            paid,
            name: `0${i}`.repeat(32),
            claims: i === 2 ? [claimOf(i), 'coin:aa:0'] : [claimOf(i), `funding:0${i}:1`, `key:0${i}`],
          });
        const first = await home.store.stated(things, 'paid', { most: 2 });
        expect(first.map(({ value, claim, name }) => [value, claim, name.slice(0, 2)])).toEqual([
          [10n, 'funding:01:1', '01'],
          [10n, 'funding:03:1', '03'],
        ]);
        expect(first.every((row) => !('body' in row))).toBe(true);
        const next = await home.store.stated(things, 'paid', { after: first.at(-1), most: 9 });
        expect(next.map(({ value, claim }) => [value, claim])).toEqual([[30n, 'funding:00:1']]);
      });
    });

    it('are put right for what is known of a record beyond what it says, as long as it says the same', async () => {
      await using(async (home) => {
        await put(home, A, { paid: 5 });
        await put(home, claimOf(1), { paid: 10 });
        const [{ id, rev } = { id: 0, rev: 0 }] = await home.store.inOrder(things, 'paid', { most: 1 });
        const otherwise = new Map([[id, { rev, was: { paid: 5n, open: 1n }, is: { lost: 5n } }]]);
        const said = async () => Object.fromEntries(await home.store.totals(things, otherwise));
        expect(await said()).toEqual({
          lost: { records: 1, sum: 5n },
          open: { records: 1, sum: 1n },
          paid: { records: 1, sum: 10n },
        });
        await put(home, A, { paid: 6 });
        expect(await said()).toEqual({ open: { records: 2, sum: 2n }, paid: { records: 2, sum: 16n } });
      });
    });
  });
}

suite('a SQLite file', 6, async () => ({
  beside: async (dir, sql) => {
    const db = new DatabaseSync(join(dir, 'store.db'));
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  },
}));

describe.runIf(havePostgres)('in PostgreSQL', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await startPostgres()));
  afterAll(() => cluster.end());
  suite('a database', 2, async () => {
    const store = await cluster.database();
    return { store, beside: (_, sql) => cluster.sql(store, sql) };
  });
});

it('a store that is found to be restored is counted anew, whatever sums came with it', async () => {
  const dir = join(tempDir(), 'home');
  await initHome({ dir, network: 'regtest' });
  const home = await open(dir);
  for (let i = 0; i < 3; i += 1) await put(home, claimOf(i), { paid: 100 });
  home.close();
  cpSync(dir, `${dir}2`, { recursive: true });
  const db = new DatabaseSync(join(`${dir}2`, 'store.db'));
  db.exec("DELETE FROM figure WHERE record = 1; INSERT INTO figure VALUES (2, 'thing lost', 7)");
  db.close();
  const again = await open(`${dir}2`);
  expect(again.restored).toBe(true);
  await expectSums(again, [things]);
  again.close();
});
