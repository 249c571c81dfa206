/**
 * The schema of the store, written once for both databases. `MIGRATIONS` and `POSTGRES_MIGRATIONS`
 * hold a text for each version: the n-th brings a store of version n to version n + 1 (`PRAGMA
 * user_version`, or `meta.schema`).
 *
 * The schema guards what it can, so that no fault of the program above it undoes a payment.
 * `high_sat` (paid, or signed to be paid) never falls. A record that was left for good stays so,
 * and none is deleted before it is over. A claim has one owner. A place of the wallet is used once,
 * and again only after its record came to nothing. What was issued as ecash, or reported to an
 * issuer, never exceeds what was paid. The issuer never changes. What is owed never falls below
 * what was signed. A note is written once, and deleted only if it is marked to lapse.
 *
 * `figure` has the named numbers of each record, and `total` their sums (`figures.ts`). In SQLite
 * `total` is a table maintained by triggers: summing on demand would block the process. In
 * PostgreSQL it is a view: a row that every commit changes would delay commits. A sum has two
 * parts, billions and the rest, so that it never outgrows 64 bits. A reply lists the nonces in its
 * text: it is repeated only while the store has all of them. It is linked to the records of its
 * commit: a cancel removes it, a repeat puts them into the journal again. `over`: 0 no, 1 ended, 2
 * came to nothing. `mark` records the store's progress at some time and height; `dropped` has the
 * sums over pruned records (`prune.ts`).
 *
 * In PostgreSQL the table of nonces is UNLOGGED: no secret gets into the write-ahead log, a
 * replica, base backup or archive. A crash of the server empties it. `shown` is logged, without
 * secrets, so that a reply whose nonces were lost is not repeated. Numbers of commits come from a
 * sequence, which nobody waits for.
 */

/** Divisor that splits a sum in two columns. */
export const UNIT = 1_000_000_000;

/** Condition of the index of pending records, which queries repeat word for word. */
export const PENDING = `state = 'pending'`;

interface Dialect {
  /** Types of columns. */
  int: string;
  text: string;
  bytes: string;
  id: string;
  /** Clauses behind a table, and behind a table that is found by its key alone. */
  strict: string;
  keyed: string;
  unlogged: string;
  counter: string;
  total: string;
  guard(guard: Guard): string;
}

/** A change that the database refuses. */
interface Guard {
  name: string;
  on: 'UPDATE' | 'DELETE';
  table: string;
  /** Condition over the rows NEW and OLD; absent: every change is refused. */
  when?: string;
  /** Query that allows the change if it finds a row. */
  unless?: string;
  message: string;
}

const GUARDS: readonly Guard[] = [
  {
    name: 'record_high',
    on: 'UPDATE',
    table: 'record',
    when: 'NEW.high_sat < OLD.high_sat',
    message: 'high_sat may not fall',
  },
  {
    name: 'record_left',
    on: 'UPDATE',
    table: 'record',
    when: 'NEW."left" < OLD."left"',
    message: 'a record that was left for good may not come back',
  },
  { name: 'record_rev', on: 'UPDATE', table: 'record', when: 'NEW.rev < OLD.rev', message: 'rev may not fall' },
  {
    name: 'record_issued',
    on: 'UPDATE',
    table: 'record',
    when: 'NEW.issued_sat < OLD.issued_sat',
    message: 'issued_sat may not fall',
  },
  {
    name: 'record_issuer',
    on: 'UPDATE',
    table: 'record',
    when: 'OLD.issuer IS NOT NULL AND NEW.issuer IS DISTINCT FROM OLD.issuer',
    message: 'the issuer may not change',
  },
  {
    name: 'record_owed',
    on: 'UPDATE',
    table: 'record',
    when: 'OLD.owed_sat IS NOT NULL AND (NEW.owed_sat IS NULL OR NEW.owed_sat < OLD.owed_sat)',
    message: 'owed_sat may not fall',
  },
  {
    name: 'record_kept',
    on: 'DELETE',
    table: 'record',
    when: 'OLD.over = 0',
    message: 'a record may not be deleted before it is over',
  },
  { name: 'note_fixed', on: 'UPDATE', table: 'note', message: 'a note may not be changed' },
  {
    name: 'note_kept',
    on: 'DELETE',
    table: 'note',
    when: 'OLD.lapses IS NULL',
    message: 'a note may not be deleted',
  },
  { name: 'figure_fixed', on: 'UPDATE', table: 'figure', message: 'a figure is replaced, never changed' },
  {
    name: 'address_spared',
    on: 'UPDATE',
    table: 'address',
    when: 'NEW.spare > OLD.spare',
    unless: 'SELECT 1 FROM record WHERE id = OLD.record AND over = 2',
    message: 'an address is spare only after its record came to nothing',
  },
];

