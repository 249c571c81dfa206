/**
 * The schema of `schema.ts` for PostgreSQL, with the same tables, columns and guards; `meta.schema` counts the migrations.
 *
 * What differs: the table of nonces is UNLOGGED, so that no secret gets into the write-ahead log, hence into no replica, base
 * backup or archive. A crash of the server empties it; `shown` is logged, without secrets, so that a reply whose nonces were
 * lost is not given again. Numbers of commits come from a sequence, which nobody waits for; and a sum has a row for each of
 * some slots, of which a commit takes one that no other is at, for a single row would hold every commit back too.
 */
import { UNIT } from './figures.ts';
import { oldReplies } from './replies.ts';
import { PENDING_QUOTES } from './schema.ts';

/** Commits that add to one sum at a time; what is more waits for one of them. */
const SLOTS = 16;

/** The first of the two numbers of an advisory lock on a slot; names of commits are locked by one number, apart from these. */
const SLOT_LOCK = 17;

/** A trigger that adds all rows of a statement to the sums, or takes them off. */
const summing = (name: string, event: string, rows: 'NEW' | 'OLD', sign: '+' | '-'): string => `
  CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM moved) THEN
      INSERT INTO total(name, slot, records, units, rest)
        SELECT name, at.slot, ${sign} count(*), ${sign} sum(value / ${UNIT}), ${sign} sum(value % ${UNIT})
        FROM moved, (SELECT figure_slot() AS slot) AS at GROUP BY name, at.slot ORDER BY name
        ON CONFLICT (name, slot) DO UPDATE SET
          records = total.records + excluded.records, units = total.units + excluded.units, rest = total.rest + excluded.rest;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER ${name} AFTER ${event} ON figure REFERENCING ${rows} TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION ${name}();`;

