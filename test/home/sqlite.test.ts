/** The SQLite file of a home: modes, pragmas, versions, damage, and nonces that leave no trace. */
import fs, { closeSync, copyFileSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, vi } from 'vitest';
import { Connection, SqliteStore } from '../../src/lib/home/sqlite.ts';
import { refuseNetworkDisk } from '../../src/lib/home/files.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { MIGRATIONS } from '../../src/lib/home/schema.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import { commitOf, nonceOf, tempDir, thing, write } from './fixture.ts';
import { storeSuite } from './store-suite.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const keys = homeKeys(seedOf(WORDS), 'regtest');
const otherKeys = homeKeys(seedOf(WORDS.replace('about', 'art')), 'regtest');
const options = (dir = tempDir()) => ({ path: join(dir, 'store.db'), secrets: async () => keys });

storeSuite('SQLite', async () => SqliteStore.create(options()));

describe('the SQLite file', () => {
  const A = 'id:aa';

  it('is for its owner only, journals included', async () => {
    const { path, secrets } = options();
    const store = SqliteStore.create({ path, secrets });
    await store.commit(commitOf({ writes: [write(null, 0, thing(A))] }));
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
    store.close();
  });

  it('keeps its pragmas', () => {
    const { path } = options();
    closeSync(openSync(path, 'wx', 0o600));
    const db = new Connection(path, MIGRATIONS);
    const read = (name: string) => Object.values(db.get(`PRAGMA ${name}`)!)[0];
    expect(['journal_mode', 'synchronous', 'secure_delete', 'foreign_keys', 'busy_timeout'].map(read)).toEqual([
      'wal',
      2,
      1,
      1,
      10_000,
    ]);
    db.close();
  });

  it('refuses a disk that keeps no write-ahead log', () => {
    expect(() => new Connection(':memory:', MIGRATIONS)).toThrow(
      expect.objectContaining({ code: 'store-unsafe', message: expect.stringContaining('journal_mode') }),
    );
  });

  it('refuses the file of a newer program, and one that is no database', () => {
    const { path, secrets } = options();
    SqliteStore.create({ path, secrets }).close();
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    expect(() => new SqliteStore({ path, secrets })).toThrow(
      expect.objectContaining({ code: 'store-newer', hint: expect.stringContaining('newer') }),
    );
    writeFileSync(path, 'no database, but long enough to be one, were it one. '.repeat(100));
    expect(() => new SqliteStore({ path, secrets })).toThrow(expect.objectContaining({ code: 'store-damaged' }));
  });

  it('leaves the schema of a newer program that was faster as that has made it', () => {
    const { path } = options();
    closeSync(openSync(path, 'wx', 0o600));
    const newer = [...MIGRATIONS, 'CREATE TABLE later(x)'];
    const unspied = Connection.prototype.write;
    // Both have read the version before either wrote.
    const write_ = vi.spyOn(Connection.prototype, 'write').mockImplementationOnce(function (this: Connection, work) {
      new Connection(path, newer).close();
      return unspied.call(this, work) as never;
    });
    expect(() => new Connection(path, MIGRATIONS)).toThrow(expect.objectContaining({ code: 'store-newer' }));
    write_.mockRestore();
    const db = new Connection(path, newer);
    expect(db.get('PRAGMA user_version')).toMatchObject({ user_version: newer.length });
    db.close();
  });

  it('brings an older file up to date once', () => {
    const { path } = options();
    closeSync(openSync(path, 'wx', 0o600));
    new Connection(path, MIGRATIONS).close();
    const next = [...MIGRATIONS, 'CREATE TABLE later(x)'];
    new Connection(path, next).close();
    const db = new Connection(path, next);
    expect(db.get('PRAGMA user_version')).toMatchObject({ user_version: next.length });
    expect(db.all('SELECT * FROM later')).toEqual([]);
    db.close();
  });

  it('lets no record be deleted', () => {
    const { path, secrets } = options();
    SqliteStore.create({ path, secrets }).close();
    const db = new Connection(path, MIGRATIONS);
    db.run(
      `INSERT INTO record(kind, name, state, rev, high_sat, limit_sat, "left", over, issued_sat, body) VALUES ('t', 'n', 's', 1, 0, 0, 0, 0, 0, '{}')`,
    );
    expect(() => db.run('DELETE FROM record')).toThrow(expect.objectContaining({ code: 'bug' }));
    db.close();
  });

  it('holds no nonce in the clear, and opens none with another seed or in another place', async () => {
    const { path, secrets } = options();
    const store = SqliteStore.create({ path, secrets });
    const nonce = { ...nonceOf(A), secret: new TextEncoder().encode('a secret nonce that nobody may find in a file') };
    await store.commit(commitOf({ writes: [write(null, 0, thing(A, { claims: [A, 'key:01'] }))], opens: [nonce] }));
    expect(
      readFileSync(path).includes('nobody may find') || readFileSync(`${path}-wal`).includes('nobody may find'),
    ).toBe(false);
    store.close();
    const foreign = new SqliteStore({ path, secrets: async () => otherKeys });
    const [closed] = (await foreign.load([A])).nonces;
    await expect(closed!.decrypt()).rejects.toMatchObject({ code: 'store-damaged' });
    foreign.close();
    const db = new DatabaseSync(path);
    db.exec(`UPDATE nonce SET of_claim = 'key:01'`);
    db.close();
    const moved = new SqliteStore({ path, secrets });
    const [misplaced] = (await moved.load([A])).nonces;
    await expect(misplaced!.decrypt()).rejects.toMatchObject({ code: 'store-damaged' });
    moved.close();
  });

  it('leaves no row of a spent nonce in the file', async () => {
    const { path, secrets } = options();
    const store = SqliteStore.create({ path, secrets });
    const nonce = { ...nonceOf(A), pubnonce: 'find-me-'.repeat(10) };
    await store.commit(commitOf({ writes: [write(null, 0, thing(A))], opens: [nonce] }));
    store.close();
    expect(readFileSync(path).includes('find-me-')).toBe(true);
    const again = new SqliteStore({ path, secrets });
    await again.commit(commitOf({ spends: [nonce] }));
    again.close();
    expect(readFileSync(path).includes('find-me-')).toBe(false);
  });

  it('asks for the seed only where a nonce or an address is at hand', async () => {
    const { path, secrets } = options();
    const full = SqliteStore.create({ path, secrets });
    await full.commit(
      commitOf({ writes: [write(null, 0, thing(A)), write(null, 0, thing('id:bb'))], opens: [nonceOf(A)] }),
    );
    full.close();
    const closed = new SqliteStore({ path, secrets: () => Promise.reject(new Error('asked')) });
    expect(await closed.list()).toHaveLength(2);
    expect((await closed.load(['id:bb'])).found.size).toBe(1);
    expect(await closed.commit(commitOf({ key: 'k' }))).toBe(true);
    const [sealed] = (await closed.load([A])).nonces;
    await expect(sealed!.decrypt()).rejects.toThrow('asked');
    await expect(closed.fresh(1)).rejects.toThrow('asked');
    closed.close();
  });

  it('says that a damaged file is damaged', async () => {
    const { path, secrets } = options();
    SqliteStore.create({ path, secrets }).close();
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096, 4096 * 4);
    writeFileSync(path, bytes);
    copyFileSync(path, `${path}.kept`);
    const store = new SqliteStore({ path, secrets });
    const begun = { identity: () => 'other', life: 'aa', above: 0, still: () => true };
    await expect(store.settle(begun, [])).rejects.toMatchObject({ code: 'store-damaged' });
    store.close();
  });

  it('that cannot be opened or written is no matter of trying again', () => {
    const { path } = options();
    closeSync(openSync(path, 'wx', 0o600));
    const db = new Connection(path, MIGRATIONS);
    db.run('PRAGMA query_only = ON');
    const shut = { code: 'cannot-write', exit: 73, hint: expect.stringContaining('written') };
    expect(() => db.run("INSERT INTO meta(key, value) VALUES ('a', 'b')")).toThrow(expect.objectContaining(shut));
    db.close();
    const folder = tempDir();
    expect(() => new Connection(folder, MIGRATIONS)).toThrow(expect.objectContaining(shut));
  });

  it('gives up on a lock with 69', async () => {
    const { path, secrets } = options();
    const store = SqliteStore.create({ path, secrets });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.commit(commitOf())).rejects.toMatchObject({
      code: 'store-unavailable',
      exit: 69,
      message: expect.stringContaining('locked'),
    });
    other.exec('ROLLBACK');
    other.close();
    expect(await store.commit(commitOf())).toBe(true);
    store.close();
  });
});

