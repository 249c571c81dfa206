/** What payments leave behind in the payee's home: bytes of its store and journal, rows of its tables. */
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { payMessages, type Pair } from './credit.ts';
import type { TestParty } from './party.ts';
import { DAY, pruneAt } from './prune.ts';

const read = <T>({ dir }: TestParty, work: (db: DatabaseSync) => T): T => {
  const db = new DatabaseSync(join(dir, 'store.db'));
  try {
    return work(db);
  } finally {
    db.close();
  }
};
const number = (db: DatabaseSync, sql: string): number => Number(Object.values(db.prepare(sql).get()!)[0]);

/** How large the file of the store is. */
export const storeBytes = (party: TestParty): number =>
  read(party, (db) => number(db, 'PRAGMA page_count') * number(db, 'PRAGMA page_size'));
export const journalBytes = (party: TestParty): number =>
  party.journal().reduce((sum, file) => sum + statSync(file).size, 0);

/** How many rows each table has, but for the notes of how far the store had come. */
export const rows = (party: TestParty): Record<string, number> =>
  read(party, (db) => {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'mark'").all();
    return Object.fromEntries(tables.map(({ name }) => [name, number(db, `SELECT count(*) FROM "${name}"`)]));
  });

/** So many days, each with so many payments and a run of pruning that keeps one day. @returns the day after the last */
export async function payForDays(both: Pair, id: string, days: number, aDay: number, from = 0): Promise<number> {
  for (let day = from; day < from + days; day++) {
    for (let i = 0; i < aDay; i++) await payMessages(both, id, 10n);
    await pruneAt(both.payee, { days: 1, seconds: day * DAY, blocks: day * 144 });
  }
  return from + days;
}
