/**
 * A backup: a consistent copy of a home in use, and a home restored from one.
 *
 * It is a directory like a home, with a SQLite store whatever the home's database, so it also moves
 * a home between databases. It leaves out open nonces, replies that showed one, and shares of
 * statecoins (`shares.ts`). A home restored from it only exits until its journal is reconciled
 * (`identity.ts`).
 * Not here: what came after the backup (`journal.ts`, `reconcile.ts`).
 */
import { chmodSync, closeSync, copyFileSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Refusal } from '../protocol/refusal.ts';
import { BACKUP_FILE, checkSeed, readConfig, SEED_FILE, withoutPassword, writeConfig, type Config } from './config.ts';
import { Connection } from './sqlite.ts';
import { all, get, marks, put, type SqlRow, type Sql, type Value } from './database.ts';
import { makeDirectory } from './directory.ts';
import { realPath, syncFile, writePrivate } from './files.ts';
import { IDENTITY_FILE, identityText, STORE_FILE } from './identity.ts';
import type { FoundFile, Journal } from './journal.ts';
import { isKnown, isRead, lostOf, mayLack, readOf, unreadOf } from './lost.ts';
import { MIGRATIONS } from './schema.ts';
import { ARMOR, checkMnemonic, seedOf, writeSeed } from './seed.ts';
import { COLUMNS } from './sql-pieces.ts';
import type { HomeStore } from './sql-store.ts';

/** Replies that stand for good, and show no nonce. */
const STANDING = 'stands = 1 AND key NOT IN (SELECT reply FROM shown)';

/** Tables that are copied, each after those that it refers to, page by page along its key. */
const TABLES = [
  // Their figures come back when a home that is made of it is opened (`life.ts`).
  { table: 'record', key: ['id'], columns: ['id', ...COLUMNS] },
  { table: 'claim', key: ['claim'], columns: ['claim', 'record'] },
  {
    table: 'reply',
    key: ['key'],
    columns: 'key text exit hint "row" flags copies type number stands notes'.split(' '),
    but: STANDING,
  },
  {
    table: 'reply_of',
    key: ['reply', 'record'],
    columns: ['record', 'type', 'number', 'reply'],
    but: `reply IN (SELECT key FROM reply WHERE ${STANDING})`,
  },
  { table: 'address', key: ['script'], columns: ['chain', 'idx', 'script', 'address'] },
  { table: 'note', key: ['name'], columns: ['name', 'body', 'lapses'] },
  { table: 'dropped', key: ['name'], columns: ['name', 'records', 'units', 'rest'] },
  { table: 'meta', key: ['key'], columns: ['key', 'value'], but: "key NOT IN ('commits', 'schema', 'home')" },
] as const satisfies readonly { table: string; key: readonly string[]; columns: readonly string[]; but?: string }[];
const PAGE = 500;

export interface Backup {
  dir: string;
  /** Number of the newest commit in the backup. */
  commit: number;
  /** Number of records of each kind. */
  records: Readonly<Record<string, number>>;
  seed: 'encrypted' | 'plain' | 'left-out';
  open_nonces: number;
  shares: number;
  /** Journal files that the backup covers; none while the home may have gaps (`lost.ts`). */
  covered: readonly string[];
  /** Journal files that the home has never read. */
  unread: readonly string[];
}

/** Part of a backup's summary that is known once the store is copied. */
type Counted = Pick<Backup, 'commit' | 'records' | 'open_nonces' | 'shares'>;

export interface BackupOptions {
  dir: string;
  to: string;
  seed: boolean;
  config: Config;
  store: HomeStore;
  journal: Journal;
}

/** Backs up a home in use. @throws Refusal `home-exists`, `cannot-write`, `store-unavailable` */
export async function backupHome({ dir, to, seed, config, store, journal }: BackupOptions): Promise<Backup> {
  if (isWithin(dir, realPath(to)))
    throw new Refusal('cannot-write', `${to} lies in the home itself, a place that outlives it expected`);
  const { store: _, ...copied } = config;
  const [lost, read] = [await lostOf(store), await readOf(store)];
  // A home with records missing from its store covers no journal.
  const ends = (file: FoundFile): boolean => isKnown(file, read) || isRead(file, read);
  const sealed = mayLack(lost) ? [] : await journal.seal(ends);
  const files = mayLack(lost) ? [] : await journal.files();
  // Only the size of a finished file shows whether all of it was read.
  const covered = sealed.filter((path) => files.some((file) => file.path === path && isKnown(file, read)));
  const unread = unreadOf(files, read, lost);
  let made: Counted;
  await makeDirectory(to, async (at) => {
    writeConfig(at, copied, BACKUP_FILE);
    made = await copyStore(store, join(at, STORE_FILE));
    if (seed) writePrivate(join(at, SEED_FILE), readFileSync(join(dir, SEED_FILE)));
  });
  return { dir: to, ...made!, seed: seed ? seedForm(dir) : 'left-out', covered, unread };
}

function isWithin(dir: string, path: string): boolean {
  const way = relative(dir, path);
  return way !== '' && way.split(sep)[0] !== '..' && !isAbsolute(way);
}

const seedForm = (dir: string) =>
  readFileSync(join(dir, SEED_FILE), 'utf8').startsWith(ARMOR) ? ('encrypted' as const) : ('plain' as const);

