/**
 * A lock among processes that ends with its process: an exclusive transaction on a SQLite file.
 * Users: `shares.ts`, `directory.ts`, `cashu/in-hand.ts`, `commands/ecash/melt.ts`.
 */
import { rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

const BUSY = 5; // SQLITE_BUSY

/**
 * Takes a lock if it is free.
 * @param make true if the file is made where there is none
 * @returns the function that ends the lock; undefined where another run has it
 * @throws Refusal `cannot-write` where the file cannot be opened, made or locked
 */
export async function hold(path: string, make = true): Promise<(() => void) | undefined> {
  const { DatabaseSync } = await import('node:sqlite');
  const url = pathToFileURL(path);
  url.searchParams.set('mode', make ? 'rwc' : 'rw');
  let db: InstanceType<typeof DatabaseSync> | undefined;
  try {
    db = new DatabaseSync(url, { timeout: 0 });
    const held = db;
    held.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // no second file
    return () => held.close();
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === BUSY) return undefined;
    throw new Refusal('cannot-write', `${path} cannot be locked: ${(error as Error).message}`);
  }
}

/**
 * Locks a file that exists only while it is locked: the function that ends the lock removes it.
 * @returns as `hold`
 * @throws Refusal as `hold`
 */
export async function holdBriefly(path: string): Promise<(() => void) | undefined> {
  const inode = (): Promise<bigint | undefined> =>
    stat(path, { bigint: true }).then(
      ({ ino }) => ino,
      () => undefined,
    );
  for (;;) {
    const before = await inode();
    const free = await hold(path);
    if (!free) return undefined;
    const end = (): void => {
      rmSync(path, { force: true });
      free();
    };
    // A file that its holder removed meanwhile locks nothing.
    if (before !== undefined && before === (await inode())) return end;
    free();
  }
}

/**
 * Waits for a lock without holding up other runs of this process.
 * @param limit in milliseconds
 * @returns as `hold`; undefined where another run has it for longer
 */
export async function holdFor(path: string, limit: { readonly most: number }): Promise<(() => void) | undefined> {
  for (const since = performance.now(); ;) {
    const free = await hold(path);
    if (free || !allows(limit, performance.now() - since)) return free;
    await sleep(2 + Math.random() * 10);
  }
}
