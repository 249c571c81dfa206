/**
 * The store of a home in a SQLite file, the default. A commit survives a power cut, deleted rows
 * are overwritten, and a program older than the file does not touch it. Every pragma is read back,
 * for SQLite ignores unknown ones.
 *
 * A transaction never waits, so writers of one process need no lock among themselves. `BEGIN
 * IMMEDIATE` keeps other processes out. Not here: tables (`schema.ts`), the logic (`sql-store.ts`).
 */
import { closeSync, openSync, accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Refusal } from '../protocol/refusal.ts';
import type { Counter, Database, SqlRow, Sql, Value } from './database.ts';
import { refuseExposed, refuseNetworkDisk } from './files.ts';
import { MIGRATIONS } from './schema.ts';
import { HomeStore, type StoreOptions } from './sql-store.ts';
import { getMeta, setMeta } from './life.ts';

export interface SqliteOptions extends StoreOptions {
  path: string;
  /** Set for an empty file. */
  made?: 'new';
}

export class SqliteStore extends HomeStore {
  /**
   * Opens the store.
   * @throws Refusal `network-disk`; `secret-exposed` where others may read the file; as
   * `Connection`
   */
  constructor({ path, made, ...options }: SqliteOptions) {
    refuseNetworkDisk(dirname(path));
    refuseExposed(path);
    super(databaseOf(new Connection(path, MIGRATIONS, made ? {} : { holds: 'a store' })), options);
  }

  /** Makes an empty store. SQLite gives its journals the mode of the file. */
  static create(options: SqliteOptions): SqliteStore {
    closeSync(openSync(options.path, 'wx', 0o600));
    return new SqliteStore({ ...options, made: 'new' });
  }
}

const counter: Counter = {
  *next() {
    const number = (yield* counter.get()) + 1;
    yield* counter.set(number);
    return number;
  },
  *get() {
    return Number(yield* getMeta('commits'));
  },
  set: (number) => setMeta('commits', String(number)),
};

/** Returns a connection as the store's logic sees it. */
const databaseOf = (connection: Connection): Database => ({
  counter,
  read: async (work) => connection.read(() => connection.answer(work())),
  ask: async (work) => connection.read(() => connection.answer(work())),
  write: async (_names, work) => connection.write(() => connection.answer(work())),
  check: async () => connection.check(),
  close: () => connection.close(),
});

const BUSY_MS = 10_000;

/**
 * Settings of a connection. secure_delete overwrites deleted rows in the file. A copy of such a
 * page may stay in the log until the next checkpoint, and on the medium for longer. Nonces are
 * therefore also encrypted (`at-rest.ts`). A checkpoint runs about every 1000 pages, and when the
 * last connection closes, which deletes the log. Our own would cost two syncs a commit and give
 * nothing that the cipher does not.
 */
const pragmas = (journal: 'WAL' | 'DELETE'): readonly (readonly [name: string, set: string, readBack: Value])[] => [
  ['busy_timeout', `${BUSY_MS}`, BUSY_MS],
  ['journal_mode', journal, journal.toLowerCase()],
  ['synchronous', 'FULL', 2],
  ['secure_delete', 'ON', 1],
  ['foreign_keys', 'ON', 1],
];

