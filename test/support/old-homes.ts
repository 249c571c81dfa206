/**
 * Homes that older programs made (`fixtures/homes/VERSION`, each with the script that made them), laid out as they were.
 *
 * What git gives back is a copy: other inodes than the store knows. So a home comes in two ways: as that copy, which every
 * program must take for a restored home, or as itself, after `asItself` has put into its store what the program of that
 * time would have put there. That is its formula for good, whatever later programs say of identity.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { brotliDecompressSync } from 'node:zlib';
import type { Cluster } from './postgres.ts';

export interface OldRecord {
  /** What was in the middle of something, in words. */
  label?: string;
  kind: string;
  name: string;
  state: string;
}
export interface OldHome {
  name: string;
  seed: Uint8Array;
  /** Its store is a dump of a PostgreSQL database. */
  postgres: boolean;
  records: readonly OldRecord[];
}

const fixtures = (version: string): string => join(import.meta.dirname, '..', '..', 'fixtures', 'homes', version);

export function oldHomes(version: string): OldHome[] {
  const index = JSON.parse(readFileSync(join(fixtures(version), 'index.json'), 'utf8')) as Record<
    string,
    { seed: string; records: OldRecord[] }
  >;
  return Object.entries(index).map(([name, { seed, records }]) => ({
    name,
    seed: new Uint8Array(Buffer.from(seed, 'hex')),
    postgres: existsSync(join(fixtures(version), `${name}.sql.br`)),
    records,
  }));
}

/** The home, its refunds, journal and shares beside each other in this directory, as a copy of the real one. @returns the home */
export function unpack(version: string, name: string, into: string): string {
  for (const beside of ['', '.refunds', '.journal', '.shares'])
    lay(join(fixtures(version), name + beside), join(into, name + beside));
  return join(into, name);
}
/** The backup that was taken of a home. */
export function unpackBackup(version: string, name: string, into: string): string {
  lay(join(fixtures(version), `${name}.backup`), join(into, `${name}.backup`));
  return join(into, `${name}.backup`);
}

function lay(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(to, { mode: 0o700 });
  for (const file of readdirSync(from)) {
    const content = readFileSync(join(from, file));
    const [name, plain] = file.endsWith('.br') ? [file.slice(0, -3), brotliDecompressSync(content)] : [file, content];
    writeFileSync(join(to, name), plain, { mode: 0o600 });
  }
}

/** No copy: the home itself, as program 0.1.0 knows it. */
export function asItself(dir: string): string {
  const mark = statSync(join(dir, 'identity'), { bigint: true });
  const { ino } = statSync(join(dir, 'store.db'), { bigint: true });
  const db = new DatabaseSync(join(dir, 'store.db'));
  const identity = `store ${ino} mark ${mark.ino} ${mark.ctimeNs}`;
  db.prepare("UPDATE meta SET value = ? WHERE key = 'identity'").run(identity);
  db.close();
  return dir;
}

export type Said = Record<string, any>;
/** The messages that a home's store remembers to have printed; asked before the home is opened. */
export function remembered(dir: string): Said[] {
  const db = new DatabaseSync(join(dir, 'store.db'));
  const rows = db.prepare("SELECT text FROM reply WHERE text LIKE '{%'").all();
  db.close();
  return rows.map(({ text }) => JSON.parse(String(text)) as Said);
}

/** The dump of a home's database in a new one, as a restored dump; its URL. */
export async function unpackDump(version: string, name: string, cluster: Cluster): Promise<string> {
  const url = await cluster.database();
  const dump = brotliDecompressSync(readFileSync(join(fixtures(version), `${name}.sql.br`))).toString();
  await cluster.sql(url, dump);
  return url;
}
/** No restored dump: the database itself, as program 0.1.0 knows it. */
export async function asItselfInPostgres(url: string, cluster: Cluster): Promise<string> {
  await cluster.sql(
    url,
    `UPDATE public.meta SET value = concat('cluster ', (SELECT system_identifier::text FROM pg_control_system()),
       ' timeline ', substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
       ' database ', (SELECT oid::text FROM pg_database WHERE datname = current_database()),
       ' table ', to_regclass('public.meta')::oid::text)
     WHERE key = 'identity'`,
  );
  return url;
}
