/**
 * A party's home: a directory (0700) with `config.json`, the seed and, unless it is in PostgreSQL,
 * the store with the file `identity`.
 *
 * Opening it reads no secret: the seed is read, and its passphrase asked for, when a key, nonce or
 * address is needed. Not here: what a command does with a home (`cli/`).
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Network } from '../bitcoin/network.ts';
import type { Copy, Kind } from '../protocol/action.ts';
import type { Shares } from '../protocol/ports.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import {
  checkSeed,
  CONFIG_VERSION,
  journalKeyText,
  readConfig,
  SEED_FILE,
  withoutPassword,
  writeConfig,
  type Config,
} from './config.ts';
import { makeDirectory } from './directory.ts';
import { isMissing, realPath, refuseExposed, writePrivate } from './files.ts';
import type { Backup } from './backup.ts';
import {
  checkIdentity,
  filePlace,
  IDENTITY_FILE,
  identityText,
  isWorn,
  newLife,
  renewIdentity,
  STORE_FILE,
  type StoreIdentity,
  type StorePlace,
} from './identity.ts';
import { Journal, journalBeside } from './journal.ts';
import type { Sql } from './database.ts';
import type { HomeKeys } from './keys.ts';
import {
  goOn,
  hasAllOf,
  lostOf,
  mayLack,
  readNow,
  readOf,
  settledOf,
  unreadOf,
  without,
  type Lost,
  type ReadLengths,
} from './lost.ts';
import { insecureRandom, realRandom, type Random } from './random.ts';
import { defaultRefunds, keepCopies, keptCopies } from './refunds.ts';
import { checkMnemonic, makeMnemonic, readSeed, seedOf, writeSeed } from './seed.ts';
import type { Pruned, PruneOptions } from './prune.ts';
import type { Gathered, Reconciliation } from './reconcile.ts';
import { ShareFolder, sharesBeside } from './shares.ts';
import type { HomeStore, StoreOptions } from './sql-store.ts';
import { setMeta } from './life.ts';
import { SqliteStore } from './sqlite.ts';
import { tidesOf } from './tide.ts';

export interface InitOptions {
  dir: string;
  network: string;
  /** Words to restore from; absent for new ones. */
  mnemonic?: string;
  passphrase?: string;
  /** Seed of repeatable randomness, 32 bytes (`random.ts`). */
  insecureSeed?: Uint8Array;
  /** Recorded as the home's own; next to it by default. */
  refundsDir?: string;
  /** Recorded as the home's own; next to it by default. */
  journalDir?: string;
  /** URL of an empty PostgreSQL database, recorded without its password; absent for SQLite. */
  store?: string;
  random?: Random;
}

/**
 * Makes a home, whole or not at all: writes it next to its place and moves it there.
 * @returns the words, for their owner to write down
 * @throws Refusal `home-exists`, `cannot-write`, `insecure-home`; `usage` for an unknown network,
 * `malformed` for wrong words
 */
export async function initHome(options: InitOptions): Promise<{ id: string; mnemonic: string }> {
  const { network, passphrase, insecureSeed, refundsDir, journalDir, store } = options;
  const dir = resolve(options.dir);
  const { isNetwork, NETWORKS } = await import('../bitcoin/network.ts');
  if (!isNetwork(network))
    throw new Refusal('usage', `${JSON.stringify(network)} found, one of ${NETWORKS.join(', ')} expected`);
  if (insecureSeed) refuseInsecure(network);
  const random = options.random ?? (insecureSeed ? insecureRandom(insecureSeed, 'init', 0) : realRandom);
  const mnemonic = options.mnemonic === undefined ? await makeMnemonic(random) : await checkMnemonic(options.mnemonic);
  const id = Buffer.from(random(16)).toString('hex');
  const { homeKeys } = await import('./keys.ts');
  const config: Config = {
    version: CONFIG_VERSION,
    network,
    id,
    insecure: insecureSeed !== undefined,
    ...(refundsDir !== undefined && { refunds: resolve(refundsDir) }),
    ...(journalDir !== undefined && { journal: resolve(journalDir) }),
    journal_key: journalKeyText(homeKeys(seedOf(mnemonic), network)),
    ...(store !== undefined && { store: withoutPassword(store) }),
  };
  await makeDirectory(dir, async (made) => {
    writeConfig(made, config);
    await writeSeed(join(made, SEED_FILE), mnemonic, passphrase);
    const lost = options.mnemonic === undefined ? undefined : ('words' as const);
    if (store === undefined) await makeStore(made, id, lost);
    else await (await import('./postgres.ts')).createPostgres(store, id, (identity) => begin(identity, lost));
  });
  return { id, mnemonic };
}

/** Writes the first rows of a new store. */
function* begin(identity: string, lost: Lost | undefined): Sql<void> {
  yield* setMeta('identity', identity);
  yield* setMeta('life', newLife());
  if (lost) yield* setMeta('restored', lost);
}

