/**
 * A PostgreSQL server of our own: Debian's binaries, a temporary directory, a port of the loopback. Never run as root: root
 * starts it as the user `postgres`.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './port.ts';

const ROOT = '/usr/lib/postgresql';
const BIN = (existsSync(ROOT) ? readdirSync(ROOT) : [])
  .sort((a, b) => Number(b) - Number(a))
  .map((version) => join(ROOT, version, 'bin'))
  .find((bin) => existsSync(join(bin, 'initdb')));

const isRoot = process.getuid?.() === 0;
const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
/** Whoever a server runs as. */
export const serverUser = isRoot && BIN ? { uid: idOf('-u'), gid: idOf('-g') } : {};

/** Says in one line where it is not installed. */
export const havePostgres = BIN !== undefined;
if (!havePostgres)
  process.stderr.write('PostgreSQL is not installed (apt-get install postgresql): its tests do not run\n');

export interface Cluster {
  readonly dir: string;
  readonly port: number;
  /** A new, empty database. */
  database(): Promise<string>;
  /** Runs SQL text in the database behind the URL. */
  sql(url: string, text: string): Promise<any[]>;
  /** Runs one of PostgreSQL's programs, and gives its stdout. */
  run(program: string, ...argv: string[]): Promise<string>;
  start(): Promise<void>;
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Stops it and removes its directory. */
  end(): Promise<void>;
}

export function privateDir(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `spillway-${name}-`));
  if (serverUser.uid !== undefined) chownSync(dir, serverUser.uid, serverUser.gid);
  chmodSync(dir, 0o700);
  return dir;
}

/** @param from a data directory to start with, in place of a new one */
export async function startPostgres(from?: string, settings: readonly string[] = []): Promise<Cluster> {
  const dir = privateDir('postgres');
  const port = await freePort();
  const data = join(dir, 'data');
  const run = async (program: string, ...argv: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(join(BIN!, program), argv, {
      cwd: dir,
      ...serverUser,
      encoding: 'utf8',
    });
    return stdout;
  };
  if (from) {
    cpSync(from, data, { recursive: true, preserveTimestamps: true });
    if (isRoot) execFileSync('chown', ['-R', 'postgres:', data]);
  } else await run('initdb', '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync');
  const options = ['listen_addresses=127.0.0.1', 'max_wal_senders=4', 'wal_level=replica', ...settings];
  const flags = ['-p', String(port), '-k', dir, ...options.flatMap((option) => ['-c', option])].join(' ');
  let made = 0;
  const cluster: Cluster = {
    dir: data,
    port,
    run,
    async database() {
      const name = `store_${(made += 1)}`;
      await cluster.sql(`postgres://postgres@127.0.0.1:${port}/postgres`, `CREATE DATABASE ${name}`);
      return `postgres://postgres@127.0.0.1:${port}/${name}`;
    },
    async sql(url, text) {
      const client = new pg.Client(url);
      await client.connect();
      try {
        return (await client.query(text)).rows;
      } finally {
        await client.end();
      }
    },
    start: async () => void (await run('pg_ctl', '-D', data, '-l', join(dir, 'log'), '-o', flags, '-w', 'start')),
    stop: async (mode = 'fast') => void (await run('pg_ctl', '-D', data, '-m', mode, '-w', 'stop')),
    async end() {
      await cluster.stop('immediate').catch(() => {});
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await cluster.start();
  return cluster;
}
