/**
 * A party's home: a directory (0700) with `config.json`, the seed, and the store with the file `identity`, unless that is in
 * a PostgreSQL database.
 *
 * Opening it reads no secret: the seed is read, and its passphrase asked for, when a key, a nonce or an address is needed.
 * Not here: what a command does with a home (`cli/`).
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Network } from '../bitcoin/network.ts';
import type { Copy, Kind } from '../protocol/action.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import type { Shares } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { isMissing, refuseExposed, syncDirectory, syncParent, writePrivate } from './files.ts';
import { checkIdentity, IDENTITY_FILE, identityOf, STORE_FILE, Tide } from './identity.ts';
import type { HomeKeys } from './keys.ts';
import { insecureRandom, realRandom, type Random } from './random.ts';
import { defaultRefunds, readCopies, writeCopies } from './refunds.ts';
import { checkMnemonic, makeMnemonic, readSeed, writeSeed } from './seed.ts';
import { ShareFolder, sharesBeside } from './shares.ts';
import type { SqlStore, StoreOptions } from './sql-store.ts';
import { SqliteStore } from './sqlite.ts';
import type { HomeStore } from './store.ts';

const VERSION = 1;
const CONFIG_FILE = 'config.json';
const SEED_FILE = 'seed';

interface Config {
  version: number;
  network: Network;
  /** 32 random hex digits: names the home in its refunds folder. */
  id: string;
  /** Its randomness is `--insecure-seed`. */
  insecure: boolean;
  /** Where its refunds go, if not beside it. */
  refunds?: string;
  /** The URL of its PostgreSQL database without a password, if its store is not in the directory. */
  store?: string;
}

export interface InitOptions {
  dir: string;
  network: string;
  /** Words to restore from; new ones otherwise. */
  mnemonic?: string;
  passphrase?: string;
  /** 32 bytes, see `random.ts`. */
  insecureSeed?: Uint8Array;
  /** Recorded as the home's own; beside it otherwise. */
  refundsDir?: string;
  /** The URL of an empty PostgreSQL database, recorded without its password; a SQLite file in the home otherwise. */
  store?: string;
  random?: Random;
}

/**
 * Makes a home, all of it or nothing: it is made beside its place and moved there.
 * @returns the words, for their owner to write down
 * @throws Refusal `home-exists`, `cannot-write`, `insecure-home`, `usage` for an unknown network, `malformed` for wrong words
 */