async function makeStore(dir: string, id: string, lost: Lost | undefined): Promise<void> {
  writePrivate(join(dir, IDENTITY_FILE), identityText(id));
  const store = SqliteStore.create({
    path: join(dir, STORE_FILE),
    secrets: () => Promise.reject(new Refusal('bug', 'an empty store has no secrets')),
  });
  try {
    // Inodes and ctimes outlive the move of the directory to its place.
    await store.setMeta('identity', filePlace(dir).text(''));
    await store.setMeta('life', newLife());
    if (lost) await store.setMeta('restored', lost);
  } finally {
    store.close();
  }
}

function refuseInsecure(network: string): void {
  if (network !== 'regtest')
    throw new Refusal('insecure-home', `an insecure seed for ${network}, only regtest expected`, {
      hint: 'everybody can repeat the keys and nonces of such a home',
    });
}

export interface OpenHomeOptions {
  dir: string;
  /** Returns the passphrase of an encrypted seed; called once, when the seed is needed. */
  passphrase?: () => Promise<string>;
  insecureSeed?: Uint8Array;
  /** Further folder for copies of refunds. */
  refundsDir?: string;
  /** Journal folder to use in place of the recorded one. */
  journalDir?: string;
  /** URL of the PostgreSQL database to use in place of the recorded one, as with a password. */
  store?: string;
  /** Returns the kinds of all families; called only if the store was restored or copied. */
  kinds: () => Promise<readonly Kind<any>[]>;
  /** Labelled points within a commit, where tests interrupt a run. */
  point?: ((label: string) => void) | undefined;
  /** Shows the owner of the home a note. */
  tell?: ((note: string) => void) | undefined;
}

export interface ReconcileReport {
  gathered: Gathered;
  outcomes: readonly Reconciliation[];
  /** Journal files of this home that were not given: no backup covers them until they are read. */
  notGiven: readonly string[];
  /** Number of records freed of doubt; undefined unless the journals were declared complete. */
  completed?: number;
}

export interface Home {
  readonly dir: string;
  readonly id: string;
  readonly network: Network;
  readonly refundsDir: string;
  /** True if the store was restored or copied, and its owner has not accepted that yet. */
  readonly restored: boolean;
  /** True if the home was restored, copied or remade: its journal may hold more than its store. */
  readonly mayLack: boolean;
  /** True if it was ever restored, copied or made of its words (`Hand.mayRepeat`). */
  readonly mayRepeat: boolean;
  readonly store: HomeStore;
  readonly shares: Shares;
  /** Folder of its journal. */
  readonly journalDir: string;
  journalKey(): Promise<Uint8Array>;
  /** Reads the seed once. @throws Refusal `wrong-passphrase`, `secret-exposed`, `store-damaged` */
  keys(): Promise<HomeKeys>;
  /** Returns the randomness for one attempt of one step. */
  random(): Promise<Random>;
  /** Writes and syncs copies of documents outside the home. */
  copy(copies: readonly Copy[]): Promise<void>;
  /** Returns the copies stored outside the home. */
  copies(): ReturnType<typeof keptCopies>;
  /** Backs up the home while other runs go on. @throws Refusal `home-exists`, `cannot-write` */
  backup(to: string, options: { seed: boolean }): Promise<Backup>;
  /**
   * Reads journals into the store.
   * @param options `complete`: their owner declares that nothing came after them
   * @throws Refusal as `gather`; `nothing-to-reconcile` if nothing was lost; `journal-incomplete`
   */
  reconcile(journals: readonly string[], options?: { complete?: boolean }): Promise<ReconcileReport>;
  /** Prunes (`prune.ts`). @throws Refusal as `prune`; `home-restored` until its journal is read */
  prune(options: Omit<PruneOptions, 'store' | 'kinds'>): Promise<Pruned>;
  /** Accepts a restored home without the commits that it has lost. */
  acceptRestore(): Promise<void>;
  close(): void;
}

/**
 * Opens a home, and checks that its store is the last one.
 * @throws Refusal `no-home`, `secret-exposed`, `insecure-home`, `store-unavailable`,
 * `store-damaged`, `store-newer`
 */
