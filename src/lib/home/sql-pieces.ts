/**
 * The pieces of a commit in SQL: records with their claims, nonces and notes.
 * Not here: addresses (`places.ts`), a commit's order and what it compares (`sql-store.ts`).
 */
import type { Claim, Hex, NonceId, Note } from '../protocol/action.ts';
import { freeing } from '../protocol/claims.ts';
import { canonicalJson, parseJson, type Json } from '../protocol/json.ts';
import type { Commit } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { all, get, marks, put, together, type SqlRow, type Sql } from './database.ts';
import { heldFigures, putFigures } from './figures.ts';
import { PENDING } from './schema.ts';
import type { ListedRecord, Pending } from './store.ts';

export interface ClaimOwner {
  id: number;
  kind: string;
  name: string;
  rev: number;
  body: string;
}

/** Reads the body of a record. @throws Refusal `malformed-json`, `store-damaged` for non-objects */
export function recordIn(body: string): Json {
  const record = parseJson(body);
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    throw new Refusal('store-damaged', 'a record that is no object found in the store');
  return record;
}

/** Yields the records behind these claims. */
export function* ownersOf(claims: readonly Claim[]): Sql<ReadonlyMap<Claim, ClaimOwner>> {
  if (claims.length === 0) return new Map();
  const sql = `SELECT claim, id, kind, name, rev, body FROM record JOIN claim ON record = id WHERE claim IN (${marks(claims)})`;
  const rows = yield* all(sql, ...claims);
  return new Map(rows.map((row) => [row['claim'] as Claim, row as unknown as ClaimOwner]));
}

/** Yields records with something still to be reported, of commits above this number. */
export function* pendingAbove(kind: string, rev: number): Sql<readonly Pending[]> {
  // The condition is that of the index, word for word.
  const sql = `SELECT name, rev FROM record WHERE ${PENDING} AND kind = ? AND rev > ? ORDER BY rev`;
  return (yield* all(sql, kind, rev)) as unknown as Pending[];
}

/** Yields the sealed nonces of the records behind these claims, under any claim of the record. */
export function* noncesOf(claims: readonly Claim[]): Sql<SqlRow[]> {
  const records = `SELECT record FROM claim WHERE claim IN (${marks(claims)})`;
  return yield* all(`SELECT nonce.* FROM nonce JOIN claim ON of_claim = claim WHERE record IN (${records})`, ...claims);
}

export type RecordWrite = Commit['writes'][number];
/** Returns the id of the record that this write replaces; undefined for a new record. */
export function idOf({ claim, rev, kind }: RecordWrite, owners: ReadonlyMap<Claim, ClaimOwner>): number | undefined {
  const id = claim === null || rev === 0 ? undefined : owners.get(claim)?.id;
  if (id === undefined && rev !== 0) throw new Refusal('bug', `a ${kind} is written over, but not under a claim`);
  return id;
}

/** Yields the claims of each record; none for a new one. */
function* claimsOf(ids: readonly (number | undefined)[]): Sql<readonly ReadonlySet<Claim>[]> {
  const known = ids.filter((id) => id !== undefined);
  if (known.length === 0) return ids.map(() => new Set());
  const rows = yield* all(`SELECT record, claim FROM claim WHERE record IN (${marks(known)})`, ...known);
  return ids.map((id) => new Set(rows.filter(({ record }) => record === id).map(({ claim }) => claim as Claim)));
}

/** Columns of a record that a write replaces. */
export interface ReplacedColumns {
  claims: ReadonlySet<Claim>;
  figures: ReadonlyMap<string, bigint>;
}
export function* besideOf(ids: readonly (number | undefined)[]): Sql<readonly ReplacedColumns[]> {
  const [claims, figures] = yield* together(claimsOf(ids), heldFigures(ids));
  return ids.map((_, i) => ({ claims: claims[i]!, figures: figures[i]! }));
}

/**
 * Writes records with their claims, nonces, figures and freed addresses.
 * @param ids of the replaced records, each with its dependent rows
 * @returns the ids of all
 */
export function* writeRecords(
  writes: readonly RecordWrite[],
  ids: readonly (number | undefined)[],
  beside: readonly ReplacedColumns[],
  number: number,
): Sql<number[]> {
  const held = beside.map(({ claims }) => claims);
  const written: number[] = [];
  // All old claims go before new ones come: one commit may hand a claim from one of its records to another.
  for (const [i, { claims, nonces }] of writes.entries()) {
    yield* endNonces([...held[i]!], nonces);
    yield* dropClaims([...held[i]!].filter((claim) => !claims.includes(claim)));
  }
  for (const [i, { kind, record, row, claims, figures }] of writes.entries()) {
    const id = yield* putRecord(ids[i], kind, record, row, number);
    if (row.frees) yield* put('UPDATE address SET spare = 1 WHERE record = ?', id);
    yield* putFigures(id, beside[i]!.figures, figures);
    yield* together(...claims.filter((claim) => !held[i]!.has(claim)).map((claim) => addClaim(claim, id)));
    written.push(id);
  }
  return written;
}

