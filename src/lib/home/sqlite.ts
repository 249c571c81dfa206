/**
 * The store of a home in a SQLite file, the default. A transaction runs to its end without waiting
 * for anything, so writers of one process need no lock among themselves. `BEGIN IMMEDIATE` keeps
 * those of other processes out.
 * Not here: the file's promises (`connection.ts`), the logic (`sql-store.ts`).
 */
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Connection } from './connection.ts';
import type { Counter, Database, SqlRow, Sql } from './database.ts';
import { refuseExposed, refuseNetworkDisk } from './files.ts';
import { MIGRATIONS } from './schema.ts';
import { HomeStore, type StoreOptions } from './sql-store.ts';
import { getMeta, setMeta } from './standing.ts';

export interface SqliteOptions extends StoreOptions {
  path: string;
  /** Set if the file was empty. */
  made?: 'new';
}

export class SqliteStore extends HomeStore {
  /** @throws Refusal `network-disk`, as `Connection`, or `secret-exposed` where others may read the file */
  constructor({ path, made, ...options }: SqliteOptions) {
    refuseNetworkDisk(dirname(path));
    refuseExposed(path);
    super(new Sqlite(new Connection(path, MIGRATIONS, made ? {} : { holds: 'a store' })), options);
  }

  /** Makes an empty store; SQLite gives its journals the mode of the file. */
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

class Sqlite implements Database {
  readonly counter = counter;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }
  async read<T>(work: () => Sql<T>): Promise<T> {
    return this.#connection.read(() => this.#run(work()));
  }
  async ask<T>(work: () => Sql<T>): Promise<T> {
    return this.read(work);
  }
  async write<T>(_names: readonly string[] | 'all', work: () => Sql<T>): Promise<T | false> {
    return this.#connection.write(() => this.#run(work()));
  }
  #run<T>(work: Sql<T>): T {
    for (let rows: SqlRow[][] = []; ;) {
      const step = work.next(rows);
      if (step.done) return step.value;
      rows = step.value.map(({ sql, values }) => this.#connection.all(sql, ...values));
    }
  }
  async check(): Promise<void> {
    this.#connection.check();
  }
  close(): void {
    this.#connection.close();
  }
}
