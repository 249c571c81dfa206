/**
 * Secrets that no seed restores and that must be able to end: an operator's shares of statecoins.
 * Each lies encrypted (`at-rest.ts`) in its own file, `HOME-ID-NAME.share` in HOME.shares next to
 * the home: outside the database with its journal, and outside every copy of the home. A record
 * holds one by the claim `share:NAME`.
 *
 * The folder names the life of the store that it belongs to (`identity.ts`), in `HOME-ID-store`. A
 * dump or a copy opened next to production claims none of its shares, and would otherwise destroy
 * them all. The folder changes stores once the other store's owner goes on with that one.
 *
 * New files are synced before the commit that claims them; files without a claim are destroyed
 * after it. One exclusive lock covers that and the sweep of unclaimed files when a home is opened.
 * Otherwise a second process would take a new file of the first for the remains of a crash. Not
 * promised: what a snapshotting file system or a flash disk retains of overwritten and removed
 * files.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim, ShareFile } from '../protocol/action.ts';
import type { Shares, Store } from '../protocol/ports.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  destroyFile,
  readPlain,
  refuseExposed,
  replacePrivate,
  syncDirectory,
  syncParent,
  unlessMissing,
  writePrivate,
} from './files.ts';
import { holdFor } from './hold.ts';
import { encrypt, decrypt } from './at-rest.ts';
import type { HomeStore } from './sql-store.ts';

/** Time to wait for the folder's lock. */
export const WAIT_LIMITS = { held: { unit: 'milliseconds', most: 10_000 } } satisfies Limits;

/** Returns the folder of a home's shares. */
export const sharesBeside = (home: string): string => `${home.replace(/\/+$/, '')}.shares`;

const shareAad = (name: string): Uint8Array => Buffer.from(`share|${name}`);

export interface ShareOptions {
  dir: string;
  homeId: string;
  /** Life of the store that claims them. */
  life: string;
  key: () => Promise<Uint8Array>;
  point?: ((label: string) => void) | undefined;
}

export class ShareFolder implements Shares {
  readonly #dir: string;
  readonly #prefix: string;
  readonly #life: string;
  readonly #ownerFile: string;
  readonly #key: () => Promise<Uint8Array>;
  readonly #point: (label: string) => void;

  constructor({ dir, homeId, life, key, point }: ShareOptions) {
    this.#dir = dir;
    this.#prefix = `${homeId}-`;
    this.#life = life;
    this.#ownerFile = join(dir, `${this.#prefix}store`);
    this.#key = key;
    this.#point = point ?? (() => {});
  }

  #path(name: string): string {
    if (!/^[0-9a-f]{32}$/.test(name)) throw new Refusal('bug', `${JSON.stringify(name)} is no name for a share`);
    return join(this.#dir, `${this.#prefix}${name}.share`);
  }

  /** Reads the life of the store that owns the folder; undefined if it names none. */
  #owner(): string | undefined {
    return unlessMissing(() => readPlain(this.#ownerFile, 'latin1').trim());
  }
  #own(): void {
    replacePrivate(this.#ownerFile, `${this.#life}\n`);
    syncDirectory(this.#dir);
  }

  async read(names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const name of names) {
      const path = this.#path(name);
      const sealed = unlessMissing(() => {
        refuseExposed(path);
        return readFileSync(path);
      });
      if (!sealed) continue;
      const key = await this.#key();
      try {
        found.set(name, decrypt(sealed, shareAad(name), key));
      } catch {
        throw new Refusal('store-damaged', `${path} does not decrypt with the seed of this home`);
      }
    }
    return found;
  }

  async around(
    made: readonly ShareFile[],
    gone: readonly string[],
    commit: () => Promise<boolean>,
    store: Pick<Store, 'load'>,
  ): Promise<boolean> {
    const key = await this.#key();
    return this.#locked(async () => {
      // Names are drawn at random: only a home whose randomness repeats meets its own file of a faster run.
      if (made.some(({ name }) => existsSync(this.#path(name)))) return false;
      if (this.#owner() === undefined && this.#files().length === 0) this.#own();
      for (const { name, secret } of made) writePrivate(this.#path(name), encrypt(secret, shareAad(name), key));
      if (made.length > 0) syncDirectory(this.#dir);
      this.#point('share-synced');
      // After an error here the commit may stand or not; the next sweep decides by the store.
      const stands = await commit();
      if (stands) await this.#agree(made, gone, store);
      this.#destroy((stands ? gone : made.map(({ name }) => name)).map((name) => this.#path(name)));
      this.#point('share-destroyed');
      return stands;
    });
  }

  /** Checks files after a commit: a claimed one is never destroyed. @throws Refusal `bug` */
  async #agree(made: readonly ShareFile[], gone: readonly string[], store: Pick<Store, 'load'>): Promise<void> {
    const claim = (name: string): Claim => `share:${name}`;
    const { found } = await store.load([...made.map(({ name }) => name), ...gone].map(claim));
    const wrong = [
      ...made.filter(({ name }) => !found.has(claim(name))).map(({ name }) => `${name} is claimed by no record`),
      ...gone.filter((name) => found.has(claim(name))).map((name) => `${name} is still claimed`),
    ];
    if (wrong.length > 0) throw new Refusal('bug', `shares and claims differ after a commit: ${wrong.join(', ')}`);
  }

  /**
   * Destroys files that no record claims, left by a crash or a backup, if the folder is the
   * store's.
   * @param options `take`: true makes the folder the store's own
   */
  async sweep(store: Pick<HomeStore, 'load' | 'claimed'>, { take = false } = {}): Promise<void> {
    if (this.#files().length === 0) return;
    await this.#locked(async () => {
      if (this.#owner() !== this.#life) {
        if (!take) return;
        this.#own();
      }
      const files = this.#files();
      const claims = files.map((file): Claim => `share:${file.slice(this.#prefix.length, -'.share'.length)}`);
      const { found } = await store.load(claims);
      const free = claims.filter((claim) => !found.has(claim));
      // A run that was killed may have left a commit under way, which waits for a standby or a disk.
      const late = free.length > 0 ? await store.claimed(free) : new Set();
      const gone = files.filter((_, i) => !found.has(claims[i]!) && !late.has(claims[i]!));
      this.#destroy(gone.map((file) => join(this.#dir, file)));
    });
  }

  #files(): string[] {
    const all = unlessMissing(() => readdirSync(this.#dir)) ?? [];
    return all.filter((file) => file.startsWith(this.#prefix) && file.endsWith('.share'));
  }

  #destroy(paths: readonly string[]): void {
    if (paths.length === 0) return;
    paths.forEach(destroyFile);
    syncDirectory(this.#dir);
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    try {
      if (mkdirSync(this.#dir, { recursive: true, mode: 0o700 }) !== undefined) syncParent(this.#dir);
    } catch (error) {
      throw new Refusal('cannot-write', `${this.#dir} cannot be made: ${(error as Error).message}`);
    }
    refuseExposed(this.#dir);
    const free = await this.#hold();
    try {
      return await work();
    } finally {
      free();
    }
  }

  /** Waits for the lock without holding up other runs of this process. */
  async #hold(): Promise<() => void> {
    const free = await holdFor(join(this.#dir, `${this.#prefix}lock`), WAIT_LIMITS.held);
    if (free) return free;
    throw new Refusal('store-unavailable', `${this.#dir} stayed locked for ${WAIT_LIMITS.held.most / 1_000} s`, {
      hint: 'try again; should it last, look for a run that hangs',
    });
  }
}
