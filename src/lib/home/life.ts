/**
 * Standing of a store, and its end once it is found not to be itself (`identity.ts`). It then loses
 * its open nonces and all replies but those that stand for good, and gives no old address again.
 * Every record becomes what its kind prescribes, and another life begins.
 * Not here: whether it is itself, and what lies outside it.
 */
import type { HeldRecord, Kind } from '../protocol/action.ts';
import { parseJson } from '../protocol/json.ts';
import { knownKind, noLongerHeld, writeOf } from './change.ts';
import { all, get, marks, put, together, type Counter, type Sql } from './database.ts';
import type { Lost, SettledStore } from './lost.ts';
import { keepAddresses } from './places.ts';
import { forgetAll } from './replies.ts';
import { besideOf, ownersOf, writeRecords, type ClaimOwner } from './sql-pieces.ts';

export interface Provenance {
  /** Place where it lay. */
  identity: string;
  life: string;
  restored?: Lost;
  commits: number;
}

export function* provenanceOf(counter: Counter): Sql<Provenance> {
  const keys = ['identity', 'life', 'restored'];
  const [rows, commits] = yield* together(
    all(`SELECT key, value FROM meta WHERE key IN (${marks(keys)})`, ...keys),
    counter.get(),
  );
  return { commits, ...Object.fromEntries(rows.map(({ key, value }) => [key, value])) } as unknown as Provenance;
}

export interface Begun {
  /** Returns the present place of the store. @param kept the stored place */
  identity: (kept: string) => string;
  life: string;
  /** Highest commit of the lost store that its tides or journal show. */
  above: number;
  still: (found: Provenance) => boolean;
}

/**
 * Begins another life of a store that was restored or copied, all in one transaction.
 * @returns the number from which it continues; false if the store has changed meanwhile
 * @throws Refusal `store-newer` for a record of an unknown kind
 */
export function* settle(
  counter: Counter,
  { identity, life, above, still }: Begun,
  kinds: readonly Kind<any>[],
): Sql<number | false> {
  const found = yield* provenanceOf(counter);
  if (!still(found)) return false;
  const number = Math.max(found.commits, above) + 1;
  const known = new Map(kinds.map((kind) => [kind.name, kind]));
  yield* forgetAll();
  yield* put('DELETE FROM nonce');
  yield* keepAddresses();
  // Computes all figures again, because a backup has none.
  yield* put('DELETE FROM figure');
  const letGo: HeldRecord[] = [];
  for (const { id } of yield* all('SELECT id FROM record ORDER BY id')) {
    const row = (yield* get('SELECT id, kind, body FROM record WHERE id = ?', id as number)) as unknown as ClaimOwner;
    const kind = knownKind(known, row.kind, 'this store was restored or copied, and', 'open');
    letGo.push(...(yield* rewrite(row, kind, (record) => kind.restored(record), number)));
  }
  for (const held of letGo) letGo.push(...(yield* release(held, number)));
  yield* setMeta('restored', 'pending' satisfies Lost);
  yield* setMeta('settled', JSON.stringify({ number, had: found.commits, above } satisfies SettledStore));
  yield* setMeta('life', life);
  yield* setMeta('identity', identity(found.identity));
  yield* counter.set(number);
  return number;
}

/** Writes a record again. @returns what it held, and holds no more */
function* rewrite(
  { id, body }: { id: number; body: string },
  kind: Kind<any>,
  next: (record: unknown) => unknown,
  number: number,
): Sql<readonly HeldRecord[]> {
  const before: unknown = kind.parse(parseJson(body));
  const record = next(before);
  yield* writeRecords([writeOf(kind, record, null, 0)], [id], yield* besideOf([id]), number);
  return noLongerHeld(kind, before, record);
}

/** Releases a record that another one held. */
function* release({ claim, kind }: HeldRecord, number: number): Sql<readonly HeldRecord[]> {
  const held = (yield* ownersOf([claim])).get(claim);
  if (held?.kind !== kind.name || !kind.released) return [];
  return yield* rewrite(held, kind, (record) => kind.released!(record), number);
}

export function* getMeta(key: string): Sql<string | undefined> {
  return (yield* get('SELECT value FROM meta WHERE key = ?', key))?.['value'] as string | undefined;
}
export function* setMeta(key: string, value: string): Sql<void> {
  const sql = 'INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value';
  yield* put(sql, key, value);
}
