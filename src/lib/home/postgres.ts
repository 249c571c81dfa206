/**
 * The store of a home in a PostgreSQL database of its own, which many workers share.
 *
 * READ COMMITTED, and locks taken in one order before anything is read. First comes an advisory
 * lock for every name that the commit touches: no other lock holds a claim without a record. Then
 * come the records themselves. From there on nobody else changes what this commit compares.
 * Compare-and-swap works as under SQLite's one writer, and commits cannot deadlock. SERIALIZABLE
 * watches whole index pages: commits of strangers would fail each other. The counter of commits is
 * a sequence: a row would delay every commit until the one before it is synced.
 *
 * Round trips dominate the cost. Statements that need no answer of each other travel together:
 * those of an `ask`, a commit's first reads with BEGIN and the locks, its last writes with COMMIT.
 * The server runs them in order. A failed one fails all behind it, COMMIT included. No write is
 * sent before BEGIN and the locks are answered, so none can ever stand alone.
 *
 * Each connection is examined before its first use: what a commit promises, which cluster answers
 * (`identity.ts`), and that it has all commits of this process. A pooler is refused: it gives the
 * next statement to another connection. A commit whose connection is lost has an unknown outcome.
 * The same input then gets the stored reply, or runs anew. A nonce's row stays in its page until
 * vacuum, encrypted (`at-rest.ts`).
 * Not here: the logic (`sql-store.ts`), tables (`schema.ts`).
 */
import pg from 'pg';
import { Refusal } from '../protocol/refusal.ts';
import { get, put, type Counter, type Database, type SqlRow, type Sql, type Statement } from './database.ts';
import type { StorePlace } from './identity.ts';
import { POSTGRES_MIGRATIONS } from './schema.ts';
import { HomeStore, type StoreOptions } from './sql-store.ts';
import { getMeta, setMeta } from './life.ts';

const WAIT_MS = 10_000;
/** Time to wait for an answer: a few waits for locks. A server that has vanished never answers. */
const ANSWER_MS = 3 * WAIT_MS;
const CONNECTIONS = 4;
const INT8 = 20;

/**
 * Draws the next number. `nextval` would log a number 32 ahead: a copy of the disk could begin
 * above the commits that it lacks. The lock ends with the statement, long before the sync.
 */
const NEXT = `SELECT pg_advisory_lock(0, 0),
  setval('commit_number', coalesce(pg_sequence_last_value('commit_number'), 0) + 1) AS number,
  pg_advisory_unlock(0, 0)`;
/** Rolls back, and frees the counter's lock, which a failed statement leaves to its session. */
const ROLLBACK = 'ROLLBACK; SELECT pg_advisory_unlock_all()';
const counter: Counter = {
  *next() {
    return (yield* get(NEXT))!['number'] as number;
  },
  *get() {
    const sql = 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS number FROM commit_number';
    return (yield* get(sql))!['number'] as number;
  },
  *set(number) {
    yield* put(`SELECT pg_advisory_xact_lock(0, 0), setval('commit_number', ?)`, number);
  },
};

/**
 * Puts the schema and the first rows into an empty database, all of it or nothing.
 * @param begin receives the identity of the store (`identity.ts`)
 * @throws Refusal `home-exists` where a home has its store there
 */
export async function createPostgres(
  url: string,
  homeId: string,
  begin: (identity: string) => Sql<void>,
): Promise<void> {
  const db = new Postgres(url);
  try {
    await db.create(homeId, begin);
  } finally {
    db.close();
  }
}

/**
 * Opens a store.
 * @throws Refusal `store-unavailable`, `store-damaged`, `store-newer`, `store-foreign`
 * @throws Refusal `store-pooled`, `commit-unsynced`
 */
