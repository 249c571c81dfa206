/** The store in PostgreSQL: the suite of every store, and what only a server can do to it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '../../src/lib/protocol/action.ts';
import { Connection, SqliteStore } from '../../src/lib/home/sqlite.ts';
import { get, type Sql } from '../../src/lib/home/database.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { createPostgres, openPostgres } from '../../src/lib/home/postgres.ts';
import { MIGRATIONS } from '../../src/lib/home/schema.ts';
import { setMeta } from '../../src/lib/home/life.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import type { HomeStore } from '../../src/lib/home/sql-store.ts';
import { havePgBouncer, startPgBouncer, startPooler } from '../support/pgbouncer.ts';
import { havePostgres, serverUser, startPostgres, type Cluster } from '../support/postgres.ts';
import { Flights } from './flights.ts';
import { commitOf, hex, nonceOf, tempDir, thing, things, write, type Thing } from './fixture.ts';
import { storeSuite } from './store-suite.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const keys = homeKeys(seedOf(WORDS), 'regtest');
const ID = 'ab'.repeat(16);
const A = 'id:aa';

/** What a home says of a connection when it begins. */
const DROPPED = 'options, lock_timeout, idle_in_transaction_session_timeout, extra_float_digits';

describe.runIf(havePostgres)('PostgreSQL', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await startPostgres()));
  afterAll(() => cluster.end());

  const options = { secrets: async () => keys };
  const begin = (identity: string) => setMeta('identity', identity);
  const made = async (url: string) => {
    await createPostgres(url, ID, begin);
    return (await openPostgres(url, ID, options)).store;
  };
  storeSuite('its store', async () => made(await cluster.database()));

  it('is made whole or not at all: what breaks off can be done once more', async () => {
    const url = await cluster.database();
    const broken = function* (identity: string): Sql<void> {
      yield* begin(identity);
      throw new Error('the machine stops');
    };
    await expect(createPostgres(url, ID, broken)).rejects.toThrow('the machine stops');
    const store = await made(url);
    expect(await store.commits()).toBe(0);
    store.close();
    await expect(createPostgres(url, ID, begin)).rejects.toMatchObject({ code: 'home-exists' });
  });

  it('is made once more where another run was in the way of its making: concurrent, and nothing of it is there', async () => {
    const url = await cluster.database();
    await cluster.sql(
      url,
      `CREATE FUNCTION public.loses() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'chosen as the one that gives way' USING ERRCODE = '40P01'; END $$;
       CREATE EVENT TRIGGER race ON ddl_command_start EXECUTE FUNCTION public.loses()`,
    );
    await expect(createPostgres(url, ID, begin)).rejects.toMatchObject({ code: 'concurrent' });
    expect(await cluster.sql(url, `SELECT to_regclass('meta') AS meta`)).toEqual([{ meta: null }]);
    await cluster.sql(url, 'DROP EVENT TRIGGER race');
    const store = await made(url);
    expect(await store.commits()).toBe(0);
    store.close();
  });

  const newHome = async (url: string): Promise<string> => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest', store: url });
    return dir;
  };
  const open = (dir: string, store?: string) =>
    openHome({ dir, kinds: async () => [things], ...(store !== undefined && { store }) });
  const using = async <T>(home: Home, use: (home: Home) => Promise<T>): Promise<T> => {
    try {
      return await use(home);
    } finally {
      home.close();
    }
  };
  /** As in `identity.test.ts`: an offer that reserves a coin, a paid contract, an open nonce with its reply, a spent one. */
  const used = async (url: string): Promise<string> => {
    const dir = await newHome(url);
    await using(await open(dir), async ({ store }) => {
      const offer = thing('id:offer', { state: 'offered', claims: ['id:offer', 'coin:aa:0'] });
      await store.commit(commitOf({ writes: [write(null, 0, offer), write(null, 0, thing('id:paid', { paid: 5 }))] }));
      await store.commit(commitOf({ key: 'opened', opens: [nonceOf('id:paid')] }));
      await store.commit(commitOf({ key: 'opened-spent', opens: [nonceOf('id:paid', 'bb')] }));
      await store.commit(
        commitOf({
          key: 'spent',
          reply: { ...commitOf().reply, stands: true },
          spends: [{ of: 'id:paid', sighash: 'bb' }],
        }),
      );
    });
    return dir;
  };
  const expectHealthy = (dir: string, store?: string) =>
    open(dir, store).then((home) =>
      using(home, async (it) => {
        expect(it.restored).toBe(false);
        expect((await it.store.load(['id:paid'])).nonces).toHaveLength(1);
        expect(await it.store.reply('opened')).toBeDefined();
      }),
    );
  const expectRestored = (dir: string, store?: string) =>
    open(dir, store).then((home) =>
      using(home, async (it) => {
        expect(it.restored).toBe(true);
        expect((await it.store.load(['id:paid'])).nonces).toEqual([]);
        expect(await it.store.reply('opened')).toBeUndefined();
        expect(await it.store.reply('spent')).toBeDefined();
        const { found } = await it.store.load(['id:offer', 'coin:aa:0', 'id:paid']);
        expect(found.get('id:offer')!.record).toMatchObject({ state: 'ended' });
        expect(found.has('coin:aa:0')).toBe(false);
        expect(found.get('id:paid')!.record).toMatchObject({ paid: 5 });
        expect(Number((await it.store.meta('identity'))!.length)).toBeGreaterThan(20);
      }),
    );

  describe('the database', () => {
    it('has the tables and columns of the file', async () => {
      const url = await cluster.database();
      await createPostgres(url, ID, begin);
      const path = join(tempDir(), 'store.db');
      SqliteStore.create({ path, ...options }).close();
      const db = new Connection(path, MIGRATIONS);
      const file = db.all(
        `SELECT m.name AS "table", c.name AS "column", c."notnull" = 1 OR c.pk > 0 AS needed
         FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> 'total'`,
      );
      db.close();
      const server = await cluster.sql(
        url,
        `SELECT table_name AS "table", column_name AS "column", CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS needed
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN ('commit_number', 'total')`,
      );
      const sorted = (rows: Record<string, unknown>[]) =>
        rows.map((row) => `${row['table']}.${row['column']} ${row['needed']}`).sort();
      expect(sorted(server)).toEqual(sorted(file));
      expect(server.length).toBeGreaterThan(25);
    });

    it('keeps nonces out of the write-ahead log, sealed', async () => {
      const url = await cluster.database();
      const store = await made(url);
      const nonce = {
        ...nonceOf(A),
        secret: new TextEncoder().encode('a secret nonce that nobody may find in a file'),
      };
      await store.commit(commitOf({ writes: [write(null, 0, thing(A))], opens: [nonce] }));
      store.close();
      const [table] = await cluster.sql(url, `SELECT relpersistence AS kind FROM pg_class WHERE relname = 'nonce'`);
      expect(table).toEqual({ kind: 'u' });
      const [row] = await cluster.sql(url, 'SELECT sealed FROM nonce');
      expect(row.sealed.includes('nobody may find')).toBe(false);
      const dump = await cluster.run('pg_dump', '--no-unlogged-table-data', url);
      expect(dump).toContain('COPY public.record');
      expect(dump).not.toContain(nonce.pubnonce);
    });

    it('refuses a second home, a home of another store, and a database without a store', async () => {
      const url = await cluster.database();
      const dir = await newHome(url);
      await expect(newHome(url)).rejects.toMatchObject({ code: 'home-exists', exit: 73 });
      const other = await newHome(await cluster.database());
      await expect(open(other, url)).rejects.toMatchObject({
        code: 'store-foreign',
        message: expect.stringContaining('another home'),
      });
      await expect(open(dir, await cluster.database())).rejects.toMatchObject({
        code: 'store-damaged',
        message: expect.stringContaining('no store'),
      });
    });

    it('refuses a newer schema', async () => {
      const url = await cluster.database();
      const dir = await newHome(url);
      await cluster.sql(url, `UPDATE meta SET value = '99' WHERE key = 'schema'`);
      await expect(open(dir)).rejects.toMatchObject({ code: 'store-newer', exit: 77 });
    });

    it.each(['off', 'local'])(
      'syncs its commits, also where the server says synchronous_commit=%s meanwhile',
      async (value) => {
        const url = await cluster.database();
        const said = async (store: HomeStore) =>
          (store as HomeStore).snapshot(() => get(`SELECT current_setting('synchronous_commit') AS value`));
        const store = await made(url);
        await store.commits();
        await cluster.sql(url, `ALTER SYSTEM SET synchronous_commit = ${value}`);
        await cluster.sql(url, 'SELECT pg_reload_conf()');
        try {
          const later = (await openPostgres(url, ID, options)).store;
          for (const one of [store, later]) {
            const told = () => cluster.sql(url, 'SHOW synchronous_commit');
            await expect.poll(told).toEqual([{ synchronous_commit: value }]);
            expect(await said(one)).toEqual({ value: 'on' });
            one.close();
          }
        } finally {
          await cluster.sql(url, 'ALTER SYSTEM RESET synchronous_commit');
          await cluster.sql(url, 'SELECT pg_reload_conf()');
        }
      },
    );

    it('refuses a server that does not sync', async () => {
      const careless = await startPostgres(undefined, ['fsync=off']);
      try {
        await expect(newHome(await careless.database())).rejects.toMatchObject({
          code: 'commit-unsynced',
          message: expect.stringContaining('fsync is off'),
        });
      } finally {
        await careless.end();
      }
    });

    it('lets in nobody else: no such database, user or right does not pass by itself', async () => {
      const url = await cluster.database();
      const dir = await newHome(url);
      await cluster.sql(url, 'CREATE ROLE nobody LOGIN');
      for (const [from, to] of [
        [/[^/]*$/, 'no_such_store'],
        ['postgres@', 'no_such_user@'],
        ['postgres@', 'nobody@'],
      ] as const)
        await expect(open(dir, url.replace(from, to)), to).rejects.toMatchObject({ code: 'store-foreign', exit: 77 });
    });

    it.each([
      ['one that passes all on', () => startPooler(cluster)],
      ...(havePgBouncer
        ? ([
            ['PgBouncer as it comes', () => startPgBouncer(cluster, 'transaction')],
            ['PgBouncer that drops settings', () => startPgBouncer(cluster, 'transaction', DROPPED)],
            ['PgBouncer with a connection for each', () => startPgBouncer(cluster, 'session', DROPPED)],
          ] as const)
        : []),
    ] as const)('refuses a connection pooler: %s', async (_, start) => {
      const url = await cluster.database();
      const dir = await newHome(url);
      const pooler = await start();
      try {
        await expect(open(dir, pooler.at(url))).rejects.toMatchObject({
          code: 'store-pooled',
          exit: 77,
          message: expect.stringContaining('a connection pooler found'),
        });
        const empty = await cluster.database();
        await expect(newHome(pooler.at(empty))).rejects.toMatchObject({ code: 'store-pooled' });
        expect(await cluster.sql(empty, `SELECT to_regclass('meta') AS meta`)).toEqual([{ meta: null }]);
      } finally {
        await pooler.end();
      }
      await using(await open(dir), async (home) => expect(await home.store.commits()).toBe(0));
    });

    it('records its URL without the password, and says where it is without it', async () => {
      const url = new URL(await cluster.database());
      url.password = 'hunter2';
      const dir = await newHome(url.href);
      expect(readFileSync(join(dir, 'config.json'), 'utf8')).toContain(url.pathname);
      expect(readFileSync(join(dir, 'config.json'), 'utf8')).not.toContain('hunter2');
      url.port = '1';
      const error = await open(dir, url.href).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'store-unavailable', exit: 69 });
      expect(String(error)).not.toContain('hunter2');
    });

    it.each(['password', 'sslpassword'])('records no URL with the parameter %s', async (name) => {
      const url = await cluster.database();
      const dir = join(tempDir(), 'home');
      const store = `${url}${url.includes('?') ? '&' : '?'}${name}=hunter2`;
      await expect(initHome({ dir, network: 'regtest', store })).rejects.toMatchObject({ code: 'usage' });
      expect(existsSync(dir)).toBe(false);
    });

    it('is made by one of several that come at once: the others are told that there is one', async () => {
      const url = await cluster.database();
      const ran = await Promise.allSettled([1, 2, 3].map(() => newHome(url)));
      const codes = ran.map((one) => (one.status === 'fulfilled' ? 'made' : (one.reason as { code: string }).code));
      expect(codes.sort()).toEqual(['home-exists', 'home-exists', 'made']);
    });

    it('draws numbers of commits one at a time: no two get the same', async () => {
      const url = await cluster.database();
      const store = await made(url);
      const other = new pg.Client(url);
      await other.connect();
      await other.query('SELECT pg_advisory_lock(0, 0)');
      const committed = store.commit(commitOf({ key: 'k' }));
      const waiting = `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND NOT granted`;
      await expect.poll(() => cluster.sql(url, waiting)).toEqual([{ count: 1 }]);
      expect(await store.commits()).toBe(0);
      await other.end();
      expect(await committed).toBe(true);
      expect(await store.commits()).toBe(1);
      store.close();
    });

    it('holds no number back once it has raised the counter', async () => {
      const url = await cluster.database();
      const store = await made(url);
      await store.atLeast(7);
      expect(await cluster.sql(url, `SELECT * FROM pg_locks WHERE locktype = 'advisory'`)).toEqual([]);
      expect(await store.commit(commitOf({ key: 'k' }))).toBe(true);
      expect(await store.commits()).toBe(8);
      store.close();
    });

    it('holds no number back after the draw of one was cancelled', async () => {
      const url = await cluster.database();
      const store = await made(url);
      const other = new pg.Client(url);
      await other.connect();
      await other.query('BEGIN; ALTER SEQUENCE commit_number CACHE 1');
      const refused = expect(store.commit(commitOf({ key: 'k' }))).rejects.toMatchObject({ code: 'store-unavailable' });
      const waiting = `SELECT pid FROM pg_locks WHERE relation = 'commit_number'::regclass AND NOT granted`;
      await expect.poll(() => cluster.sql(url, waiting)).toHaveLength(1);
      await cluster.sql(url, `SELECT pg_cancel_backend(pid) FROM (${waiting}) AS found`);
      await refused;
      expect(await cluster.sql(url, `SELECT * FROM pg_locks WHERE locktype = 'advisory'`)).toEqual([]);
      await other.end();
      expect(await store.commit(commitOf({ key: 'k' }))).toBe(true);
      store.close();
    });

    it('logs each number as it is, and none ahead', async () => {
      const url = await cluster.database();
      const store = await made(url);
      const at = async () =>
        (await cluster.sql(url, 'SELECT pg_current_wal_insert_lsn()::text AS lsn'))[0].lsn as string;
      const start = await at();
      for (const key of ['k', 'l', 'm']) await store.commit(commitOf({ key }));
      const log = join(cluster.dir, 'pg_wal');
      const lines = await cluster.run('pg_waldump', '-p', log, '-r', 'Sequence', '-s', start, '-e', await at());
      expect(lines.trim().split('\n')).toHaveLength(3);
      store.close();
    });

    it('gives up on a lock with 69', async () => {
      const url = await cluster.database();
      const store = await made(url);
      await store.commit(commitOf({ writes: [write(null, 0, thing(A))] }));
      const other = new pg.Client(url);
      await other.connect();
      await other.query('BEGIN');
      await other.query('LOCK TABLE record');
      const late = commitOf({ reads: [{ claim: A, rev: 1 }] });
      await expect(store.commit(late)).rejects.toMatchObject({
        code: 'store-unavailable',
        message: expect.stringContaining('locked'),
      });
      await other.end();
      expect(await store.commit(late)).toBe(true);
      store.close();
    });
  });

  describe('a connection', () => {
    const far = async (use: (store: HomeStore, flights: Flights) => Promise<void>) => {
      const url = await cluster.database();
      await createPostgres(url, ID, begin);
      const { flights, through } = await Flights.over(url);
      const { store } = await openPostgres(through, ID, options);
      try {
        await store.commit(commitOf({ writes: [write(null, 0, thing(A))], opens: [nonceOf(A)] }));
        await use(store, flights);
      } finally {
        store.close();
        flights.close();
      }
    };
    const revOf = async (store: HomeStore) => (await store.load([A])).found.get(A)!.rev;

    it('takes one round trip to read, and three to commit', () =>
      far(async (store, flights) => {
        expect(await flights.of(() => store.reply('k'))).toBe(1);
        const rev = await revOf(store);
        expect(await flights.of(() => store.load([A]))).toBe(1);
        const update = commitOf({
          key: 'k',
          reads: [{ claim: A, rev }],
          writes: [write(A, rev, thing(A, { paid: 1 }))],
          spends: [nonceOf(A)],
          opens: [nonceOf(A, 'bb')],
        });
        expect(await flights.of(() => store.commit(update))).toBe(3);
        expect((await store.load([A])).found.get(A)!.record).toMatchObject({ paid: 1 });
      }));

    it('is as it was after a write that was refused, with nothing of that commit', () =>
      far(async (store, flights) => {
        const rev = await revOf(store);
        const less = { ...write(A, rev, thing(A, { paid: 1 })), row: { ...write(A, rev, thing(A)).row, highSat: -1n } };
        const commit = (written: typeof less) =>
          store.commit(commitOf({ key: 'k', writes: [written], opens: [nonceOf(A, 'bb')] }));
        await expect(commit(less)).rejects.toMatchObject({ code: 'bug', message: expect.stringContaining('high_sat') });
        expect(await store.reply('k')).toBeUndefined();
        expect((await store.load([A])).nonces).toHaveLength(1);
        expect(await flights.of(() => commit(write(A, rev, thing(A, { paid: 1 }))))).toBe(3);
      }));

    it('writes nothing where the transaction was not begun', () =>
      far(async (store, flights) => {
        const rev = await revOf(store);
        flights.spoil = (bytes) => {
          const at = bytes.indexOf('BEGIN');
          if (at >= 0) bytes.write('BEGUN', at);
        };
        for (const work of [
          () => store.setMeta('x', '1'),
          () => store.commit(commitOf({ writes: [write(A, rev, thing(A, { nonces: [] }))] })),
          () => store.commit(commitOf({ key: 'k', writes: [write(A, rev, thing(A, { paid: 1 }))] })),
        ])
          await expect(work()).rejects.toMatchObject({ code: 'bug', message: expect.stringContaining('BEGUN') });
        flights.spoil = () => {};
        expect(await store.meta('x')).toBeUndefined();
        expect(await revOf(store)).toBe(rev);
        expect((await store.load([A])).nonces).toHaveLength(1);
        expect(await store.commit(commitOf({ key: 'k' }))).toBe(true);
      }));
  });

  describe('a home with its store there', () => {
    const WORK = fileURLToPath(new URL('./children/work.ts', import.meta.url));
    const start = (mode: string, dir: string, times: number) =>
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WORK, mode, dir, String(times)]);

    it('loses no update of processes that race for one record', async () => {
      const dir = await newHome(await cluster.database());
      const home = await open(dir);
      await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:shared'))] }));
      const children = Array.from({ length: 4 }, () => start('count', dir, 15));
      expect((await Promise.all(children.map((child) => text(child.stderr)))).join('')).toBe('');
      expect((await home.store.load(['id:shared'])).found.get('id:shared')!.record).toMatchObject({ paid: 60 });
      home.close();
    });

    it('is healthy after a restart, with its nonces', async () => {
      const dir = await used(await cluster.database());
      await cluster.stop();
      await expect(open(dir)).rejects.toMatchObject({ code: 'store-unavailable', exit: 69 });
      await cluster.start();
      await expectHealthy(dir);
    });

    it('goes on over a restart without being opened again', async () => {
      const url = await cluster.database();
      const home = await open(await newHome(url));
      await home.store.commit(commitOf({ writes: [write(null, 0, thing(A))] }));
      await cluster.stop();
      await expect(home.store.commits()).rejects.toMatchObject({ code: 'store-unavailable' });
      await cluster.start();
      expect(await home.store.commit(commitOf({ key: 'k' }))).toBe(true);
      home.close();
    });

    it('after a crash of the server has no nonces, and works the same inputs anew', async () => {
      const url = await cluster.database();
      const dir = await used(url);
      await using(await open(dir), async (home) => {
        await cluster.stop('immediate');
        await cluster.start();
        expect(home.restored).toBe(false);
        expect(await home.store.reply('opened').catch(() => home.store.reply('opened'))).toBeUndefined();
        expect(await home.store.reply('opened-spent')).toBeUndefined();
        expect((await home.store.load(['id:paid'])).nonces).toEqual([]);
        const [first, second] = [nonceOf('id:paid'), commitOf({ key: 'opened', opens: [nonceOf('id:paid')] })];
        await expect(home.store.commit(commitOf({ spends: [first] }))).rejects.toMatchObject({
          code: 'nonce-consumed',
        });
        expect(await home.store.commit(second)).toBe(true);
      });
      await expectHealthy(dir);
    });

    it('counts as restored from a dump, in another database or in the same', async () => {
      const url = await cluster.database();
      const dir = await used(url);
      const file = join(cluster.dir, '..', `dump-${hex(4)}`);
      await cluster.run('pg_dump', '-Fc', '-f', file, url);
      const other = await cluster.database();
      await cluster.run('pg_restore', '-d', other, file);
      cpSync(dir, `${dir}2`, { recursive: true });
      await expectRestored(`${dir}2`, other);
      await expectHealthy(dir);
      await cluster.run('pg_restore', '--clean', '-d', url, file);
      await expectRestored(dir);
    });

    it('a dump that is looked at beside production, by its own home, takes nothing from it', async () => {
      const url = await cluster.database();
      const dir = await used(url);
      const name = 'cd'.repeat(16);
      const share: Claim = `share:${name}`;
      await using(await open(dir), async ({ shares, store }) => {
        const held = thing('id:held', { claims: ['id:held', share] });
        const commit = () => store.commit(commitOf({ writes: [write(null, 0, held)] }));
        await shares.around([{ name, secret: new Uint8Array(32).fill(1) }], [], commit, store);
      });
      const drill = await cluster.database();
      const file = join(cluster.dir, '..', `dump-${hex(4)}`);
      await cluster.run('pg_dump', '-Fc', '-f', file, url);
      await cluster.run('pg_restore', '-d', drill, file);
      const outside = () =>
        ['refunds', 'journal', 'shares'].map((part) =>
          readdirSync(`${dir}.${part}`)
            .filter((one) => !one.endsWith('lock'))
            .map((one) => readFileSync(join(`${dir}.${part}`, one), 'latin1')),
        );
      const before = outside();
      // Restored without its nonces, it lets go of its shares too.
      const restored = (record: Thing): Thing => ({
        ...record,
        claims: record.claims.filter((claim) => claim !== share),
      });
      const letGo = { ...things, restored };
      for (let look = 0; look < 2; look += 1)
        await using(await openHome({ dir, store: drill, kinds: async () => [letGo] }), async (it) => {
          expect(it.restored).toBe(true);
          // Its files are there as they were, and no record of this store names one.
          expect((await it.store.load([share])).found.size).toBe(0);
        });
      for (const [i, texts] of before.entries()) expect(outside()[i]).toEqual(expect.arrayContaining(texts));
      await expectHealthy(dir);
      await using(await open(dir), async ({ shares }) => expect((await shares.read([name])).size).toBe(1));
    });

    it('counts as restored by its tide alone, where rows were put back', async () => {
      const url = await cluster.database();
      const dir = await used(url);
      await cluster.sql(url, `SELECT setval('commit_number', 1)`);
      await expectRestored(dir);
      await expectRestored(dir);
    });

    it('on a replica is refused, and counts as restored once that is promoted', async () => {
      const url = await cluster.database();
      const dir = await used(url);
      const copy = join(cluster.dir, '..', 'replica');
      await cluster.run('pg_basebackup', '--no-sync', '-R', '-X', 'stream', '-c', 'fast', '-D', copy, '-d', url);
      const replica = await startPostgres(copy);
      try {
        const at = url.replace(`:${cluster.port}/`, `:${replica.port}/`);
        await expect(open(dir, at)).rejects.toMatchObject({
          code: 'store-foreign',
          message: expect.stringContaining('standby'),
        });
        await replica.run('pg_ctl', '-D', replica.dir, '-w', 'promote');
        await expectRestored(dir, at);
      } finally {
        await replica.end();
      }
    });

    let two: Cluster;
    describe.each([
      ['base backup', (base: string, url: string) => two.run('pg_basebackup', '-D', base, '-c', 'fast', '-d', url)],
      [
        'snapshot of its disk',
        async (base: string) => {
          cpSync(two.dir, base, { recursive: true, preserveTimestamps: true });
          rmSync(join(base, 'postmaster.pid'));
          if (serverUser.uid !== undefined) execFileSync('chown', ['-R', 'postgres:', base]);
        },
      ],
    ] as const)('a %s that was started in the place of its server, however few commits it lacks', (_, copy) => {
      let dir: string;
      let home: Home;
      const pay = async (paid: number) => {
        const rev = (await home.store.load([A])).found.get(A)?.rev ?? 0;
        await home.store.commit(commitOf({ writes: [write(rev === 0 ? null : A, rev, thing(A, { paid }))] }));
      };
      beforeEach(async () => {
        two = await startPostgres();
        const url = await two.database();
        dir = await newHome(url);
        home = await open(dir);
        await pay(1);
        const base = `${two.dir}.base`;
        await copy(base, url);
        await pay(2);
        await pay(3);
        await two.stop('immediate');
        rmSync(two.dir, { recursive: true });
        renameSync(base, two.dir);
        await two.start();
        // Whatever else is written there: its log and its transactions go on further than they had been.
        await two.sql(url, 'SELECT pg_switch_wal()');
        for (let i = 0; i < 10; i += 1) await two.sql(url, 'CREATE TABLE other(a int); DROP TABLE other');
      });
      afterEach(async () => {
        home.close();
        await two.end();
      });

      it('is not gone on with', () =>
        expect(pay(4).catch(() => pay(4))).rejects.toMatchObject({
          code: 'store-foreign',
          message: expect.stringContaining('lacks commits'),
        }));

      it('counts as restored', async () => {
        await using(await open(dir), async (it) => expect(it.restored).toBe(true));
      });
    });

    it('a start waits for a commit that waits for its standby, and destroys no share of it', async () => {
      const url = await cluster.database();
      const dir = await newHome(url);
      const shares = () => readdirSync(`${dir}.shares`).filter((file) => file.endsWith('.share'));
      await cluster.sql(url, "ALTER SYSTEM SET synchronous_standby_names = 'away'");
      await cluster.sql(url, 'SELECT pg_reload_conf()');
      try {
        const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WORK, 'share', dir, '0'], {
          stdio: 'ignore',
        });
        const waiting = "SELECT 1 AS waits FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        await expect.poll(() => cluster.sql(url, waiting)).toEqual([{ waits: 1 }]);
        child.kill('SIGKILL');
        await once(child, 'exit');
        const opening = open(dir);
        await sleep(300);
        expect(shares()).toHaveLength(1);
        await cluster.sql(url, 'ALTER SYSTEM RESET synchronous_standby_names');
        await cluster.sql(url, 'SELECT pg_reload_conf()');
        await using(await opening, async (home) => {
          expect((await home.store.load([A])).found.size).toBe(1);
          expect(shares()).toHaveLength(1);
        });
      } finally {
        await cluster.sql(url, 'ALTER SYSTEM RESET synchronous_standby_names');
        await cluster.sql(url, 'SELECT pg_reload_conf()');
      }
    });

    it('does not wait for ever for a server that has vanished without a word', async () => {
      const url = await cluster.database();
      await createPostgres(url, ID, begin);
      let live: Socket[] = [];
      const between = createServer((a) => {
        const b = connect(cluster.port, '127.0.0.1');
        live.push(a, b);
        a.pipe(b).pipe(a);
        for (const one of [a, b]) one.on('error', () => {}).on('close', () => (a.destroy(), b.destroy()));
      }).listen(0, '127.0.0.1');
      await once(between, 'listening');
      const via = url.replace(/:\d+\//, `:${(between.address() as AddressInfo).port}/`);
      const { store } = await openPostgres(via, ID, options, { waitMs: 500, answerMs: 700 });
      try {
        await store.commit(commitOf({ writes: [write(null, 0, thing(A))] }));
        await Promise.all([store.load([A]), store.load([A])]);
        // Its machine has lost power: no end of the connection, and nothing more comes.
        for (const one of live) one.unpipe().pause();
        live = [];
        const asked = [store.load([A]), store.commit(commitOf({ key: 'k' }))];
        for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'store-unavailable' });
        // A new connection reaches the server that stands at the same address.
        expect((await store.load([A])).found.size).toBe(1);
      } finally {
        store.close();
        between.close();
        live.forEach((one) => one.destroy());
      }
    });

    it('takes no answer that a commit has overtaken for one of a backup', async () => {
      const url = await cluster.database();
      await createPostgres(url, ID, begin);
      let hold = false;
      const answered = Promise.withResolvers<void>();
      const between = createServer((a) => {
        const b = connect(cluster.port, '127.0.0.1');
        let late = false;
        a.on('data', (bytes: Buffer) => {
          late ||= hold && bytes.includes('pg_backend_pid');
          b.write(bytes);
        });
        b.on('data', (bytes: Buffer) => {
          if (late) answered.resolve();
          setTimeout(() => a.write(bytes), late ? 300 : 0);
        });
        for (const one of [a, b]) one.on('error', () => {}).on('close', () => (a.destroy(), b.destroy()));
      }).listen(0, '127.0.0.1');
      await once(between, 'listening');
      const via = url.replace(/:\d+\//, `:${(between.address() as AddressInfo).port}/`);
      const { store } = await openPostgres(via, ID, options);
      try {
        await store.commit(commitOf({ writes: [write(null, 0, thing(A))] }));
        hold = true;
        const reads = Promise.all([store.load([A]), store.load([A])]);
        await answered.promise;
        await store.commit(commitOf({ key: 'k' }));
        expect((await reads).map(({ found }) => found.size)).toEqual([1, 1]);
      } finally {
        store.close();
        between.close();
      }
    });

    it('does not go on with another cluster behind the same address', async () => {
      const two = await startPostgres();
      const url = await two.database();
      const home = await open(await newHome(url));
      try {
        await two.stop();
        await two.run('pg_resetwal', '--next-wal-file=00000002000000000000000A', '-f', two.dir);
        await two.start();
        await expect(home.store.commits().catch(() => home.store.commits())).rejects.toMatchObject({
          code: 'store-foreign',
          message: expect.stringContaining('another cluster'),
        });
      } finally {
        home.close();
        await two.end();
      }
    });
  });
});
