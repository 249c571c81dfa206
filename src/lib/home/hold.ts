/**
 * A lock among processes that the system ends with its process: an exclusive transaction of SQLite on a file of its own.
 * Not here: how long to try, and what is locked (`shares.ts`, `directory.ts`).
 */
import { pathToFileURL } from 'node:url';
import { Refusal } from '../protocol/refusal.ts';

const BUSY = 5; // SQLITE_BUSY

/**
 * Tries once, without waiting.
 * @param make whether the file is made where there is none
 * @returns what ends the lock; undefined where another run has it
 * @throws Refusal `cannot-write` where the file can be neither opened nor made, or nothing can be locked there
 */
export async function hold(path: string, make = true): Promise<(() => void) | undefined> {
  const { DatabaseSync } = await import('node:sqlite');
  const url = pathToFileURL(path);
  url.searchParams.set('mode', make ? 'rwc' : 'rw');
  let db: InstanceType<typeof DatabaseSync> | undefined;
  try {
    db = new DatabaseSync(url, { timeout: 0 });
    const held = db;
    held.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // no second file beside it
    return () => held.close();
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === BUSY) return undefined;
    throw new Refusal('cannot-write', `${path} cannot be locked: ${(error as Error).message}`);
  }
}
