/**
 * The schema of the store, as migrations: the n-th brings a store of version n to version n + 1 (`PRAGMA user_version`).
 * `schema-postgres.ts` has the same tables; a test compares them.
 *
 * What can be guarded in the schema is, so that no fault of the program above it can undo a payment:
 * `high_sat` (paid, or signed to be paid) never falls, a record that was left for good stays so, none is deleted but what is
 * over, a claim has one owner, a place of the wallet is used once, and again only after the record for which it was came to nothing.
 * What was issued as ecash, or reported to an issuer, never exceeds what was paid, and its issuer never changes; what is
 * owed never falls below what was signed. A note is written once, and deleted only where it says that it lapses.
 * What counts in sums (`figures.ts`) is added up as it changes. `record.counted` is the revision whose figures are in: a record
 * of which it is another, because a program without figures has written it, is `uncounted`, and the next opening counts it.
 * Where a kind comes to count otherwise, a migration sets it to 0 for all its records.
 * A reply knows the nonces that its text shows: it is given again only while all of them lie in the store. It is linked to
 * the records of its commit, so that a cancel takes it away and a repeat puts them into the journal again.
 * `over`: 0 no, 1 ended, 2 came to nothing, NULL in what an older program wrote; `mark` says how far the store had come at some
 * time and height; `dropped` has the sums over records that were pruned (`prune.ts`).
 */

import { UNIT } from './figures.ts';
import { oldReplies } from './replies.ts';