/** Copies the store at one moment to a new SQLite file, without what must not be in a copy. */
async function copyStore(store: HomeStore, path: string) {
  closeSync(openSync(path, 'wx', 0o600));
  // Without a write-ahead log: the copy would lack its content, and its end cannot report a full disk.
  const target = new Connection(path, MIGRATIONS, { journal: 'DELETE' });
  try {
    const copied = await store.snapshot(function* (counter): Sql<Counted> {
      const commit = yield* counter.get();
      for (const copied of TABLES)
        yield* pages(copied, (rows) =>
          target.write(() => rows.forEach((row) => target.run(insertInto(copied), ...valuesOf(copied, row)))),
        );
      target.run('UPDATE meta SET value = ? WHERE key = ?', String(commit), 'commits');
      const kinds = yield* all('SELECT kind, count(*) AS n FROM record GROUP BY kind ORDER BY kind');
      const { n: nonces } = (yield* get('SELECT count(*) AS n FROM nonce'))!;
      const { n: shares } = (yield* get("SELECT count(*) AS n FROM claim WHERE claim LIKE 'share:%'"))!;
      return {
        commit,
        records: Object.fromEntries(kinds.map(({ kind, n }) => [kind, Number(n)])),
        open_nonces: Number(nonces),
        shares: Number(shares),
      };
    });
    target.check();
    return copied;
  } finally {
    target.close();
  }
}

type Copied = (typeof TABLES)[number];

function* pages({ table, key, columns, ...rest }: Copied, take: (rows: readonly SqlRow[]) => void): Sql<void> {
  const order = key.join(', ');
  for (let last: readonly Value[] = []; ;) {
    const where = ['but' in rest && rest.but, last.length > 0 && `(${order}) > (${marks(key)})`].filter(
      (part) => part !== false,
    );
    const from = `FROM ${table} ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''}`;
    const rows = yield* all(`SELECT ${columns.join(', ')} ${from} ORDER BY ${order} LIMIT ${PAGE}`, ...last);
    take(rows);
    if (rows.length < PAGE) return;
    last = key.map((column) => rows.at(-1)![column] as Value);
  }
}

const insertInto = ({ table, columns }: Copied, more = ''): string =>
  `INSERT INTO ${table}(${columns.join(', ')}) ${more} VALUES (${marks(columns)})`;
const valuesOf = ({ columns }: Copied, row: SqlRow): Value[] =>
  columns.map((column) => row[column.replaceAll('"', '')] as Value);

export interface RestoreOptions {
  /** Directory of the backup. */
  from: string;
  dir: string;
  /** Folder to record in place of that of the lost home. */
  refundsDir?: string;
  journalDir?: string;
  /** URL of an empty PostgreSQL database; absent for a SQLite file. */
  store?: string;
  /** Words of the home, for a backup that was made without them. */
  mnemonic?: string;
  passphrase?: string;
}

/**
 * Makes a home of a backup, whole or not at all.
 * @throws Refusal `no-home`, `home-exists`, `cannot-write`, `store-unavailable`, `store-damaged`,
 * `store-newer`
 * @throws Refusal `usage` for no seed and no words, or both; `wrong-seed` for words of another home
 */
export async function restoreHome(options: RestoreOptions): Promise<Config> {
  const { from, dir, store, refundsDir, journalDir, mnemonic, passphrase } = options;
  // A backup names no database: it holds its own store.
  // Nor its journal: were the lost home alive after all, as in a drill, two would seal and cover the files of one folder.
  const { store: _, journal: __, ...config } = readConfig(resolve(from), BACKUP_FILE);
  const seed = join(from, SEED_FILE);
  if (existsSync(seed) === (mnemonic !== undefined))
    throw new Refusal('usage', mnemonic ? 'words found for a backup with a seed' : `${from} holds no seed`, {
      hint: mnemonic ? 'leave --mnemonic-fd out' : 'give the words with --mnemonic-fd',
    });
  const path = join(from, STORE_FILE);
  if (!existsSync(path)) throw new Refusal('store-damaged', `${from} holds no ${STORE_FILE}`);
  const made: Config = {
    ...config,
    ...(refundsDir !== undefined && { refunds: resolve(refundsDir) }),
    ...(journalDir !== undefined && { journal: resolve(journalDir) }),
    ...(store !== undefined && { store: withoutPassword(store) }),
  };
  await makeDirectory(resolve(dir), async (at) => {
    writeConfig(at, made);
    if (mnemonic === undefined) writePrivate(join(at, SEED_FILE), readFileSync(seed));
    else {
      const words = await checkMnemonic(mnemonic);
      const { homeKeys } = await import('./keys.ts');
      checkSeed(config, homeKeys(seedOf(words), config.network), 'the words are');
      await writeSeed(join(at, SEED_FILE), words, passphrase);
    }
    const copy = join(at, STORE_FILE);
    // Never in the backup itself: opening a file of SQLite writes to it.
    copyFileSync(path, copy);
    chmodSync(copy, 0o600);
    const source = new Connection(copy, MIGRATIONS, { holds: 'a store', journal: 'DELETE' });
    try {
      source.check();
      if (store !== undefined)
        await (await import('./postgres.ts')).createPostgres(store, config.id, () => fill(source));
    } finally {
      source.close();
    }
    if (store !== undefined) rmSync(copy);
    else {
      syncFile(copy);
      writePrivate(join(at, IDENTITY_FILE), identityText(config.id));
    }
  });
  return made;
}

/** Copies all of a SQLite store into an empty PostgreSQL store. */
function* fill(source: Connection): Sql<void> {
  for (const copied of TABLES) {
    const sql = insertInto(copied, copied.table === 'record' ? 'OVERRIDING SYSTEM VALUE' : '');
    const rows: SqlRow[] = [];
    source.answer(pages(copied, (page) => rows.push(...page)));
    for (const row of rows) yield* put(sql, ...valuesOf(copied, row));
  }
  const { value } = source.get("SELECT value FROM meta WHERE key = 'commits'")!;
  if (Number(value) > 0) yield* all("SELECT setval('commit_number', ?)", Number(value));
  yield* all(
    "SELECT setval(pg_get_serial_sequence('record', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM record), false)",
  );
}