export async function openHome(options: OpenHomeOptions): Promise<Home> {
  // By each of its names a home has the same sibling folders.
  const dir = realPath(options.dir);
  const config = readConfig(dir);
  const { id, network, insecure } = config;
  refuseExposed(dir);
  checkInsecure(dir, network, insecure, options.insecureSeed);
  const folders = {
    recorded: resolve(dir, config.refunds ?? defaultRefunds(dir)),
    added: options.refundsDir === undefined ? undefined : resolve(options.refundsDir),
  };
  const keys = retried(async () => {
    // In parallel: reading may wait for a passphrase, loading costs more than opening the store.
    const [seed, { homeKeys }] = await Promise.all([
      readSeed(join(dir, SEED_FILE), options.passphrase),
      import('./keys.ts'),
    ]);
    const made = homeKeys(seed, network);
    checkSeed(config, made, `the seed in ${dir} is`);
    return made;
  });
  const kinds = retried(() => options.kinds());
  const key = new Uint8Array(Buffer.from(config.journal_key, 'hex'));
  // Relative to the home, never to the working directory: each would have a tide of its own.
  const recordedJournal = resolve(dir, config.journal ?? journalBeside(dir));
  const journal = new Journal({
    dir: resolve(options.journalDir ?? recordedJournal),
    home: id,
    key: async () => key,
    point: options.point,
    daily: () => renew(),
  });
  const tides = tidesOf(id, key, folders.recorded, [journal.dir, recordedJournal]);
  const url = options.store ?? config.store;
  const within = { secrets: keys, watch: tides.watch, journal, point: options.point };
  const { store, place } =
    url === undefined ? openSqlite(dir, within) : await (await import('./postgres.ts')).openPostgres(url, id, within);
  const renew = async (): Promise<void> => (url === undefined ? renewIdentity(dir, id, store) : undefined);
  let shares: ShareFolder;
  let found: StoreIdentity;
  try {
    if (existsSync(join(dir, SEED_FILE))) refuseExposed(join(dir, SEED_FILE));
    found = await checkIdentity({
      place,
      store,
      tides,
      kinds,
      tell: options.tell ?? (() => {}),
    });
    journal.follow(found.life);
    const kept = await store.meta('identity');
    if (url === undefined && found.held && isWorn(dir, kept!, Date.now())) await renew();
    shares = new ShareFolder({
      dir: sharesBeside(dir),
      homeId: id,
      life: found.life,
      key: async () => (await keys()).storeKey,
      point: options.point,
    });
    if (found.held) await shares.sweep(store);
  } catch (error) {
    store.close();
    tides.close();
    throw error;
  }
  let { lost } = found;
  const accept = async (read: ReadLengths): Promise<void> => {
    await goOn(store, read);
    lost = 'accepted';
    // The lost store's shares are of no use any more; those of a store that is not the home's own stay.
    if (options.store === undefined || withoutPassword(options.store) === config.store)
      await shares.sweep(store, { take: true });
  };
  return {
    dir,
    id,
    network,
    refundsDir: folders.added ?? folders.recorded,
    store,
    shares,
    keys,
    journalDir: journal.dir,
    journalKey: async () => key,
    get restored() {
      return lost === 'pending';
    },
    get mayLack() {
      return mayLack(lost);
    },
    get mayRepeat() {
      return lost !== undefined;
    },
    random: async () =>
      options.insecureSeed ? insecureRandom(options.insecureSeed, id, await store.commits()) : realRandom,
    async backup(to, { seed }) {
      const made = await (
        await import('./backup.ts')
      ).backupHome({ dir, to: resolve(to), seed, config, store, journal });
      await renew();
      return made;
    },
    async reconcile(journals, { complete = false } = {}) {
      const { gather, reconcile, refuseIncomplete, endDoubts } = await import('./reconcile.ts');
      const before = await lostOf(store);
      if (before === undefined)
        throw new Refusal('nothing-to-reconcile', 'this home was neither restored nor copied: its store has it all', {
          hint: 'a journal is brought into a home made of a backup (restore --from) or of the words (init --mnemonic-fd)',
        });
      const read = readNow(journals);
      const known = await kinds();
      const gathered = gather(journals, key, known, id);
      // A home made of its words has lost everything: after an interruption, what the store has by then must not
      // pass for all there was.
      if (before === 'words') await store.setMeta('restored', 'pending' satisfies Lost);
      const [files, earlier] = [await journal.files(), await readOf(store)];
      const notGiven = without(unreadOf(files, { ...earlier, ...read }, before), journals);
      const settled = await settledOf(store);
      if (complete) refuseIncomplete(gathered, notGiven, settled);
      const outcomes = await reconcile(store, gathered, settled, hasAllOf(files, earlier));
      const completed = complete ? await endDoubts(store, known) : undefined;
      await accept(read);
      return { gathered, outcomes, notGiven, ...(completed !== undefined && { completed }) };
    },
    async prune(pruning) {
      if (mayLack(lost)) throw homeRestored('what its store holds no more, its journal may still know');
      const { prune } = await import('./prune.ts');
      return prune({ ...pruning, store, kinds: await options.kinds() });
    },
    copy: async (copies) => keepCopies(folders, copies),
    copies: () => keptCopies(folders),
    acceptRestore: async () => accept({}),
    close() {
      store.close();
      tides.close();
      journal.close();
    },
  };
}

function openSqlite(dir: string, options: StoreOptions): { store: HomeStore; place: StorePlace } {
  try {
    return { store: new SqliteStore({ path: join(dir, STORE_FILE), ...options }), place: filePlace(dir) };
  } catch (error) {
    if (isMissing(error)) throw new Refusal('store-damaged', `${dir} has a configuration but no ${STORE_FILE}`);
    throw error;
  }
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

/** Caches the result of `make`. A failure, such as a mistyped passphrase, is tried again. */
function retried<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
}
