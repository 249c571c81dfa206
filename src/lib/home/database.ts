/**
 * What the store's logic asks of a database: statements, one after another, within one transaction.
 *
 * A piece of logic is a generator that yields statements and is handed their rows. So it is written once for a database that
 * answers at once (`sqlite.ts`) and for one that is waited for (`postgres.ts`), and can do nothing else in between.
 * Placeholders are `?`; the dialect is what both understand. Not here: the logic (`sql-store.ts`), tables (`schema.ts`).
 */
export type Value = string | number | bigint | Uint8Array | null;
export type Row = Record<string, unknown>;
export interface Statement {
  sql: string;
  values: readonly Value[];
}
export type Sql<T> = Generator<Statement, T, Row[]>;

export function* all(sql: string, ...values: Value[]): Sql<Row[]> {
  return yield { sql, values };
}
export function* get(sql: string, ...values: Value[]): Sql<Row | undefined> {
  return (yield { sql, values })[0];
}

/** `?, ?, ?` for an IN list. */
export const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ');

/** Numbers of commits: every one larger than those before it. */
export interface Counter {
  /** The number of the commit in work. */
  next(): Sql<number>;
  /** The highest one so far, 0 at first. */
  get(): Sql<number>;
  set(number: number): Sql<void>;
}

export interface Database {
  readonly counter: Counter;
  /** `work` reads one state of the store. */
  read<T>(work: () => Sql<T>): Promise<T>;
  /**
   * All of `work` or nothing of it: a throw or `false` rolls back, and `false` also says that the race was lost.
   * @param names what it reads and writes: no other `work` that shares one runs meanwhile; 'all': none runs at all
   */
  write<T>(names: readonly string[] | 'all', work: () => Sql<T>): Promise<T | false>;
  /** @throws Refusal `store-unavailable` where the database itself finds damage */
  check(): Promise<void>;
  close(): void;
}
