/**
 * The schema of `schema.ts` for PostgreSQL, with the same tables, columns and guards; `meta.schema` counts the migrations.
 *
 * What differs: the table of nonces is UNLOGGED, so that no secret gets into the write-ahead log, hence into no replica, base
 * backup or archive. A crash of the server empties it; `shown` is logged, without secrets, so that a reply whose nonces were
 * lost is not given again. Numbers of commits come from a sequence, which nobody waits for.
 */
import { oldReplies } from './replies.ts';

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
];
