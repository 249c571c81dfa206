/**
 * Statements of pruning: marks of the store's progress by time and height, and deletions by age.
 *
 * A commit is old once it lies below an old mark, by the home's clock and by the height of the
 * chain: setting the clock forward makes nothing old. Each piece is a small transaction, and checks
 * again within it what it deletes by.
 * Not here: for how long what is stored, and what the chain shows (`prune.ts`).
 */
import type { Claim } from '../protocol/action.ts';
import { allows } from '../protocol/limit.ts';
import { all, get, marks, put, type Counter, type Sql } from './database.ts';
import { UNIT } from './schema.ts';
import { dropClaims } from './sql-pieces.ts';

/** Time by the home's clock (Unix seconds), and height of the chain; null without a node. */
export interface MarkTime {
  at: number;
  height: number | null;
}

/** Returns whether the last mark is `spacing` seconds off, even ahead (a clock was set back). */
export function* mayMark({ at }: Pick<MarkTime, 'at'>, spacing: number): Sql<boolean> {
  const last = yield* get('SELECT at FROM mark ORDER BY number DESC LIMIT 1');
  return !last || allows({ least: spacing }, Math.abs(at - (last['at'] as number)));
}

/** Records the number of the last commit, unless that was done less than `spacing` seconds ago. */
export function* addMark(counter: Counter, { at, height }: MarkTime, spacing: number): Sql<void> {
  if (!(yield* mayMark({ at }, spacing))) return;
  // If no commit came since, the earlier mark stays.
  const number = yield* counter.get();
  yield* put('INSERT INTO mark(number, at, height) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', number, at, height);
}

/** Yields the newest commit that is older than this time and height; -1 for none. */
export function* lastBefore({ at, height }: MarkTime): Sql<number> {
  const below = height === null ? '' : ' AND height <= ?';
  const values = height === null ? [at] : [at, height];
  const row = yield* get(`SELECT max(number) AS number FROM mark WHERE at <= ?${below}`, ...values);
  return (row?.['number'] as number | null) ?? -1;
}

/** Deletes the marks below one, which makes them redundant. */
export const dropMarks = (number: number): Sql<void> => put('DELETE FROM mark WHERE number < ?', number);

/** Position at which the last scan of replies ended. */
export interface ReplyCursor {
  number: number;
  key: string;
}
/** Yields the next replies, up to a commit. */
export function* repliesAfter({ number, key }: ReplyCursor, upTo: number, limit: number): Sql<ReplyCursor[]> {
  const rows = yield* all(
    'SELECT number, key FROM reply WHERE (number, key) > (?, ?) AND number <= ? ORDER BY number, key LIMIT ?',
    number,
    key,
    upTo,
    limit,
  );
  return rows as unknown as ReplyCursor[];
}

/** Query for a later reply of the action over the record: one that stands if this one does. */
const FOLLOWED = `SELECT 1 FROM reply_of AS next JOIN reply AS later ON later.key = next.reply
  WHERE next.record = own.record AND next.type = own.type AND next.number > own.number AND next.number <= ?
  AND later.stands >= reply.stands`;

/**
 * Deletes replies that these follow, and those of them that belong to no record. The last reply of
 * an action over an open record stays, whatever its age. So does the last that stands for good.
 * @returns the keys of the deleted replies
 */
export function* dropFollowed(keys: readonly string[], upTo: number, dry: boolean): Sql<string[]> {
  const which = `FROM reply WHERE (key IN (${marks(keys)}) OR key IN (
      SELECT before.reply FROM reply_of AS before JOIN reply_of AS given
        ON given.record = before.record AND given.type = before.type AND given.number > before.number
      WHERE given.reply IN (${marks(keys)})))
    AND NOT EXISTS (SELECT 1 FROM reply_of AS own JOIN record ON id = own.record
      WHERE own.reply = reply.key AND over = 0 AND NOT EXISTS (${FOLLOWED}))`;
  const sql = dry ? `SELECT key ${which}` : `DELETE ${which} RETURNING key`;
  return (yield* all(sql, ...keys, ...keys, upTo)).map(({ key }) => key as string);
}