/** What waits to be told to a mint: condition of an index, and of those who use it, word for word. */
export const PENDING_QUOTES = `kind = 'quote' AND state = 'pending'`;

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('commits', '0');

  CREATE TABLE record(
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    rev INTEGER NOT NULL CHECK (rev > 0),
    high_sat INTEGER NOT NULL,
    limit_sat INTEGER NOT NULL,
    "left" INTEGER NOT NULL CHECK ("left" IN (0, 1)),
    body TEXT NOT NULL,
    CHECK (0 <= high_sat AND high_sat <= limit_sat)
  ) STRICT;
  CREATE INDEX record_name ON record(name);
  CREATE TRIGGER record_high BEFORE UPDATE ON record WHEN NEW.high_sat < OLD.high_sat
    BEGIN SELECT RAISE(ABORT, 'high_sat may not fall'); END;
  CREATE TRIGGER record_left BEFORE UPDATE ON record WHEN NEW."left" < OLD."left"
    BEGIN SELECT RAISE(ABORT, 'a record that was left for good may not come back'); END;
  CREATE TRIGGER record_rev BEFORE UPDATE ON record WHEN NEW.rev < OLD.rev
    BEGIN SELECT RAISE(ABORT, 'rev may not fall'); END;
  CREATE TRIGGER record_kept BEFORE DELETE ON record
    BEGIN SELECT RAISE(ABORT, 'a record may not be deleted'); END;

  CREATE TABLE claim(
    claim TEXT PRIMARY KEY,
    record INTEGER NOT NULL REFERENCES record
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claim_record ON claim(record);

  CREATE TABLE reply(
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    exit INTEGER NOT NULL CHECK (exit IN (0, 3)),
    hint TEXT,
    row TEXT NOT NULL,
    flags TEXT NOT NULL,
    copies TEXT NOT NULL,
    created INTEGER NOT NULL DEFAULT (unixepoch())
  ) STRICT;

  CREATE TABLE nonce(
    of_claim TEXT NOT NULL REFERENCES claim,
    sighash TEXT NOT NULL,
    pubnonce TEXT NOT NULL,
    sealed BLOB NOT NULL,
    reply TEXT,
    PRIMARY KEY (of_claim, sighash)
  ) STRICT;

  CREATE TABLE address(
    chain INTEGER NOT NULL CHECK (chain IN (0, 1)),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    script TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    PRIMARY KEY (chain, idx)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE record ADD COLUMN issuer TEXT;
  ALTER TABLE record ADD COLUMN issued_sat INTEGER NOT NULL DEFAULT 0 CHECK (0 <= issued_sat AND issued_sat <= high_sat);
  ALTER TABLE record ADD COLUMN owed_sat INTEGER CHECK (high_sat <= owed_sat AND owed_sat <= limit_sat);
  CREATE TRIGGER record_issued BEFORE UPDATE ON record WHEN NEW.issued_sat < OLD.issued_sat
    BEGIN SELECT RAISE(ABORT, 'issued_sat may not fall'); END;
  CREATE TRIGGER record_issuer BEFORE UPDATE ON record WHEN OLD.issuer IS NOT NULL AND NEW.issuer IS NOT OLD.issuer
    BEGIN SELECT RAISE(ABORT, 'the issuer may not change'); END;
  CREATE TRIGGER record_owed BEFORE UPDATE ON record WHEN OLD.owed_sat IS NOT NULL AND
    (NEW.owed_sat IS NULL OR NEW.owed_sat < OLD.owed_sat)
    BEGIN SELECT RAISE(ABORT, 'owed_sat may not fall'); END;
  CREATE INDEX record_kind ON record(kind, state);
  CREATE INDEX record_unissued ON record(issuer) WHERE issued_sat < high_sat;

  CREATE TABLE note(
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER note_fixed BEFORE UPDATE ON note BEGIN SELECT RAISE(ABORT, 'a note may not be changed'); END;
  CREATE TRIGGER note_kept BEFORE DELETE ON note BEGIN SELECT RAISE(ABORT, 'a note may not be deleted'); END;
  `,
  `
  ALTER TABLE reply ADD COLUMN type TEXT NOT NULL DEFAULT '';
  ALTER TABLE reply ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE reply ADD COLUMN stands INTEGER NOT NULL DEFAULT 0 CHECK (stands IN (0, 1));
  ALTER TABLE reply ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
  CREATE TABLE reply_of(
    record INTEGER NOT NULL REFERENCES record,
    reply TEXT NOT NULL REFERENCES reply ON DELETE CASCADE,
    PRIMARY KEY (record, reply)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reply_of_reply ON reply_of(reply);
  CREATE TABLE shown(
    reply TEXT NOT NULL REFERENCES reply ON DELETE CASCADE,
    of_claim TEXT NOT NULL,
    sighash TEXT NOT NULL,
    pubnonce TEXT NOT NULL,
    PRIMARY KEY (reply, of_claim, sighash)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO shown SELECT reply, of_claim, sighash, pubnonce FROM nonce WHERE reply IN (SELECT key FROM reply);
  ALTER TABLE nonce DROP COLUMN reply;
  ${oldReplies((path) => `json_extract(text, '$.${path.join('.')}')`)}
  `,
  `
  CREATE TABLE figure(
    record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (record, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX figure_name ON figure(name, value, record);
  CREATE TABLE total(
    name TEXT NOT NULL,
    slot INTEGER NOT NULL,
    records INTEGER NOT NULL,
    units INTEGER NOT NULL,
    rest INTEGER NOT NULL,
    PRIMARY KEY (name, slot)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER figure_added AFTER INSERT ON figure BEGIN
    INSERT INTO total(name, slot, records, units, rest)
      VALUES (NEW.name, 0, 1, NEW.value / ${UNIT}, NEW.value % ${UNIT})
      ON CONFLICT(name, slot) DO UPDATE SET
        records = records + 1, units = units + excluded.units, rest = rest + excluded.rest;
  END;
  CREATE TRIGGER figure_gone AFTER DELETE ON figure BEGIN
    UPDATE total SET records = records - 1, units = units - OLD.value / ${UNIT}, rest = rest - OLD.value % ${UNIT}
      WHERE name = OLD.name AND slot = 0;
    DELETE FROM total WHERE name = OLD.name AND slot = 0 AND records = 0;
  END;
  CREATE TRIGGER figure_fixed BEFORE UPDATE ON figure
    BEGIN SELECT RAISE(ABORT, 'a figure is replaced, never changed'); END;
  ALTER TABLE record ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE uncounted(record INTEGER PRIMARY KEY REFERENCES record ON DELETE CASCADE) STRICT;
  INSERT INTO uncounted SELECT id FROM record;
  CREATE TRIGGER record_added AFTER INSERT ON record WHEN NEW.counted <> NEW.rev
    BEGIN INSERT INTO uncounted VALUES (NEW.id); END;
  CREATE TRIGGER record_uncounted AFTER UPDATE ON record WHEN NEW.counted <> NEW.rev
    BEGIN INSERT INTO uncounted VALUES (NEW.id) ON CONFLICT DO NOTHING; END;
  CREATE TRIGGER record_counted AFTER UPDATE ON record WHEN OLD.counted <> OLD.rev AND NEW.counted = NEW.rev
    BEGIN DELETE FROM uncounted WHERE record = NEW.id; END;
  `,
  `
  ALTER TABLE record ADD COLUMN over INTEGER CHECK (over IN (0, 1, 2) AND (over = 0 OR "left" = 1));
  CREATE INDEX record_over ON record(rev) WHERE over > 0;
  CREATE INDEX record_unjudged ON record(id) WHERE over IS NULL;
  DROP TRIGGER record_kept;
  CREATE TRIGGER record_kept BEFORE DELETE ON record WHEN coalesce(OLD.over, 0) = 0
    BEGIN SELECT RAISE(ABORT, 'a record may not be deleted before it is over'); END;

  CREATE TABLE links(
    record INTEGER NOT NULL REFERENCES record,
    type TEXT NOT NULL,
    number INTEGER NOT NULL,
    reply TEXT NOT NULL REFERENCES reply ON DELETE CASCADE,
    PRIMARY KEY (record, type, number, reply)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO links SELECT record, type, number, reply FROM reply_of JOIN reply ON key = reply;
  DROP TABLE reply_of;
  ALTER TABLE links RENAME TO reply_of;
  CREATE INDEX reply_of_reply ON reply_of(reply);
  CREATE INDEX reply_number ON reply(number, key);
  CREATE INDEX reply_cancelled ON reply(type) WHERE "row" = 'cancelled';
  CREATE INDEX shown_of ON shown(of_claim);

  ALTER TABLE note ADD COLUMN lapses INTEGER;
  CREATE INDEX note_lapses ON note(lapses) WHERE lapses IS NOT NULL;
  DROP TRIGGER note_fixed;
  UPDATE note SET lapses = 0 WHERE name >= 'asked/' AND name < 'asked0';
  CREATE TRIGGER note_fixed BEFORE UPDATE ON note BEGIN SELECT RAISE(ABORT, 'a note may not be changed'); END;
  DROP TRIGGER note_kept;
  CREATE TRIGGER note_kept BEFORE DELETE ON note WHEN OLD.lapses IS NULL
    BEGIN SELECT RAISE(ABORT, 'a note may not be deleted'); END;

  CREATE TABLE mark(
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    height INTEGER
  ) STRICT;
  CREATE TABLE dropped(
    name TEXT PRIMARY KEY,
    records INTEGER NOT NULL,
    units INTEGER NOT NULL,
    rest INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `CREATE INDEX record_pending ON record(kind, state, rev) WHERE ${PENDING_QUOTES};`,
  `UPDATE record SET counted = 0 WHERE kind IN ('credit', 'quote') AND counted <> 0;`,
  `
  ALTER TABLE address ADD COLUMN record INTEGER REFERENCES record ON DELETE SET NULL;
  ALTER TABLE address ADD COLUMN spare INTEGER NOT NULL DEFAULT 0 CHECK (spare IN (0, 1));
  CREATE INDEX address_record ON address(record) WHERE record IS NOT NULL;
  CREATE INDEX address_spare ON address(chain, idx) WHERE spare = 1;
  CREATE TRIGGER address_spared BEFORE UPDATE ON address WHEN NEW.spare > OLD.spare AND
    NOT EXISTS (SELECT 1 FROM record WHERE id = OLD.record AND over = 2)
    BEGIN SELECT RAISE(ABORT, 'an address is spare only after its record came to nothing'); END;
  `,
];
