/**
 * Homes that program 0.1.0 made, each contract in the middle of something: every later program opens them, as themselves
 * and as copies, reads all their records and lists them.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contractsOf, exitFacts, statecoinLines } from '../../src/lib/cli/contracts.ts';
import { kinds } from '../../src/lib/cli/home.ts';
import { statusTable } from '../../src/lib/cli/status.ts';
import { statusOf } from '../../src/lib/credit/status.ts';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { openHome, type Home } from '../../src/lib/home/home.ts';
import type { Kind } from '../../src/lib/protocol/action.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import {
  asItself,
  asItselfInPostgres,
  oldHomes,
  unpack,
  unpackBackup,
  unpackDump,
  type OldHome,
} from '../support/old-homes.ts';
import { expectSums } from '../support/figures.ts';
import { havePostgres, startPostgres, type Cluster } from '../support/postgres.ts';
import { tempDir } from './fixture.ts';

const VERSION = '0.1.0';
const HOMES = oldHomes(VERSION);
const source: FactSource = {
  facts: async () => ({ facts: { tip: 1000, coins: 'not-checked', known: 'not-checked', feerate: 2000 }, checks: {} }),
};

async function using<T>({ seed }: OldHome, dir: string, use: (home: Home) => Promise<T>, store?: string): Promise<T> {
  const home = await openHome({ dir, insecureSeed: seed, kinds, ...(store !== undefined && { store }) });
  try {
    return await use(home);
  } finally {
    home.close();
  }
}

/** Every record is read by its kind, and what it gives to the store is what the store has; the sums are counted. */
async function checkRecords(home: Home): Promise<void> {
  const byName = new Map<string, Kind<any>>((await kinds()).map((kind) => [kind.name, kind]));
  for (const { kind: name, record, name: called, state } of await home.store.list()) {
    const kind = byName.get(name)!;
    const read = kind.parse(record);
    expect(kind.row(read)).toMatchObject({ name: called, state });
    const claims = kind.claims(read);
    const { found } = await home.store.load(claims);
    expect([...found.keys()].sort(), `claims of ${name} ${called} ${state}`).toEqual([...new Set(claims)].sort());
  }
  await expectSums(home);
}

/** What `status` says: a line each. */
async function checkStatus(home: Home): Promise<void> {
  const contracts = await contractsOf(home);
  const facts = await exitFacts(source, contracts);
  const lines = [
    ...contracts.map(({ name, record }) => statusOf(name, record, facts)),
    ...(await statecoinLines(home, source)),
  ];
  const records = await home.store.list();
  const listed = records.filter(({ kind }) => kind === 'credit' || kind === 'statecoin');
  expect(lines.map((line) => line.contract).sort()).toEqual(listed.map(({ name }) => name).sort());
  if (lines.length > 0) expect(await statusTable(lines)).toContain(lines[0]!.contract.slice(0, 8));
}

const statesIn = async (home: Home) =>
  (await home.store.list()).map(({ kind, name, state }) => ({ kind, name, state })).sort(byName);
const statesOf = ({ records }: OldHome) => records.map(({ kind, name, state }) => ({ kind, name, state })).sort(byName);
const byName = (a: { kind: string; name: string; state: string }, b: typeof a): number =>
  `${a.kind} ${a.name} ${a.state}` < `${b.kind} ${b.name} ${b.state}` ? -1 : 1;

describe.each(HOMES.filter(({ postgres }) => !postgres).map((old) => [old.name, old] as const))('%s', (name, old) => {
  it('opens as itself: nothing is lost, and every record is as it was', () =>
    using(old, asItself(unpack(VERSION, name, tempDir())), async (home) => {
      expect([home.restored, home.mayLack]).toEqual([false, false]);
      expect(await statesIn(home)).toEqual(statesOf(old));
      await checkRecords(home);
      await checkStatus(home);
    }));

  it('opens as a copy: restored, and every record is still read', () =>
    using(old, unpack(VERSION, name, tempDir()), async (home) => {
      expect(home.restored).toBe(true);
      expect(await home.store.list()).toHaveLength(old.records.length);
      await checkRecords(home);
      await checkStatus(home);
    }));

  it('opens once more after each', async () => {
    const dir = asItself(unpack(VERSION, name, tempDir()));
    const first = await using(old, dir, statesIn);
    expect(await using(old, dir, statesIn)).toEqual(first);
  });
});

describe('the shares of an operator', () => {
  const old = HOMES.find(({ name }) => name === 'operator')!;
  const held = async (home: Home): Promise<string[]> => {
    const records = (await home.store.list('statecoin')).map(
      ({ record }) => withSats(record) as { share?: string | null },
    );
    return records.flatMap(({ share }) => share ?? []);
  };

  it('are there as itself, each one readable', () =>
    using(old, asItself(unpack(VERSION, 'operator', tempDir())), async (home) => {
      const names = await held(home);
      expect(names.length).toBeGreaterThan(5);
      expect([...(await home.shares.read(names)).keys()].sort()).toEqual(names.sort());
    }));
  it('are none in a copy', () =>
    using(old, unpack(VERSION, 'operator', tempDir()), async (home) => expect(await held(home)).toEqual([])));
});

describe('a backup of then', () => {
  it('is restored, and its journal brings back what came after it', async () => {
    const old = HOMES.find(({ name }) => name === 'fleet')!;
    const into = tempDir();
    const from = unpackBackup(VERSION, 'fleet', into);
    unpack(VERSION, 'fleet', into);
    const dir = join(into, 'again');
    await restoreHome({ from, dir, refundsDir: join(into, 'fleet.refunds'), journalDir: join(into, 'fleet.journal') });
    await using(old, dir, async (home) => {
      expect(home.restored).toBe(true);
      expect((await home.store.list()).length).toBeLessThan(old.records.length);
      await home.reconcile(readdirSync(home.journalDir).map((file) => join(home.journalDir, file)));
      await checkRecords(home);
      const late = old.records.find(({ label }) => label === 'paid before and after the backup')!;
      const [paid] = await home.store.byName(late.name);
      expect((withSats(paid!.record) as { paidSat: bigint }).paidSat).toBe(21_000n);
      const opened = old.records.find(({ label }) => label === 'opened after the backup')!;
      expect(await home.store.byName(opened.name)).toHaveLength(1);
    });
  });
});

describe.runIf(havePostgres)('a PostgreSQL dump of then', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await startPostgres()));
  afterAll(() => cluster.end());
  const old = HOMES.find(({ postgres }) => postgres)!;

  it('opens as itself, nonces apart: they were in no dump', async () => {
    const url = await asItselfInPostgres(await unpackDump(VERSION, old.name, cluster), cluster);
    await using(
      old,
      unpack(VERSION, old.name, tempDir()),
      async (home) => {
        expect(home.restored).toBe(false);
        expect(await statesIn(home)).toEqual(statesOf(old));
        await checkRecords(home);
        await checkStatus(home);
      },
      url,
    );
  });
  it('opens as a restored dump', async () => {
    const url = await unpackDump(VERSION, old.name, cluster);
    await using(
      old,
      unpack(VERSION, old.name, tempDir()),
      async (home) => {
        expect(home.restored).toBe(true);
        expect(await home.store.list()).toHaveLength(old.records.length);
        await checkRecords(home);
      },
      url,
    );
  });
});