/** Deletes notes that lapse. @returns how many */
export function* dropNotes(upTo: number, limit: number, dry: boolean): Sql<number> {
  const which = 'lapses IS NOT NULL AND lapses <= ?';
  if (dry) return Number((yield* get(`SELECT count(*) AS n FROM note WHERE ${which}`, upTo))!['n']);
  const sql = `DELETE FROM note WHERE name IN (SELECT name FROM note WHERE ${which} ORDER BY lapses LIMIT ?) RETURNING name`;
  return (yield* all(sql, upTo, limit)).length;
}

export interface OldRecord {
  id: number;
  kind: string;
  rev: number;
  over: number;
  body: string;
}
/** Yields the next ended records, up to a commit. */
export function* overAfter({ rev, id }: Pick<OldRecord, 'rev' | 'id'>, upTo: number, limit: number): Sql<OldRecord[]> {
  const rows = yield* all(
    `SELECT id, kind, rev, over, body FROM record WHERE over > 0 AND (rev, id) > (?, ?) AND rev <= ?
      ORDER BY rev, id LIMIT ?`,
    rev,
    id,
    upTo,
    limit,
  );
  return rows as unknown as OldRecord[];
}

/** Yields the next records of these kinds, in the order in which they were begun. */
export function* ofKinds(kinds: readonly string[], after: number, limit: number): Sql<OldRecord[]> {
  const sql = `SELECT id, kind, rev, over, body FROM record WHERE id > ? AND kind IN (${marks(kinds)}) ORDER BY id LIMIT ?`;
  return (yield* all(sql, after, ...kinds, limit)) as unknown as OldRecord[];
}

/** Drops records that go with another one, as `dropRecord`; those written meanwhile stay. */
export function* dropParts(parts: readonly Pick<OldRecord, 'id' | 'rev'>[]): Sql<number> {
  let gone = 0;
  for (const part of parts) {
    yield* put('UPDATE record SET over = 1, "left" = 1 WHERE id = ? AND rev = ?', part.id, part.rev);
    if (yield* dropRecord(part)) gone += 1;
  }
  return gone;
}

/** Adds pruned payments and issues to a home's sums, but not the number of records. */
const KEEP_SUMS = `INSERT INTO dropped(name, records, units, rest)
  SELECT name, 1, value / ${UNIT}, value % ${UNIT} FROM figure WHERE record = ? AND name LIKE '%_sat'
  ON CONFLICT(name) DO UPDATE SET records = dropped.records + 1, units = dropped.units + excluded.units,
    rest = dropped.rest + excluded.rest`;

/**
 * Drops a record with all that belongs to it, but for the sums that it is in.
 * @returns false where it was written meanwhile, or is not over
 */
export function* dropRecord({ id, rev }: Pick<OldRecord, 'id' | 'rev'>): Sql<boolean> {
  if (!(yield* get('SELECT 1 FROM record WHERE id = ? AND rev = ? AND over > 0', id, rev))) return false;
  const claims = (yield* all('SELECT claim FROM claim WHERE record = ?', id)).map(({ claim }) => claim as Claim);
  yield* dropClaims(claims);
  const linked = (yield* all('SELECT reply FROM reply_of WHERE record = ?', id)).map(({ reply }) => reply as string);
  yield* put('DELETE FROM reply_of WHERE record = ?', id);
  for (const key of linked)
    yield* put('DELETE FROM reply WHERE key = ? AND NOT EXISTS (SELECT 1 FROM reply_of WHERE reply = ?)', key, key);
  yield* put(KEEP_SUMS, id);
  yield* put('DELETE FROM record WHERE id = ?', id);
  return true;
}
