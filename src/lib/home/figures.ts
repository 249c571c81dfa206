/**
 * Sums over all records of a home, updated as records change, so that no report walks over the
 * records.
 *
 * A kind names the figures of a record (`Kind.figures`). Each is a row of the table `figure`,
 * replaced in the commit that writes the record; `total` has their sums by name (`schema.ts`). An
 * index over names and values finds records in the order of a figure, the nearest deadline first.
 * The sums include pruned records (`prune.ts`), whose figures are in `dropped`.
 * Not here: what counts (each family's `figures`).
 */
import type { Kind } from '../protocol/action.ts';
import { fundingClaim } from '../protocol/claims.ts';
import { Tally, type Figures, type Totals } from '../protocol/figures.ts';
import { all, marks, put, together, type SqlRow, type Sql } from './database.ts';
import { UNIT } from './schema.ts';
import type { Stretch } from './store.ts';

/** Number of records in one query. */
const PAGE = 500;

/** Returns a record's figures under the store's names, which start with the name of its kind. */
export const storedFigures = <R>(kind: Kind<R>, record: R): Figures =>
  Object.fromEntries(
    Object.entries(kind.figures?.(record) ?? {}).flatMap(([name, value]) =>
      value === 0n ? [] : [[figureName(kind, name), value]],
    ),
  );
const figureName = (kind: Pick<Kind<any>, 'name'>, name: string): string => `${kind.name} ${name}`;

type FigureValues = ReadonlyMap<string, bigint>;

/** Returns the stored figures of each of these records; empty for a new record. */
export function* heldFigures(ids: readonly (number | undefined)[]): Sql<readonly FigureValues[]> {
  const known = ids.filter((id) => id !== undefined);
  if (known.length === 0) return ids.map(() => new Map());
  const rows = yield* all(`SELECT record, name, value FROM figure WHERE record IN (${marks(known)})`, ...known);
  const of = Map.groupBy(rows, ({ record }) => record as number);
  return ids.map((id) => new Map((of.get(id ?? -1) ?? []).map((row) => [row['name'] as string, bigint(row, 'value')])));
}

/** Writes the changed figures of a record. */
export function* putFigures(id: number, held: FigureValues, figures: Figures): Sql<void> {
  const gone = [...held].flatMap(([name, value]) => (figures[name] === value ? [] : [name]));
  const fresh = Object.entries(figures).filter(([name, value]) => held.get(name) !== value);
  if (gone.length > 0) yield* put(`DELETE FROM figure WHERE record = ? AND name IN (${marks(gone)})`, id, ...gone);
  if (fresh.length === 0) return;
  const sql = `INSERT INTO figure(record, name, value) VALUES ${fresh.map(() => '(?, ?, ?)').join(', ')}`;
  yield* put(sql, ...fresh.flatMap((figure) => [id, ...figure]));
}

/** Yields the records of a kind in the order of one of their figures. */
export const recordsInOrder = (kind: Pick<Kind<any>, 'name'>, figure: string, stretch: Stretch): Sql<SqlRow[]> =>
  stretchOf(kind, figure, stretch, 'kind, record.name, state, rev, body', '');

/** Yields those of them that claim a stated outpoint. ';' follows ':' in the order of claims. */
export const statedInOrder = (kind: Pick<Kind<any>, 'name'>, figure: string, stretch: Stretch): Sql<SqlRow[]> => {
  const claims = `JOIN claim ON claim.record = figure.record AND claim >= '${fundingClaim('')}' AND claim < 'funding;'`;
  return stretchOf(kind, figure, stretch, 'record.name, claim', claims);
};

function* stretchOf(
  kind: Pick<Kind<any>, 'name'>,
  figure: string,
  { after, upTo, most }: Stretch,
  columns: string,
  join: string,
): Sql<SqlRow[]> {
  const { value, id } = after ?? { value: -1n, id: 0 };
  const until = upTo === undefined ? '' : 'AND value <= ?';
  const sql = `SELECT id, value, ${columns} FROM figure JOIN record ON record.id = figure.record ${join}
    WHERE figure.name = ? AND (figure.value, figure.record) > (?, ?) ${until}
    ORDER BY figure.value, figure.record LIMIT ?`;
  return yield* all(sql, figureName(kind, figure), value, id, ...(upTo === undefined ? [] : [upTo]), most);
}

/** Figures that count in place of a record's own, valid for one revision. */
export interface Otherwise {
  rev: number;
  was: Figures;
  is: Figures;
}

/** Yields the sums over records of a kind. @param otherwise figures in place of some records' */
export function* totalsOf(kind: Pick<Kind<any>, 'name'>, otherwise: ReadonlyMap<number, Otherwise>): Sql<Totals> {
  const parts: number[][] = [];
  for (let ids = [...otherwise.keys()]; ids.length > 0; ids = ids.slice(PAGE)) parts.push(ids.slice(0, PAGE));
  const [found, ...revisions] = yield* together(sums(kind), ...parts.map(revisionsOf));
  const tally = new Tally(found);
  const current = new Map(revisions.flatMap((part) => [...part]));
  for (const [id, { rev, was, is }] of otherwise) if (current.get(id) === rev) tally.take(was).add(is);
  return tally.totals();
}

function* revisionsOf(ids: readonly number[]): Sql<ReadonlyMap<number, number>> {
  const rows = yield* all(`SELECT id, rev FROM record WHERE id IN (${marks(ids)})`, ...ids);
  return new Map(rows.map(({ id, rev }) => [id as number, rev as number]));
}

function* sums(kind: Pick<Kind<any>, 'name'>): Sql<Totals> {
  const parts = ['records', 'units', 'rest'].map((part) => `CAST(sum(${part}) AS BIGINT) AS ${part}`).join(', ');
  const each = ['total', 'dropped'].map(
    (table) => `SELECT name, records, units, rest FROM ${table} WHERE name >= ? AND name < ?`,
  );
  const sql = `SELECT name, ${parts} FROM (${each.join(' UNION ALL ')}) AS every GROUP BY name HAVING sum(records) <> 0`;
  const first = figureName(kind, '');
  // '!' follows the space behind the name of the kind.
  const rows = yield* all(sql, first, `${kind.name}!`, first, `${kind.name}!`);
  return new Map(
    rows.map((row) => [
      (row['name'] as string).slice(first.length),
      { records: Number(row['records']), sum: bigint(row, 'units') * BigInt(UNIT) + bigint(row, 'rest') },
    ]),
  );
}

const bigint = (row: SqlRow, column: string): bigint => BigInt(row[column] as number);