export class Connection {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Opens the file, which must exist, and brings its schema up to date.
   * @param options `holds`: refuses an emptied file; `journal`: DELETE leaves a single file to copy
   * @throws Refusal `store-unavailable`, `store-damaged`, `store-unsafe`, `store-newer`
   */
  constructor(
    path: string,
    migrations: readonly string[],
    { holds, journal = 'WAL' }: { holds?: 'a store' | undefined; journal?: 'WAL' | 'DELETE' } = {},
  ) {
    this.#path = path;
    this.#db = this.#guard(() => opened(path));
    try {
      if (holds === 'a store' && this.#pragma('user_version') === 0)
        throw new Refusal('store-damaged', `${path} is empty, the store of a home expected`, {
          hint: 'a disk that was full or a copy that broke off leaves such a file; put its whole copy, or a backup, in its place',
        });
      for (const [name, set, expected] of pragmas(journal)) {
        this.#guard(() => this.#db.exec(`PRAGMA ${name} = ${set}`));
        const found = this.#pragma(name);
        if (found !== expected)
          throw new Refusal('store-unsafe', `${path}: ${name} is ${found}, ${expected} expected`, {
            hint: 'this disk or this build of SQLite cannot keep the store safe',
          });
      }
      this.#migrate(migrations);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  #pragma(name: string): unknown {
    const row = this.#guard(() => this.#db.prepare(`PRAGMA ${name}`).get());
    return row && Object.values(row)[0];
  }

  #migrate(migrations: readonly string[]): void {
    const version = () => Number(this.#pragma('user_version'));
    const refuseNewer = (): void => {
      if (version() > migrations.length)
        throw new Refusal(
          'store-newer',
          `${this.#path} has schema ${version()}, at most ${migrations.length} expected`,
          { hint: 'a newer spillway has used this home; update this one' },
        );
    };
    refuseNewer();
    if (version() === migrations.length) return;
    this.write(() => {
      // Read again: another process may have been faster, and of a newer version.
      refuseNewer();
      for (const step of migrations.slice(version())) this.#db.exec(step);
      this.#db.exec(`PRAGMA user_version = ${migrations.length}`);
    });
  }

  get(sql: string, ...values: Value[]): SqlRow | undefined {
    return this.#guard(() => this.#statement(sql).get(...values));
  }
  all(sql: string, ...values: readonly Value[]): SqlRow[] {
    return this.#guard(() => this.#statement(sql).all(...values));
  }
  /** Runs a statement and returns the number of rows that it changed. */
  run(sql: string, ...values: Value[]): number {
    return this.#guard(() => Number(this.#statement(sql).run(...values).changes));
  }

  /** Runs the statements of a piece of logic. */
  answer<T>(work: Sql<T>): T {
    for (let rows: SqlRow[][] = []; ;) {
      const step = work.next(rows);
      if (step.done) return step.value;
      rows = step.value.map(({ sql, values }) => this.all(sql, ...values));
    }
  }

  /** Returns the prepared statement of a text. Texts are few and fixed: values are always bound. */
  #statement(sql: string): StatementSync {
    let made = this.#statements.get(sql);
    if (!made) this.#statements.set(sql, (made = this.#db.prepare(sql)));
    return made;
  }

  /** Runs `work` under the write lock, all or nothing: a throw or `false` rolls back. */
  write<T>(work: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', work);
  }
  /** Runs `work`, which reads one state of the store. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work);
  }
  #transaction<T>(begin: string, work: () => T): T {
    this.run(begin);
    try {
      const result = work();
      this.run(result === false ? 'ROLLBACK' : 'COMMIT');
      return result;
    } catch (error) {
      // After some faults (a full disk) SQLite has rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Checks the whole file. @throws Refusal `store-damaged` */
  check(): void {
    const found = this.#pragma('quick_check');
    if (found !== 'ok') throw new Refusal('store-damaged', `${this.#path} is damaged: ${String(found).slice(0, 200)}`);
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw refusalOf(error, this.#path);
    }
  }
}

/**
 * Opens the file. A full disk has no room for SQLite's shared index: then this process has the file
 * for itself, and can read.
 */
function opened(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    db.prepare('PRAGMA user_version').get();
    return db;
  } catch (error) {
    db.close();
    if (!UNSHARED.includes((error as { errcode?: number }).errcode ?? 0)) throw error;
    const alone = new DatabaseSync(path, { timeout: BUSY_MS });
    alone.exec('PRAGMA locking_mode = EXCLUSIVE');
    return alone;
  }
}

const UNSHARED = [4618, 4874, 5386]; // SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMMAP
const BUSY = [5, 6, 15]; // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL
const DAMAGED = [11, 26]; // SQLITE_CORRUPT, SQLITE_NOTADB
const SHUT = [3, 8, 13, 14]; // SQLITE_PERM, SQLITE_READONLY, SQLITE_FULL, SQLITE_CANTOPEN
/** SQLITE_IOERR_ WRITE, FSYNC, DIR_FSYNC, TRUNCATE, SHMSIZE, SHMMAP: other codes of a full disk. */
const UNWRITTEN = [778, 1034, 1290, 1546, 4874, 5386];
const CONSTRAINT = 19;

function refusalOf(error: unknown, path: string): unknown {
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return error;
  const primary = errcode & 0xff;
  if (primary === CONSTRAINT || primary === 1) return new Refusal('bug', `the store refuses a write: ${message}`);
  if (BUSY.includes(primary))
    return new Refusal('store-unavailable', `${path} stayed locked by another process for ${BUSY_MS / 1000} s`, {
      hint: 'try again; should it last, look for a run that hangs',
    });
  if (SHUT.includes(primary) || UNWRITTEN.includes(errcode))
    return new Refusal('cannot-write', `${shutOf(path).join(', ')}: ${message}`, {
      hint: "the home must be this user's own, on a disk that can be written and is not full",
    });
  return new Refusal(DAMAGED.includes(primary) ? 'store-damaged' : 'store-unavailable', `${path}: ${message}`);
}

/** Returns a store's unwritable files: SQLite leaves one behind where another was read-only. */
function shutOf(path: string): readonly string[] {
  const shut = [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file) && !isWritable(file));
  return shut.length > 0 ? shut : [path];
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
