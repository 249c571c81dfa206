/**
 * A database as the store's logic sees it: statements, one after another, within one transaction.
 *
 * A piece of logic is a generator that yields statements, receives their rows, and does nothing
 * else in between. It is written once, for a synchronous database (`sqlite.ts`) and an asynchronous
 * one (`postgres.ts`). To save round trips, pieces that need no rows of each other run `together`,
 * and a `put` is awaited with the next statement. Statements always run in the order in which they
 * are written. Placeholders are `?`; the dialect is what both databases understand.
 * Not here: the logic (`sql-store.ts`), tables (`schema.ts`).
 */
export type Value = string | number | bigint | Uint8Array | null;
export type SqlRow = Record<string, unknown>;
export interface Statement {
  sql: string;
  values: readonly Value[];
  /** True if its rows are used. */
  read: boolean;
}
/** Generator that yields statements to send at once and receives the rows of each that is read. */
export type Sql<T> = Generator<readonly Statement[], T, readonly SqlRow[][]>;

export function* all(sql: string, ...values: Value[]): Sql<SqlRow[]> {
  return (yield [{ sql, values, read: true }])[0]!;
}
export function* get(sql: string, ...values: Value[]): Sql<SqlRow | undefined> {
  return (yield* all(sql, ...values))[0];
}
/** Yields a statement that changes rows. Its failure shows at the next read or at the end. */
export function* put(sql: string, ...values: Value[]): Sql<void> {
  yield [{ sql, values, read: false }];
}

/** Runs pieces that need no rows of each other, statement by statement. Returns all results. */
export function* together<T extends readonly unknown[]>(
  ...works: { readonly [K in keyof T]: Sql<T[K]> }
): Sql<{ -readonly [K in keyof T]: T[K] }> {
  const steps = works.map((work) => work.next([]));
  for (;;) {
    const asked = steps.map((step) => (step.done ? [] : step.value));
    if (steps.every((step) => step.done)) return steps.map((step) => step.value) as { -readonly [K in keyof T]: T[K] };
    const rows = yield asked.flat();
    let at = 0;
    for (const [i, { length }] of asked.entries())
      if (!steps[i]!.done) steps[i] = works[i]!.next(rows.slice(at, (at += length)));
  }
}

/** Returns `?, ?, ?` for an IN list. */
export const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ');

/** Counter of commits, strictly increasing. */
export interface Counter {
  /** Yields the number of the present commit. */
  next(): Sql<number>;
  /** Yields the highest number so far, 0 at first. */
  get(): Sql<number>;
  set(number: number): Sql<void>;
}

export interface Database {
  readonly counter: Counter;
  /** Runs `work`, which reads one state of the store. */
  read<T>(work: () => Sql<T>): Promise<T>;
  /** Runs `work` in one round trip: it sends all its statements at once. */
  ask<T>(work: () => Sql<T>): Promise<T>;
  /**
   * Runs all of `work` or nothing: a throw or `false` rolls back. `false` also marks a lost race.
   * @param names locks against other `work` with one of these names; 'all' against any other
   */
  write<T>(names: readonly string[] | 'all', work: () => Sql<T>): Promise<T | false>;
  /** Checks for damage, as far as the database can. @throws Refusal `store-damaged` */
  check(): Promise<void>;
  close(): void;
}