export async function openPostgres(
  url: string,
  homeId: string,
  options: StoreOptions,
  waits?: Waits,
): Promise<{ store: HomeStore; place: StorePlace }> {
  const db = new Postgres(url, waits);
  try {
    await db.migrate(homeId);
    const text = await db.identity();
    return {
      store: new HomeStore(db, options),
      place: { text: () => text, compare: (kept) => (kept === text ? 'same' : 'other') },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

export interface Waits {
  /** Time to wait for a connection. */
  waitMs: number;
  /** Time to wait for an answer. */
  answerMs: number;
}
const WAITS: Waits = { waitMs: WAIT_MS, answerMs: ANSWER_MS };

class Postgres implements Database {
  readonly counter = counter;
  readonly #pool: pg.Pool;
  /** Name of the database in messages, without user and password. */
  readonly #place: string;
  readonly #examined = new WeakSet<pg.PoolClient>();
  #identity: string | undefined;
  /** Highest commit of this process, which no server may lack; others' may not be on disk yet. */
  #committed = 0;

  /** Prepares a pool of connections. @param waits shorter ones for tests */
  constructor(url: string, { waitMs, answerMs }: Waits = WAITS) {
    const { host, pathname } = new URL(url);
    this.#place = `PostgreSQL at ${host || 'the local socket'}${pathname}`;
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'spillway',
      max: CONNECTIONS,
      allowExitOnIdle: true,
      connectionTimeoutMillis: waitMs,
      lock_timeout: WAIT_MS,
      // A worker that hangs in a commit holds up nobody for longer than this.
      idle_in_transaction_session_timeout: WAIT_MS,
      // A commit is synced before it is answered, even if the server's settings change meanwhile.
      options: '-c search_path=public -c synchronous_commit=on',
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: waitMs,
      query_timeout: answerMs,
      types: {
        getTypeParser: (oid, format) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')),
      },
    });
    // An idle connection that breaks is replaced by the next use.
    this.#pool.on('error', () => {});
  }

  /** Returns the marks that distinguish this store from a copy (`identity.ts`). */
  async identity(): Promise<string> {
    return this.#use(async (client) => markOf(await this.#state(client)));
  }

  async read<T>(work: () => Sql<T>): Promise<T> {
    return this.#transaction(READ, [], work()) as Promise<T>;
  }

  async ask<T>(work: () => Sql<T>): Promise<T> {
    const asking = work();
    const step = asking.next([]);
    if (step.done) return step.value;
    // A single statement sees one state of the store by itself.
    const [before, after]: [Query[], Query[]] = step.value.length === 1 ? [[], []] : [[READ], ['COMMIT']];
    const queries = [...before, ...step.value.map(prepared), ...after];
    const rows = await this.#use((client) => answers(queries.map((query) => client.query(query as string))));
    const end = asking.next(rows.slice(before.length, before.length + step.value.length));
    if (!end.done) throw new Refusal('bug', 'the store is asked a second time where it was to be asked once');
    return end.value;
  }

  async write<T>(names: readonly string[] | 'all', work: () => Sql<T>): Promise<T | false> {
    const locks = names === 'all' ? [LOCK_ALL] : [lockNames(names), lockRecords(names)];
    return this.#transaction(WRITE, locks, work());
  }

  /** Brings the schema up to date, once, even if others do it at the same time. */
  async migrate(homeId: string): Promise<void> {
    await this.#alone(this.#migrate(homeId, false));
    this.#identity = await this.identity();
  }
  async create(homeId: string, begin: (identity: string) => Sql<void>): Promise<void> {
    await this.#alone(this.#create(homeId, begin));
  }
  async #alone(work: Sql<true>): Promise<void> {
    if (!(await this.#transaction(WRITE, [lockNames(['migrate'])], work)))
      throw new Refusal('concurrent', `${this.#place} is changed by another run`, { hint: 'run it again' });
  }
  *#create(homeId: string, begin: (identity: string) => Sql<void>): Sql<true> {
    yield* this.#migrate(homeId, true);
    yield* begin(markOf((yield* get(STATE)) as unknown as State));
    return true;
  }
  *#migrate(homeId: string, create: boolean): Sql<true> {
    const newest = POSTGRES_MIGRATIONS.length;
    // Queried from the table: a name resolved before the lock would still be unknown.
    const named = `SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'meta'`;
    const there = (yield* get(named)) !== undefined;
    if (there && create)
      throw new Refusal('home-exists', `${this.#place} holds the store of another home`, {
        hint: 'take an empty database; a store is never overwritten. Of a run that was killed at its end it is one without a home: drop it',
      });
    if (!there && !create)
      throw new Refusal('store-damaged', `${this.#place} holds no store of a home`, {
        hint: 'spillway init --store URL makes one, with its home',
      });
    const version = there ? Number(yield* getMeta('schema')) : 0;
    if (version > newest)
      throw new Refusal('store-newer', `${this.#place} has schema ${version}, at most ${newest} expected`, {
        hint: 'a newer spillway has used this home; update this one',
      });
    for (const step of POSTGRES_MIGRATIONS.slice(version)) yield* put(step);
    if (version !== newest) yield* setMeta('schema', String(newest));
    if (create) yield* setMeta('home', homeId);
    if ((yield* getMeta('home')) !== homeId)
      throw new Refusal('store-foreign', `${this.#place} holds the store of another home than this one`);
    return true;
  }

  async check(): Promise<void> {
    // PostgreSQL checks what it reads (initdb --data-checksums); there is no cheap check of the whole.
  }
  close(): void {
    void this.#pool.end().catch(() => {});
  }

  /** Runs a transaction. Returns false if `work` does, or if the server noticed a lost race. */
  async #transaction<T>(begin: string, locks: readonly Query[], work: Sql<T>): Promise<T | false> {
    return this.#use(async (client) => {
      const sent: Promise<pg.QueryResult>[] = [];
      const send = (query: Query) => void sent.push(client.query(query as string));
      const opening = [begin, ...locks];
      let number = 0;
      try {
        opening.forEach(send);
        for (let rows: SqlRow[][] = []; ;) {
          const step = work.next(rows);
          if (step.done) {
            send(step.value === false ? 'ROLLBACK' : 'COMMIT');
            await answers(sent);
            if (step.value !== false) this.#committed = Math.max(this.#committed, number);
            return step.value;
          }
          if (!step.value.every(({ sql }) => sql.startsWith('SELECT'))) await answers(sent.slice(0, opening.length));
          step.value.map(prepared).forEach(send);
          rows = step.value.some(({ read }) => read) ? (await answers(sent)).slice(-step.value.length) : [];
          const at = step.value.findIndex(({ sql }) => sql === NEXT);
          if (at >= 0) number = rows[at]![0]!['number'] as number;
        }
      } catch (error) {
        await Promise.allSettled(sent);
        // A server that has vanished answers no more.
        if (!isAnswer(error)) throw error;
        await client.query(ROLLBACK);
        if (RACES.includes((error as { code?: string }).code ?? '')) return false;
        throw error;
      }
    });
  }

  async #use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient | undefined;
    try {
      client = await this.#pool.connect();
      if (!this.#examined.has(client)) await this.#examine(client);
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // A connection is reusable after an answer of the server; any other may be in any state.
      client?.release(!isAnswer(error));
      throw refusalOf(error, this.#place);
    }
  }

  /** Examines the server behind a connection. @throws Refusal if it or its cluster is unfit */
  async #examine(client: pg.PoolClient): Promise<void> {
    // Without a listener, a connection that breaks while nothing is asked of it would end the process.
    client.on('error', () => {});
    // Commits reported after this question prove nothing of a server that answered it before them.
    const committed = this.#committed;
    const state = await this.#state(client);
    // A pooler's first message states another number than that of the server's process.
    if (state.pid !== (client as pg.PoolClient & { processID: number }).processID) throw pooled(this.#place);
    if (state.standby)
      throw new Refusal('store-foreign', `${this.#place} is a standby, the primary expected`, {
        hint: 'a replica is for reading by other programs and for failover only',
      });
    if (state.fsync !== 'on')
      throw new Refusal('commit-unsynced', `${this.#place}: fsync is ${state.fsync}, on expected`, {
        hint: 'a payment that was acknowledged could be lost in a crash',
      });
    const hint = 'start again: the store is then looked at as a restored one';
    if (this.#identity !== undefined && markOf(state) !== this.#identity)
      throw new Refusal('store-foreign', `${this.#place} is another cluster than before: failover or restore`, {
        hint,
      });
    if (state.commits < committed)
      throw new Refusal('store-foreign', `${this.#place} lacks commits that it had before: a backup in its place`, {
        hint,
      });
    this.#examined.add(client);
  }

  async #state(client: pg.PoolClient): Promise<State> {
    return (await client.query<State>(STATE)).rows[0]!;
  }
}