describe.runIf(process.platform === 'linux')('refuseNetworkDisk', () => {
  it('refuses file systems of other machines only', () => {
    for (const type of [0x6969, 0x517b, -0xacb2be, -0x1acb2be, 0x01021997])
      expect(() => refuseNetworkDisk('/', () => type)).toThrow(
        expect.objectContaining({ code: 'network-disk', hint: expect.stringContaining('local') }),
      );
    expect(() => refuseNetworkDisk('/', () => 0xef53)).not.toThrow();
    // FUSE, but no mount of sshfs or the like at /
    expect(() => refuseNetworkDisk('/', () => 0x65735546)).not.toThrow();
    expect(() => refuseNetworkDisk(tempDir())).not.toThrow();
  });

  it('a store there is not opened: nothing of it is touched', () => {
    const { path, secrets } = options();
    SqliteStore.create({ path, secrets }).close();
    const before = [readdirSync(dirname(path)), readFileSync(path)];
    // The kernel says that it is NFS.
    const asked = vi.spyOn(fs, 'statfsSync').mockReturnValue({ type: 0x6969 } as never);
    syncBuiltinESMExports();
    try {
      expect(() => new SqliteStore({ path, secrets })).toThrow(expect.objectContaining({ code: 'network-disk' }));
      expect(asked).toHaveBeenCalledWith(dirname(path));
    } finally {
      asked.mockRestore();
      syncBuiltinESMExports();
    }
    expect([readdirSync(dirname(path)), readFileSync(path)]).toEqual(before);
    new SqliteStore({ path, secrets }).close();
  });
});
