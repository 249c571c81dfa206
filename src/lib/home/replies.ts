/**
 * Replies in the store: the text printed for one input, so that the same input gets the same bytes
 * again. A reply is live while every nonce that it shows lies in the store. It is linked to the
 * records that its commit read and wrote. A cancel takes away all that its action has answered over
 * the records that it writes, a restore all replies. Rows that stand for good stay in both. A step
 * takes away the replies of earlier cancels.
 * Not here: when (`sql-store.ts`), which rows stand (each family's table).
 */
import type { Claim, Hex } from '../protocol/action.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { CANCELLED, type Commit, type Reply } from '../protocol/ports.ts';
import { all, get, marks, put, type SqlRow, type Sql } from './database.ts';

const COLUMNS = 'reply.key, text, exit, hint, "row", reply.type, stands, flags, copies, notes';
/** Condition of a live reply: the store holds every nonce that it shows. */
const LIVE = `NOT EXISTS (SELECT 1 FROM shown WHERE shown.reply = reply.key AND NOT EXISTS (SELECT 1 FROM nonce
  WHERE nonce.of_claim = shown.of_claim AND nonce.sighash = shown.sighash AND nonce.pubnonce = shown.pubnonce))`;

const readReply = (row: SqlRow): Reply & { key: Hex; notes: readonly string[] } => {
  const { hint, copies, notes, stands, ...rest } = row;
  return {
    ...rest,
    stands: stands === 1,
    ...(hint !== null && { hint }),
    copies: parseJson(copies as string),
    notes: parseJson(notes as string),
  } as unknown as ReturnType<typeof readReply>;
};

export function* replyTo(key: Hex): Sql<ReturnType<typeof readReply> | undefined> {
  const row = yield* get(`SELECT ${COLUMNS} FROM reply WHERE key = ? AND ${LIVE}`, key);
  return row && readReply(row);
}

/** Yields the last reply or cancel of an action over a claim's record; none if no longer live. */
export function* lastReply(type: string, claim: Claim): Sql<ReturnType<typeof readReply> | undefined> {
  const sql = `SELECT ${COLUMNS}, ${LIVE} AS live FROM reply JOIN reply_of ON reply_of.reply = reply.key
    WHERE reply_of.record = (SELECT record FROM claim WHERE claim = ?) AND reply_of.type = ?
    ORDER BY reply_of.number DESC LIMIT 1`;
  const { live, ...row } = (yield* get(sql, claim, type)) ?? {};
  return live ? readReply(row) : undefined;
}

/** Yields the records that a reply is linked to, as they are now. */
export const recordsOf = (key: Hex): Sql<SqlRow[]> =>
  all('SELECT id, kind, name, rev, body FROM record JOIN reply_of ON record = id WHERE reply = ?', key);

export function* isAnswered(key: Hex | null): Sql<boolean> {
  return key !== null && (yield* get(`SELECT 1 FROM reply WHERE key = ? AND ${LIVE}`, key)) !== undefined;
}

/** Deletes an action's replies over these records: steps' for a cancel, cancels' for a step. */
export function* forget({ type, ends = false }: Commit['reply'], records: readonly number[]): Sql<void> {
  if (type === '' || records.length === 0) return;
  const linked = `record IN (${marks(records)})`;
  // Of steps there may be many, of cancels few: each is found by what is rarer.
  const sql = ends
    ? `DELETE FROM reply WHERE stands = 0 AND key IN (SELECT reply FROM reply_of WHERE type = ? AND ${linked})`
    : `DELETE FROM reply WHERE type = ? AND "row" = '${CANCELLED}' AND EXISTS (
        SELECT 1 FROM reply_of WHERE reply_of.reply = reply.key AND ${linked})`;
  yield* put(sql, type, ...records);
}

/**
 * Deletes replies that lost a nonce and cannot repeat, if a later reply of the action over these
 * claims has come. The last one stays: `--again` must not take an earlier one for the last.
 */
export function* forgetDead(
  { type }: Pick<Commit['reply'], 'type'>,
  claims: readonly Claim[],
  number: number,
): Sql<void> {
  if (claims.length === 0) return;
  yield* put(
    `DELETE FROM reply WHERE type = ? AND number < ? AND NOT (${LIVE})
      AND key IN (SELECT reply FROM shown WHERE of_claim IN (${marks(claims)}))`,
    type,
    number,
    ...claims,
  );
}

/** Stores a reply in place of one no longer live. @param records that it is linked to, by id */
export function* keepReply(
  key: Hex,
  { reply, notes, opens, shows }: Pick<Commit, 'reply' | 'notes' | 'opens' | 'shows'>,
  records: readonly number[],
  number: number,
): Sql<void> {
  yield* put('DELETE FROM reply WHERE key = ?', key);
  const sql = `INSERT INTO reply(key, text, exit, hint, "row", flags, copies, type, number, stands, notes)
    VALUES (${marks(Array.from({ length: 11 }))})`;
  const { text, exit, hint = null, row, flags, copies, type, stands } = reply;
  const names = printJson(notes.map(({ name }) => name));
  yield* put(sql, key, text, exit, hint, row, flags, printJson(copies), type, number, Number(stands), names);
  for (const { of, sighash, pubnonce } of [...opens, ...shows])
    yield* put('INSERT INTO shown(reply, of_claim, sighash, pubnonce) VALUES (?, ?, ?, ?)', key, of, sighash, pubnonce);
  for (const record of new Set(records))
    yield* put('INSERT INTO reply_of(record, type, number, reply) VALUES (?, ?, ?, ?)', record, type, number, key);
}

/** Deletes, after a restore, all replies but those that stand for good. */
export const forgetAll = (): Sql<void> => put('DELETE FROM reply WHERE stands = 0');