/** Columns of a record without its id. */
export const COLUMNS = 'kind name state rev high_sat limit_sat "left" over issuer issued_sat owed_sat body'.split(' ');
const INSERT = `INSERT INTO record(${COLUMNS.join(', ')}) VALUES (${marks(COLUMNS)}) RETURNING id`;
const UPDATE = `UPDATE record SET ${COLUMNS.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`;

/** Returns the number that the schema has for `over`. */
const overOf = ({ over }: Pick<RecordWrite['row'], 'over'>): number =>
  over === undefined ? 0 : over === 'ended' ? 1 : 2;

function* putRecord(
  id: number | undefined,
  kind: string,
  record: object,
  row: RecordWrite['row'],
  number: number,
): Sql<number> {
  const values = [
    kind,
    row.name,
    row.state,
    number,
    row.highSat,
    row.limitSat,
    Number(row.left),
    overOf(row),
    row.issuer ?? null,
    row.issuedSat ?? 0n,
    row.owedSat ?? null,
    canonicalJson(record),
  ];
  if (id === undefined) return (yield* get(INSERT, ...values))!['id'] as number;
  yield* put(UPDATE, ...values, id);
  return id;
}

/** Deletes claims, with the nonces that were open for them. */
export function* dropClaims(dropped: readonly Claim[]): Sql<void> {
  if (dropped.length === 0) return;
  yield* endNonces(dropped);
  yield* put(`DELETE FROM claim WHERE claim IN (${marks(dropped)})`, ...dropped);
}

/** Ends the nonces of these claims, except for signature hashes in `stay`. */
function* endNonces(claims: readonly Claim[], stay: readonly Hex[] = []): Sql<void> {
  if (claims.length === 0) return;
  const but = stay.length === 0 ? '' : ` AND sighash NOT IN (${marks(stay)})`;
  yield* put(`DELETE FROM nonce WHERE of_claim IN (${marks(claims)})${but}`, ...claims, ...stay);
}

function* addClaim(claim: Claim, id: number): Sql<void> {
  const sql = 'INSERT INTO claim(claim, record) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING record';
  if (yield* get(sql, claim, id)) return;
  const owner = (yield* ownersOf([claim])).get(claim);
  if (owner?.id !== id) throw inUse(claim, owner);
}

const inUse = (claim: Claim, owner: ClaimOwner | undefined): Refusal =>
  new Refusal(
    'already-known',
    `${claim} is in use by ${owner ? `${owner.kind} ${owner.name}` : 'another record of this home'}`,
    owner ? { hint: freeing(owner) } : {},
  );

/** Writes a note. @param number of its commit, from which a lapsing note is counted */
export function* addNote({ name, body, lapses }: Note, number: number): Sql<void> {
  const sql = 'INSERT INTO note(name, body, lapses) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING name';
  if (!(yield* get(sql, name, canonicalJson(body), lapses ? number : null)))
    throw new Refusal('already-known', `${name} was noted before, under another request`);
}

/** Raises the revision of records whose nonces change: runs that loaded them lose the race. */
export function* touch(nonces: readonly NonceId[], writes: readonly RecordWrite[], number: number): Sql<void> {
  const written = new Set(writes.flatMap(({ claims }) => claims));
  const claims = [...new Set(nonces.map(({ of }) => of))].filter((claim) => !written.has(claim));
  if (claims.length === 0) return;
  const records = `SELECT record FROM claim WHERE claim IN (${marks(claims)})`;
  yield* put(`UPDATE record SET rev = ? WHERE id IN (${records})`, number, ...claims);
}

/** Yields the first of these nonces that is not open, or is listed twice. */
export function* consumedOf(spends: readonly NonceId[]): Sql<NonceId | undefined> {
  const sql = 'SELECT 1 FROM nonce WHERE of_claim = ? AND sighash = ?';
  const open = yield* together(...spends.map(({ of, sighash }) => get(sql, of, sighash)));
  const isSame = (one: NonceId, other: NonceId) => one.of === other.of && one.sighash === other.sighash;
  return spends.find((nonce, i) => !open[i] || spends.slice(0, i).some((other) => isSame(nonce, other)));
}

export const endNonce = ({ of, sighash }: NonceId): Sql<void> =>
  put('DELETE FROM nonce WHERE of_claim = ? AND sighash = ?', of, sighash);

/** Returns a row of the table `record`, whose body is parsed on each use. */
export function lazily<L extends ListedRecord>({ body, ...row }: SqlRow): L {
  return Object.defineProperty(row, 'record', {
    get: () => parseJson(body as string),
    enumerable: true,
  }) as unknown as L;
}

/** Name of the lock that commits with addresses share. */
export const ADDRESSES = 'addresses';

/** Returns the lock names of a commit (`Database.write`). */
export function namesToLock({ key, reads, writes, opens, spends, notes, addresses }: Commit): string[] {
  return [
    ...(key === null ? [] : [`reply:${key}`]),
    ...[...reads, ...writes].flatMap(({ claim }) => claim ?? []),
    ...writes.flatMap(({ claims }) => claims),
    ...[...opens, ...spends].map(({ of }) => of),
    ...notes.map(({ name }) => `note:${name}`),
    ...(addresses.length > 0 ? [ADDRESSES] : []),
  ];
}
