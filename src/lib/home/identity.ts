/**
 * Is this the store that its home had last? A copied, restored or rolled-back store holds nonces that the other one may
 * have used, and a secret nonce used twice gives the contract's key away.
 *
 * Two marks, each compared at every opening:
 * - Identity: the inode of `store.db`, and inode and ctime of the file `identity`, which is never written again. A copy has
 *   other inodes; a restore into the same files has another ctime. Not the device number, which changes on reboot.
 *   In PostgreSQL (`postgres.ts`): the cluster's system identifier, its timeline (a promotion or a recovery begins another),
 *   the database and the table `meta` (a dump makes new ones).
 * - Tide: the commit counter, written after each commit into the refunds folder, outside the home. A store whose counter is
 *   below its tide was put back.
 *
 * No false alarm: the tide is written after its commit is durable, so it is never above the counter of a healthy store, and
 * it is read before the counter. Parallel writers may leave it too low until the next commit: weaker for a moment, never
 * wrong. It is not synced, so a power cut may lose its end, or leave zeros, which count as no tide.
 * Not found: an image of the whole machine put back, refunds folder included; the contents of `store.db` alone put back into
 * the same file once the tide is gone. Taken for a restore though it is none: `chmod`, `chown` or a hard link of the file
 * `identity` (its ctime changes), and a move to another disk (which is a copy). That is safe, but the owner must accept it.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { isMissing } from './files.ts';
import type { SqlStore } from './sql-store.ts';
import type { CommitWatch } from './store.ts';

export const STORE_FILE = 'store.db';
export const IDENTITY_FILE = 'identity';

/** What the file `identity` says to whoever finds it. */
export const identityText = (homeId: string): string =>
  `${homeId}\nNever write to this file: its time stamp tells this home from a restored copy.\n`;

/** What tells this home from a copy of it. A missing file is a difference too. */
export function identityOf(dir: string): string {
  const mark = statSync(join(dir, IDENTITY_FILE), { bigint: true, throwIfNoEntry: false });
  const store = statSync(join(dir, STORE_FILE), { bigint: true });
  return `store ${store.ino} mark ${mark ? `${mark.ino} ${mark.ctimeNs}` : 'none'}`;
}

/**
 * Compares both marks, and where one differs makes the store harmless (`SqlStore.settle`).
 * @param identity what the store is now
 * @param kinds asked for only then, so that a healthy home loads no family
 */
export async function checkIdentity(
  identity: string,
  store: SqlStore,
  tide: Tide,
  kinds: () => Promise<readonly Kind<any>[]>,
): Promise<void> {
  const high = tide.read();
  if (await store.isSame(identity, high)) return;
  tide.ready();
  await store.settle(identity, high, await kinds());
  tide.rise(await store.commits());
}

/** The highest commit counter seen, in `.tide-ID` of the refunds folder: 20 digits and a checksum, written in place. */
export class Tide implements CommitWatch {
  readonly #dir: string;
  readonly #path: string;
  #file: number | undefined;

  constructor(refundsDir: string, homeId: string) {
    this.#dir = refundsDir;
    this.#path = join(refundsDir, `.tide-${homeId}`);
  }

  /** 0 where there is none, or none that is whole. */
  read(): number {
    // A reader may see half of another process's write; a second look sees the whole.
    for (let look = 0; look < 3; look += 1) {
      let text: string;
      try {
        text = readFileSync(this.#path, 'utf8');
      } catch (error) {
        if (isMissing(error)) return 0;
        throw new Refusal('cannot-write', `${this.#path} cannot be read: ${(error as Error).message}`);
      }
      const commits = Number(/^\d{20}/.exec(text)?.[0]);
      if (text === line(commits)) return commits;
    }
    return 0;
  }

  ready(): void {
    if (this.#file !== undefined) return;
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      this.#file = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    } catch (error) {
      throw new Refusal('cannot-write', `${this.#path} cannot be written: ${(error as Error).message}`, {
        hint: 'name a folder for refunds with --refunds DIR',
      });
    }
  }

  rise(commits: number): void {
    try {
      writeSync(this.#file!, line(commits), 0);
    } catch {
      // The commit stands and must be reported as such; the next one writes a higher tide.
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function line(commits: number): string {
  const digits = String(commits).padStart(20, '0');
  return `${digits} ${createHash('sha256').update(digits).digest('hex').slice(0, 16)}\n`;
}