interface State {
  pid: number;
  fsync: string;
  commits: number;
  standby: boolean;
  system: string;
  timeline: string | null;
  database: string;
  meta: string | null;
}
/** State of the server. The timeline is the log's: `pg_control` is late just after a promotion. */
const STATE = `
  SELECT pg_backend_pid() AS pid, current_setting('fsync') AS fsync, pg_is_in_recovery() AS standby,
    coalesce(pg_sequence_last_value(to_regclass('commit_number')), 0) AS commits,
    (SELECT system_identifier::text FROM pg_control_system()) AS system,
    CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline,
    (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database,
    to_regclass('meta')::oid::text AS meta`;
const markOf = ({ system, timeline, database, meta }: State): string =>
  `cluster ${system} timeline ${timeline} database ${database} table ${meta}`;

const READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const WRITE = 'BEGIN ISOLATION LEVEL READ COMMITTED';
type Query = string | pg.QueryConfig;
const LOCK_ALL = 'LOCK TABLE record, claim, nonce, reply, meta IN EXCLUSIVE MODE';
/** Locks names. Both locks are taken in one order, by hash and by id, so that none deadlock. */
const lockNames = (names: readonly string[]): Query => ({
  name: 'names',
  text: `SELECT pg_advisory_xact_lock(hash) FROM
    (SELECT DISTINCT hashtextextended(name, 0) AS hash FROM unnest($1::text[]) AS name ORDER BY hash) AS sorted`,
  values: [names],
});
const lockRecords = (names: readonly string[]): Query => ({
  name: 'records',
  text: `SELECT id FROM record WHERE id IN (SELECT record FROM claim WHERE claim = ANY($1::text[])) ORDER BY id FOR UPDATE`,
  values: [names],
});

