/**
 * A lock among processes that the system ends with its process: an exclusive transaction of SQLite on a file of its own.
 * Not here: how long to try, and what is locked (`shares.ts`, `directory.ts`).
 */
import { Refusal } from '../protocol/refusal.ts';

const BUSY = 5; // SQLITE_BUSY

/**
 * Tries once, without waiting. The file is made where there is none.
 * @returns what ends the lock; undefined where another run has it
 * @throws Refusal `cannot-write` where the file can be neither opened nor made, or nothing can be locked there
 */
export async function hold(path: string): Promise<(() => void) | undefined> {
  const { DatabaseSync } = await import('node:sqlite');
  let db: InstanceType<typeof DatabaseSync> | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    const held = db;
    held.exec('BEGIN EXCLUSIVE');
    return () => held.close();
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === BUSY) return undefined;
    throw new Refusal('cannot-write', `${path} cannot be locked: ${(error as Error).message}`);
  }
}