const schema = (d: Dialect): string => `
  CREATE TABLE meta(key ${d.text} PRIMARY KEY, value ${d.text} NOT NULL)${d.keyed};
  ${d.counter}

  CREATE TABLE record(
    id ${d.id},
    kind ${d.text} NOT NULL,
    name ${d.text} NOT NULL,
    state ${d.text} NOT NULL,
    rev ${d.int} NOT NULL CHECK (rev > 0),
    high_sat ${d.int} NOT NULL,
    limit_sat ${d.int} NOT NULL,
    "left" ${d.int} NOT NULL CHECK ("left" IN (0, 1)),
    over ${d.int} NOT NULL CHECK (over IN (0, 1, 2) AND (over = 0 OR "left" = 1)),
    issuer ${d.text},
    issued_sat ${d.int} NOT NULL CHECK (0 <= issued_sat AND issued_sat <= high_sat),
    owed_sat ${d.int} CHECK (high_sat <= owed_sat AND owed_sat <= limit_sat),
    body ${d.text} NOT NULL,
    CHECK (0 <= high_sat AND high_sat <= limit_sat)
  )${d.strict};
  CREATE INDEX record_name ON record(name);
  CREATE INDEX record_kind ON record(kind, state);
  CREATE INDEX record_unissued ON record(issuer) WHERE issued_sat < high_sat;
  CREATE INDEX record_over ON record(rev) WHERE over > 0;
  CREATE INDEX record_pending ON record(kind, rev) WHERE ${PENDING};

  CREATE TABLE claim(
    claim ${d.text} PRIMARY KEY,
    record ${d.int} NOT NULL REFERENCES record
  )${d.keyed};
  CREATE INDEX claim_record ON claim(record);

  CREATE TABLE reply(
    key ${d.text} PRIMARY KEY,
    text ${d.text} NOT NULL,
    exit ${d.int} NOT NULL CHECK (exit IN (0, 3)),
    hint ${d.text},
    "row" ${d.text} NOT NULL,
    flags ${d.text} NOT NULL,
    copies ${d.text} NOT NULL,
    type ${d.text} NOT NULL,
    number ${d.int} NOT NULL,
    stands ${d.int} NOT NULL CHECK (stands IN (0, 1)),
    notes ${d.text} NOT NULL
  )${d.strict};
  CREATE INDEX reply_number ON reply(number, key);
  CREATE INDEX reply_cancelled ON reply(type) WHERE "row" = 'cancelled';

  CREATE TABLE reply_of(
    record ${d.int} NOT NULL REFERENCES record,
    type ${d.text} NOT NULL,
    number ${d.int} NOT NULL,
    reply ${d.text} NOT NULL REFERENCES reply ON DELETE CASCADE,
    PRIMARY KEY (record, type, number, reply)
  )${d.keyed};
  CREATE INDEX reply_of_reply ON reply_of(reply);

  CREATE ${d.unlogged}TABLE nonce(
    of_claim ${d.text} NOT NULL REFERENCES claim,
    sighash ${d.text} NOT NULL,
    pubnonce ${d.text} NOT NULL,
    sealed ${d.bytes} NOT NULL,
    PRIMARY KEY (of_claim, sighash)
  )${d.strict};
  CREATE TABLE shown(
    reply ${d.text} NOT NULL REFERENCES reply ON DELETE CASCADE,
    of_claim ${d.text} NOT NULL,
    sighash ${d.text} NOT NULL,
    pubnonce ${d.text} NOT NULL,
    PRIMARY KEY (reply, of_claim, sighash)
  )${d.keyed};
  CREATE INDEX shown_of ON shown(of_claim);

  CREATE TABLE address(
    chain ${d.int} NOT NULL CHECK (chain IN (0, 1)),
    idx ${d.int} NOT NULL CHECK (idx >= 0),
    script ${d.text} NOT NULL UNIQUE,
    address ${d.text} NOT NULL,
    record ${d.int} REFERENCES record ON DELETE SET NULL,
    spare ${d.int} NOT NULL DEFAULT 0 CHECK (spare IN (0, 1)),
    PRIMARY KEY (chain, idx)
  )${d.keyed};
  CREATE INDEX address_record ON address(record) WHERE record IS NOT NULL;
  CREATE INDEX address_spare ON address(chain, idx) WHERE spare = 1;

  CREATE TABLE note(
    name ${d.text} PRIMARY KEY,
    body ${d.text} NOT NULL,
    lapses ${d.int}
  )${d.keyed};
  CREATE INDEX note_lapses ON note(lapses) WHERE lapses IS NOT NULL;

  CREATE TABLE figure(
    record ${d.int} NOT NULL REFERENCES record ON DELETE CASCADE,
    name ${d.text} NOT NULL,
    value ${d.int} NOT NULL,
    PRIMARY KEY (record, name)
  )${d.keyed};
  CREATE INDEX figure_name ON figure(name, value, record);
  ${d.total}
  CREATE TABLE dropped(
    name ${d.text} PRIMARY KEY,
    records ${d.int} NOT NULL,
    units ${d.int} NOT NULL,
    rest ${d.int} NOT NULL
  )${d.keyed};

  CREATE TABLE mark(
    number ${d.int} PRIMARY KEY,
    at ${d.int} NOT NULL,
    height ${d.int}
  )${d.strict};
  ${GUARDS.map(d.guard).join('')}`;