/** Returns whether the server itself answered the error: its connection is then still good. */
const isAnswer = (error: unknown): boolean => error instanceof Refusal || error instanceof pg.DatabaseError;

/** Returns the rows of each statement. @throws the first error: statements behind it repeat it */
async function answers(sent: readonly Promise<pg.QueryResult>[]): Promise<SqlRow[][]> {
  await Promise.allSettled(sent);
  return (await Promise.all(sent)).map(({ rows }) => rows as SqlRow[]);
}

/** Prepared statements by text, with `$1` for `?`. A text without values may hold several. */
const texts = new Map<string, { name: string; text: string }>();
function prepared({ sql, values }: Statement): pg.QueryConfig {
  if (values.length === 0) return { text: sql };
  let known = texts.get(sql);
  if (!known) {
    let place = 0;
    known = { name: `s${texts.size}`, text: sql.replaceAll('?', () => `$${(place += 1)}`) };
    texts.set(sql, known);
  }
  return { ...known, values: [...values] };
}

const RACES = ['40001', '40P01']; // serialization_failure, deadlock_detected
const LOCKED = '55P03';
const UNSUPPORTED = '08P01';
/** SQLSTATE of data, constraints, syntax and RAISE: faults of this program. */
const FAULTS = /^(22|23|42|P0)/;
/** SQLSTATE of a database that does not exist, or does not let this user in: lasting faults. */
const CLOSED = /^(28|3D|42501)/;

/** Returns the refusal of a pooler: timeouts, prepared and early statements need one connection. */
const pooled = (place: string): Refusal =>
  new Refusal('store-pooled', `${place}: a connection pooler found, PostgreSQL itself expected`, {
    hint: 'give the address of the server; a worker holds four connections at most, and one that is idle gives them back',
  });

function refusalOf(error: unknown, place: string): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error;
  const { code = '', message } = error as { code?: string; message: string };
  const said = `${place}: ${message || code}`;
  // PgBouncer refuses settings of a connection unless it is set to drop them.
  if (code === UNSUPPORTED && message.includes('startup parameter')) return pooled(place);
  if (CLOSED.test(code)) return new Refusal('store-foreign', said);
  if (error instanceof pg.DatabaseError && FAULTS.test(code))
    return new Refusal('bug', `the store refuses a write: ${message}`);
  if (code === LOCKED)
    return new Refusal('store-unavailable', `${place} stayed locked by another process for ${WAIT_MS / 1000} s`, {
      hint: 'try again; should it last, look for a run that hangs',
    });
  return new Refusal('store-unavailable', said);
}