export async function initHome(options: InitOptions): Promise<{ id: string; mnemonic: string }> {
  const { network, passphrase, insecureSeed, refundsDir, store } = options;
  const dir = resolve(options.dir);
  const { isNetwork, NETWORKS } = await import('../bitcoin/network.ts');
  if (!isNetwork(network))
    throw new Refusal('usage', `${JSON.stringify(network)} found, one of ${NETWORKS.join(', ')} expected`);
  if (insecureSeed) refuseInsecure(network);
  refuseOccupied(dir);
  const random = options.random ?? (insecureSeed ? insecureRandom(insecureSeed, 'init', 0) : realRandom);
  const mnemonic = options.mnemonic === undefined ? await makeMnemonic(random) : await checkMnemonic(options.mnemonic);
  const id = Buffer.from(random(16)).toString('hex');
  const config: Config = {
    version: VERSION,
    network,
    id,
    insecure: insecureSeed !== undefined,
    ...(refundsDir !== undefined && { refunds: resolve(refundsDir) }),
    ...(store !== undefined && { store: withoutPassword(store) }),
  };
  const made = `${dir}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    mkdirSync(dirname(dir), { recursive: true });
    mkdirSync(made, { mode: 0o700 });
    writePrivate(join(made, CONFIG_FILE), printJson(config, '  ') + '\n');
    await writeSeed(join(made, SEED_FILE), mnemonic, passphrase);
    if (store === undefined) await makeStore(made, id);
    else await (await import('./postgres.ts')).createPostgres(store, id);
    syncDirectory(made);
    renameSync(made, dir);
    syncParent(dir);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (error instanceof Refusal) throw error;
    // Another process may have made one meanwhile.
    refuseOccupied(dir);
    throw new Refusal('cannot-write', `no home can be made at ${dir}: ${(error as Error).message}`);
  }
  return { id, mnemonic };
}

function withoutPassword(store: string): string {
  const url = new URL(store);
  url.password = '';
  return url.href;
}

async function makeStore(dir: string, id: string): Promise<void> {
  writePrivate(
    join(dir, IDENTITY_FILE),
    `${id}\nNever write to this file: its time stamp tells this home from a restored copy.\n`,
  );
  const store = SqliteStore.create({
    path: join(dir, STORE_FILE),
    secrets: () => Promise.reject(new Refusal('bug', 'an empty store has no secrets')),
  });
  try {
    // Inodes and ctimes outlive the move of the directory to its place.
    await store.setMeta('identity', identityOf(dir));
  } finally {
    store.close();
  }
}

function refuseOccupied(dir: string): void {
  if (existsSync(join(dir, CONFIG_FILE)))
    throw new Refusal('home-exists', `there is a home at ${dir}`, {
      hint: 'take another directory; a home is never overwritten',
    });
  let found: string[];
  try {
    found = readdirSync(dir);
  } catch (error) {
    if (isMissing(error)) return;
    throw new Refusal('cannot-write', `no home can be made at ${dir}: ${(error as Error).message}`);
  }
  if (found.length > 0)
    throw new Refusal('cannot-write', `${dir} holds other files, an empty or a new directory expected`);
}

function refuseInsecure(network: string): void {
  if (network !== 'regtest')
    throw new Refusal('insecure-home', `an insecure seed for ${network}, only regtest expected`, {
      hint: 'everybody can repeat the keys and nonces of such a home',
    });
}

export interface OpenOptions {
  dir: string;
  /** Asked once, when the seed is needed and encrypted. */
  passphrase?: () => Promise<string>;
  insecureSeed?: Uint8Array;
  refundsDir?: string;
  /** The URL of its PostgreSQL database, in place of the recorded one: with a password, or at another address. */
  store?: string;
  /** The kinds of all families, asked for only where the store was restored or copied. */
  kinds: () => Promise<readonly Kind<any>[]>;
  /** Labelled points within a commit, where tests interrupt a run. */
  point?: ((label: string) => void) | undefined;
}

export interface Home {
  readonly dir: string;
  readonly id: string;
  readonly network: Network;
  readonly refundsDir: string;
  /** The store was restored or copied, and its owner has not accepted that yet. */
  readonly restored: boolean;
  readonly store: HomeStore;
  readonly shares: Shares;
  /** Reads the seed the first time. @throws Refusal `wrong-passphrase`, `secret-exposed` or `store-unavailable` */
  keys(): Promise<HomeKeys>;
  /** Randomness for one attempt of one step. */
  random(): Promise<Random>;
  /** Keeps copies outside the home, synced. */
  copy(copies: readonly Copy[]): Promise<void>;
  /** What was kept outside the home. */
  copies(): ReturnType<typeof readCopies>;
  /** The owner knows what a restore may have lost, and goes on. */
  acceptRestore(): Promise<void>;
  close(): void;
}

/** @throws Refusal `no-home`, `secret-exposed`, `insecure-home` or `store-unavailable` */
export async function openHome(options: OpenOptions): Promise<Home> {
  const dir = resolve(options.dir);
  const { id, network, insecure, refunds, store: recorded } = readConfig(dir);
  refuseExposed(dir);
  checkInsecure(dir, network, insecure, options.insecureSeed);
  const refundsDir = resolve(options.refundsDir ?? refunds ?? defaultRefunds(dir));
  const keys = retried(async () => {
    // Side by side: reading may wait for a passphrase, loading costs more than opening the store.
    const [seed, { homeKeys }] = await Promise.all([
      readSeed(join(dir, SEED_FILE), options.passphrase),
      import('./keys.ts'),
    ]);
    return homeKeys(seed, network);
  });
  const tide = new Tide(refundsDir, id);
  const url = options.store ?? recorded;
  const within = { secrets: keys, watch: tide, point: options.point };
  const { store, identity } =
    url === undefined ? openSqlite(dir, within) : await (await import('./postgres.ts')).openPostgres(url, id, within);
  const shares = new ShareFolder({
    dir: sharesBeside(dir),
    homeId: id,
    key: async () => (await keys()).storeKey,
    point: options.point,
  });
  let restored: boolean;
  try {
    if (existsSync(join(dir, SEED_FILE))) refuseExposed(join(dir, SEED_FILE));
    await checkIdentity(identity, store, tide, options.kinds);
    restored = (await store.meta('restored')) === 'pending';
    await shares.sweep(store);
  } catch (error) {
    store.close();
    tide.close();
    throw error;
  }
  return {
    dir,
    id,
    network,
    refundsDir,
    store,
    shares,
    keys,
    get restored() {
      return restored;
    },
    random: async () =>
      options.insecureSeed ? insecureRandom(options.insecureSeed, id, await store.commits()) : realRandom,
    copy: async (copies) => writeCopies(refundsDir, copies),
    copies: () => readCopies(refundsDir),
    async acceptRestore() {
      await store.setMeta('restored', 'accepted');
      restored = false;
    },
    close() {
      store.close();
      tide.close();
    },
  };
}

function openSqlite(dir: string, options: StoreOptions): { store: SqlStore; identity: string } {
  try {
    return { store: new SqliteStore({ path: join(dir, STORE_FILE), ...options }), identity: identityOf(dir) };
  } catch (error) {
    if (isMissing(error)) throw new Refusal('store-unavailable', `${dir} has a configuration but no ${STORE_FILE}`);
    throw error;
  }
}

function readConfig(dir: string): Config {
  const path = join(dir, CONFIG_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw new Refusal('store-unavailable', message);
    throw new Refusal(
      'no-home',
      statSync(dir, { throwIfNoEntry: false }) ? `${dir} is no home` : `there is no ${dir}`,
      {
        hint: `spillway init --home ${dir} --network regtest`,
      },
    );
  }
  let config: Partial<Config>;
  try {
    config = parseJson(text) as Partial<Config>;
  } catch (error) {
    throw new Refusal('store-unavailable', `${path} is damaged: ${(error as Error).message}`);
  }
  if (config.version !== VERSION)
    throw new Refusal('store-unavailable', `${path} has version ${String(config.version)}, ${VERSION} expected`, {
      hint: 'a newer spillway has made this home; update this one',
    });
  const whole =
    typeof config.network === 'string' &&
    /^[0-9a-f]{32}$/.test(config.id ?? '') &&
    typeof config.insecure === 'boolean';
  if (!whole) throw new Refusal('store-unavailable', `${path} is damaged: network, id and insecure expected`);
  return config as Config;
}

function checkInsecure(dir: string, network: string, insecure: boolean, seed: Uint8Array | undefined): void {
  if (insecure) refuseInsecure(network);
  if (insecure === (seed !== undefined)) return;
  throw insecure
    ? new Refusal('insecure-home', `${dir} was made with an insecure seed, and none was given`, {
        hint: 'give --insecure-seed HEX',
      })
    : new Refusal('insecure-home', `an insecure seed was given, but ${dir} was made without one`);
}

/** Makes it once; a failure (a mistyped passphrase) is not kept. */
function retried<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
}
