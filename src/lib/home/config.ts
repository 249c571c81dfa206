/**
 * The file `config.json` of a home: network, name, and where the rest lies. In a backup the same
 * file is called `backup.json`, so that nobody takes it for a home and runs two copies of one.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from '../bitcoin/network.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { writePrivate } from './files.ts';
import type { HomeKeys } from './keys.ts';

export const CONFIG_VERSION = 1;
export const CONFIG_FILE = 'config.json';
export const BACKUP_FILE = 'backup.json';
/** File with the words, next to the configuration. */
export const SEED_FILE = 'seed';

export interface Config {
  version: number;
  network: Network;
  /** Name of the home in its refunds folder: 32 random hex digits. */
  id: string;
  /** True if its randomness is `--insecure-seed`. */
  insecure: boolean;
  /** Folder of the refunds; absent if next to the home. */
  refunds?: string;
  /** Folder of the journal; absent if next to the home. */
  journal?: string;
  /**
   * Key that encrypts the journal, hex: a run without other keys needs no seed and no passphrase.
   * Whoever can read it here can read the store too.
   */
  journal_key: string;
  /** URL of the PostgreSQL database without a password; absent if the store is in the directory. */
  store?: string;
}

export const writeConfig = (dir: string, config: Config, file = CONFIG_FILE): void =>
  writePrivate(join(dir, file), printJson(config, '  ') + '\n');

/** Returns the key as a configuration holds it. */
export const journalKeyText = ({ journalKey }: Pick<HomeKeys, 'journalKey'>): string =>
  Buffer.from(journalKey).toString('hex');

/**
 * Checks that keys are of the seed that made the home.
 * @param what words for the keys, such as `the seed is`
 * @throws Refusal `wrong-seed`
 */
export function checkSeed(config: Config, keys: Pick<HomeKeys, 'journalKey'>, what: string): void {
  if (journalKeyText(keys) !== config.journal_key)
    throw new Refusal('wrong-seed', `${what} not of the home that the configuration describes`, {
      hint: 'bring both, configuration and seed, from one home',
    });
}

/**
 * Returns a URL without its password, as a configuration holds it.
 * @throws Refusal `usage` where a parameter of it is a password
 */
export function withoutPassword(store: string): string {
  const url = new URL(store);
  const secret = [...url.searchParams.keys()].find((name) => /password/i.test(name));
  if (secret !== undefined)
    throw new Refusal('usage', `the parameter ${secret} found in the URL of a store, a URL without it expected`, {
      hint: 'postgres://USER:PASSWORD@HOST/DATABASE is recorded without its password; PGPASSWORD or ~/.pgpass give it to each run',
    });
  url.password = '';
  return url.href;
}

/**
 * Reads the configuration of a home or backup.
 * @throws Refusal `no-home`, `store-damaged`, `store-newer`; `no-input` where it may not be read
 */
export function readConfig(dir: string, file: string = CONFIG_FILE): Config {
  const path = join(dir, file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ENOENT' || code === 'ENOTDIR' ? noHome(dir, file) : unreadable(path, error);
  }
  let config: Partial<Config>;
  try {
    config = parseJson(text) as Partial<Config>;
  } catch (error) {
    throw new Refusal('store-damaged', `${path} is damaged: ${(error as Error).message}`);
  }
  if (Number(config.version) > CONFIG_VERSION)
    throw new Refusal('store-newer', `${path} has version ${String(config.version)}, ${CONFIG_VERSION} expected`, {
      hint: 'a newer spillway has made this home; update this one',
    });
  const whole =
    config.version === CONFIG_VERSION &&
    typeof config.network === 'string' &&
    /^[0-9a-f]{32}$/.test(config.id ?? '') &&
    typeof config.insecure === 'boolean' &&
    /^[0-9a-f]{64}$/.test(config.journal_key ?? '') &&
    [config.refunds, config.journal, config.store].every((text) => typeof (text ?? '') === 'string');
  if (!whole)
    throw new Refusal(
      'store-damaged',
      `${path} is damaged: version, network, id, insecure and journal_key expected, and paths that are text`,
    );
  return config as Config;
}

function noHome(dir: string, file: string): Refusal {
  const missing = !statSync(dir, { throwIfNoEntry: false });
  if (file === BACKUP_FILE)
    return new Refusal('no-home', missing ? `there is no ${dir}` : `${dir} is no backup of a home`, {
      hint: 'give the directory that spillway backup --to made',
    });
  if (missing) return new Refusal('no-home', `there is no ${dir}`, { hint: inits(dir) });
  if (existsSync(join(dir, BACKUP_FILE)))
    return new Refusal('no-home', `${dir} is the backup of a home, a home expected`, {
      hint: `spillway restore --from ${dir} --home DIR makes one of it`,
    });
  return new Refusal('no-home', `${dir} is no home`, { hint: inits(dir) });
}
const inits = (dir: string): string => `spillway init --home ${dir} --network regtest`;