/** Returns the whole condition of a guard; empty if it has none. */
const conditionOf = ({ when, unless }: Guard): string =>
  [when, unless && `NOT EXISTS (${unless})`].filter((part) => part !== undefined).join(' AND ');

const SQLITE: Dialect = {
  int: 'INTEGER',
  text: 'TEXT',
  bytes: 'BLOB',
  id: 'INTEGER PRIMARY KEY',
  strict: ' STRICT',
  keyed: ' STRICT, WITHOUT ROWID',
  unlogged: '',
  counter: `INSERT INTO meta VALUES ('commits', '0');`,
  total: `
  CREATE TABLE total(
    name TEXT PRIMARY KEY,
    records INTEGER NOT NULL,
    units INTEGER NOT NULL,
    rest INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER figure_added AFTER INSERT ON figure BEGIN
    INSERT INTO total VALUES (NEW.name, 1, NEW.value / ${UNIT}, NEW.value % ${UNIT})
      ON CONFLICT(name) DO UPDATE SET
        records = records + 1, units = units + excluded.units, rest = rest + excluded.rest;
  END;
  CREATE TRIGGER figure_gone AFTER DELETE ON figure BEGIN
    UPDATE total SET records = records - 1, units = units - OLD.value / ${UNIT}, rest = rest - OLD.value % ${UNIT}
      WHERE name = OLD.name;
    DELETE FROM total WHERE name = OLD.name AND records = 0;
  END;`,
  guard: (guard) => `
  CREATE TRIGGER ${guard.name} BEFORE ${guard.on} ON ${guard.table}
    ${conditionOf(guard) && `WHEN ${conditionOf(guard)}`} BEGIN SELECT RAISE(ABORT, '${guard.message}'); END;`,
};

const POSTGRES: Dialect = {
  int: 'BIGINT',
  text: 'TEXT COLLATE "C"',
  bytes: 'BYTEA',
  id: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
  strict: '',
  keyed: '',
  unlogged: 'UNLOGGED ',
  counter: 'CREATE SEQUENCE commit_number;',
  total: `
  CREATE VIEW total AS SELECT name, count(*) AS records, sum(value / ${UNIT}) AS units, sum(value % ${UNIT}) AS rest
    FROM figure GROUP BY name;`,
  // A trigger's condition may hold no query; one without is checked before any call.
  guard: ({ name, on, table, when, unless, message }) => `
  CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF ${unless ? `EXISTS (${unless})` : 'FALSE'} THEN RETURN ${on === 'DELETE' ? 'OLD' : 'NEW'}; END IF;
    RAISE EXCEPTION '${message}';
  END $$;
  CREATE TRIGGER ${name} BEFORE ${on} ON ${table}
    FOR EACH ROW ${when ? `WHEN (${when})` : ''} EXECUTE FUNCTION ${name}();`,
};

export const MIGRATIONS: readonly string[] = [schema(SQLITE)];
export const POSTGRES_MIGRATIONS: readonly string[] = [schema(POSTGRES)];