export const POSTGRES_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta(key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
  CREATE SEQUENCE commit_number;

  CREATE TABLE record(
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL CHECK (rev > 0),
    high_sat BIGINT NOT NULL,
    limit_sat BIGINT NOT NULL,
    "left" SMALLINT NOT NULL CHECK ("left" IN (0, 1)),
    body TEXT NOT NULL,
    issuer TEXT COLLATE "C",
    issued_sat BIGINT NOT NULL DEFAULT 0 CHECK (0 <= issued_sat AND issued_sat <= high_sat),
    owed_sat BIGINT CHECK (high_sat <= owed_sat AND owed_sat <= limit_sat),
    CHECK (0 <= high_sat AND high_sat <= limit_sat)
  );
  CREATE INDEX record_name ON record(name);
  CREATE INDEX record_kind ON record(kind, state);
  CREATE INDEX record_unissued ON record(issuer) WHERE issued_sat < high_sat;
  CREATE FUNCTION record_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'a record may not be deleted'; END IF;
    IF NEW.high_sat < OLD.high_sat THEN RAISE EXCEPTION 'high_sat may not fall'; END IF;
    IF NEW."left" < OLD."left" THEN RAISE EXCEPTION 'a record that was left for good may not come back'; END IF;
    IF NEW.rev < OLD.rev THEN RAISE EXCEPTION 'rev may not fall'; END IF;
    IF NEW.issued_sat < OLD.issued_sat THEN RAISE EXCEPTION 'issued_sat may not fall'; END IF;
    IF OLD.issuer IS NOT NULL AND NEW.issuer IS DISTINCT FROM OLD.issuer THEN
      RAISE EXCEPTION 'the issuer may not change';
    END IF;
    IF OLD.owed_sat IS NOT NULL AND (NEW.owed_sat IS NULL OR NEW.owed_sat < OLD.owed_sat) THEN
      RAISE EXCEPTION 'owed_sat may not fall';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER record_guard BEFORE UPDATE OR DELETE ON record FOR EACH ROW EXECUTE FUNCTION record_guard();

  CREATE TABLE claim(
    claim TEXT COLLATE "C" PRIMARY KEY,
    record BIGINT NOT NULL REFERENCES record
  );
  CREATE INDEX claim_record ON claim(record);

  CREATE TABLE reply(
    key TEXT COLLATE "C" PRIMARY KEY,
    text TEXT NOT NULL,
    exit SMALLINT NOT NULL CHECK (exit IN (0, 3)),
    hint TEXT,
    "row" TEXT NOT NULL,
    flags TEXT NOT NULL,
    copies TEXT NOT NULL,
    created BIGINT NOT NULL DEFAULT floor(extract(epoch FROM now()))
  );

  CREATE UNLOGGED TABLE nonce(
    of_claim TEXT COLLATE "C" NOT NULL REFERENCES claim,
    sighash TEXT COLLATE "C" NOT NULL,
    pubnonce TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    reply TEXT COLLATE "C",
    PRIMARY KEY (of_claim, sighash)
  );
  CREATE TABLE opened(
    of_claim TEXT COLLATE "C" NOT NULL,
    sighash TEXT COLLATE "C" NOT NULL,
    reply TEXT COLLATE "C",
    PRIMARY KEY (of_claim, sighash)
  );
  CREATE FUNCTION nonce_opened() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN
      DELETE FROM opened WHERE of_claim = OLD.of_claim AND sighash = OLD.sighash;
    ELSE
      INSERT INTO opened VALUES (NEW.of_claim, NEW.sighash, NEW.reply);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER nonce_opened AFTER INSERT OR DELETE ON nonce FOR EACH ROW EXECUTE FUNCTION nonce_opened();

  CREATE TABLE address(
    chain SMALLINT NOT NULL CHECK (chain IN (0, 1)),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    script TEXT COLLATE "C" NOT NULL UNIQUE,
    address TEXT NOT NULL,
    PRIMARY KEY (chain, idx)
  );

  CREATE TABLE note(
    name TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL
  );
  CREATE FUNCTION note_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a note may not be changed or deleted';
  END $$;
  CREATE TRIGGER note_guard BEFORE UPDATE OR DELETE ON note FOR EACH ROW EXECUTE FUNCTION note_guard();
  `,
  `
  ALTER TABLE reply ADD COLUMN type TEXT COLLATE "C" NOT NULL DEFAULT '';
  ALTER TABLE reply ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE reply ADD COLUMN stands SMALLINT NOT NULL DEFAULT 0 CHECK (stands IN (0, 1));
  ALTER TABLE reply ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
  CREATE TABLE reply_of(
    record BIGINT NOT NULL REFERENCES record,
    reply TEXT COLLATE "C" NOT NULL REFERENCES reply ON DELETE CASCADE,
    PRIMARY KEY (record, reply)
  );
  CREATE INDEX reply_of_reply ON reply_of(reply);
  CREATE TABLE shown(
    reply TEXT COLLATE "C" NOT NULL REFERENCES reply ON DELETE CASCADE,
    of_claim TEXT COLLATE "C" NOT NULL,
    sighash TEXT COLLATE "C" NOT NULL,
    pubnonce TEXT NOT NULL,
    PRIMARY KEY (reply, of_claim, sighash)
  );
  DELETE FROM reply WHERE key IN (SELECT reply FROM opened WHERE NOT EXISTS (
    SELECT FROM nonce WHERE nonce.of_claim = opened.of_claim AND nonce.sighash = opened.sighash));
  INSERT INTO shown SELECT reply, of_claim, sighash, pubnonce FROM nonce WHERE reply IN (SELECT key FROM reply);
  DROP TRIGGER nonce_opened ON nonce;
  DROP FUNCTION nonce_opened;
  DROP TABLE opened;
  ALTER TABLE nonce DROP COLUMN reply;
  ${oldReplies((path) => `(text::jsonb #>> '{${path.join(',')}}')`)}
  `,
  `
  CREATE TABLE figure(
    record BIGINT NOT NULL REFERENCES record ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (record, name)
  );
  CREATE INDEX figure_name ON figure(name, value, record);
  CREATE TABLE total(
    name TEXT COLLATE "C" NOT NULL,
    slot INTEGER NOT NULL,
    records BIGINT NOT NULL,
    units BIGINT NOT NULL,
    rest BIGINT NOT NULL,
    PRIMARY KEY (name, slot)
  ) WITH (fillfactor = 50);
  CREATE FUNCTION figure_slot() RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE own integer := pg_backend_pid() % ${SLOTS};
    BEGIN
      FOR i IN own..own + ${SLOTS - 1} LOOP
        IF pg_try_advisory_xact_lock(${SLOT_LOCK}, i % ${SLOTS}) THEN RETURN i % ${SLOTS}; END IF;
      END LOOP;
      PERFORM pg_advisory_xact_lock(${SLOT_LOCK}, own);
      RETURN own;
    END $$;
  ${summing('figure_added', 'INSERT', 'NEW', '+')}
  ${summing('figure_gone', 'DELETE', 'OLD', '-')}
  CREATE FUNCTION figure_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a figure is replaced, never changed';
  END $$;
  CREATE TRIGGER figure_fixed BEFORE UPDATE ON figure FOR EACH ROW EXECUTE FUNCTION figure_fixed();
  ALTER TABLE record ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
  CREATE TABLE uncounted(record BIGINT PRIMARY KEY REFERENCES record ON DELETE CASCADE);
  INSERT INTO uncounted SELECT id FROM record;
  CREATE FUNCTION record_uncounted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO uncounted VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
  END $$;
  CREATE FUNCTION record_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM uncounted WHERE record = NEW.id;
    RETURN NULL;
  END $$;
  CREATE TRIGGER record_uncounted AFTER INSERT OR UPDATE ON record
    FOR EACH ROW WHEN (NEW.counted <> NEW.rev) EXECUTE FUNCTION record_uncounted();
  CREATE TRIGGER record_counted AFTER UPDATE ON record
    FOR EACH ROW WHEN (OLD.counted <> OLD.rev AND NEW.counted = NEW.rev) EXECUTE FUNCTION record_counted();
  `,
  `
  ALTER TABLE record ADD COLUMN over SMALLINT CHECK (over IN (0, 1, 2) AND (over = 0 OR "left" = 1));
  CREATE INDEX record_over ON record(rev) WHERE over > 0;
  CREATE INDEX record_unjudged ON record(id) WHERE over IS NULL;
  DROP TRIGGER record_guard ON record;
  CREATE TRIGGER record_guard BEFORE UPDATE ON record FOR EACH ROW EXECUTE FUNCTION record_guard();
  CREATE FUNCTION record_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a record may not be deleted before it is over';
  END $$;
  CREATE TRIGGER record_kept BEFORE DELETE ON record
    FOR EACH ROW WHEN (coalesce(OLD.over, 0) = 0) EXECUTE FUNCTION record_kept();

  CREATE TABLE links(
    record BIGINT NOT NULL REFERENCES record,
    type TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    reply TEXT COLLATE "C" NOT NULL REFERENCES reply ON DELETE CASCADE,
    PRIMARY KEY (record, type, number, reply)
  );
  INSERT INTO links SELECT record, type, number, reply FROM reply_of JOIN reply ON key = reply;
  DROP TABLE reply_of;
  ALTER TABLE links RENAME TO reply_of;
  CREATE INDEX reply_of_reply ON reply_of(reply);
  CREATE INDEX reply_number ON reply(number, key);
  CREATE INDEX reply_cancelled ON reply(type) WHERE "row" = 'cancelled';
  CREATE INDEX shown_of ON shown(of_claim);

  ALTER TABLE note ADD COLUMN lapses BIGINT;
  CREATE INDEX note_lapses ON note(lapses) WHERE lapses IS NOT NULL;
  DROP TRIGGER note_guard ON note;
  UPDATE note SET lapses = 0 WHERE name >= 'asked/' AND name < 'asked0';
  CREATE OR REPLACE FUNCTION note_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' AND OLD.lapses IS NOT NULL THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'a note may not be changed or deleted';
  END $$;
  CREATE TRIGGER note_guard BEFORE UPDATE OR DELETE ON note FOR EACH ROW EXECUTE FUNCTION note_guard();

  CREATE TABLE mark(
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    height BIGINT
  );
  CREATE TABLE dropped(
    name TEXT COLLATE "C" PRIMARY KEY,
    records BIGINT NOT NULL,
    units BIGINT NOT NULL,
    rest BIGINT NOT NULL
  );
  `,
  `CREATE INDEX record_pending ON record(kind, state, rev) WHERE ${PENDING_QUOTES};`,
  `UPDATE record SET counted = 0 WHERE kind IN ('credit', 'quote') AND counted <> 0;`,
  `
  ALTER TABLE address ADD COLUMN record BIGINT REFERENCES record ON DELETE SET NULL;
  ALTER TABLE address ADD COLUMN spare SMALLINT NOT NULL DEFAULT 0 CHECK (spare IN (0, 1));
  CREATE INDEX address_record ON address(record) WHERE record IS NOT NULL;
  CREATE INDEX address_spare ON address(chain, idx) WHERE spare = 1;
  CREATE FUNCTION address_spared() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM record WHERE id = OLD.record AND over = 2) THEN
      RAISE EXCEPTION 'an address is spare only after its record came to nothing';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER address_spared BEFORE UPDATE ON address
    FOR EACH ROW WHEN (NEW.spare > OLD.spare) EXECUTE FUNCTION address_spared();
  `,
];
