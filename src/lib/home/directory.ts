/**
 * A home's directory, or that of its backup, made whole or not at all: beside its place, synced, and moved there.
 * Not here: what is in it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Refusal } from '../protocol/refusal.ts';
import { CONFIG_FILE } from './config.ts';
import { isMissing, syncDirectory, syncParent } from './files.ts';

/**
 * @param fill writes the files, and syncs each
 * @throws Refusal `home-exists`, `cannot-write`, and whatever `fill` refuses
 */
export async function makeDirectory(dir: string, fill: (made: string) => Promise<void>): Promise<void> {
  refuseOccupied(dir);
  const made = `${dir}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    mkdirSync(dirname(dir), { recursive: true });
    mkdirSync(made, { mode: 0o700 });
    await fill(made);
    syncDirectory(made);
    renameSync(made, dir);
    syncParent(dir);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (error instanceof Refusal) throw error;
    // Another process may have made one meanwhile.
    refuseOccupied(dir);
    throw new Refusal('cannot-write', `${dir} cannot be made: ${(error as Error).message}`);
  }
}

/** @throws Refusal `home-exists`, `cannot-write` */
export function refuseOccupied(dir: string): void {
  if (existsSync(join(dir, CONFIG_FILE)))
    throw new Refusal('home-exists', `there is a home at ${dir}`, {
      hint: 'take another directory; a home is never overwritten',
    });
  let found: string[];
  try {
    found = readdirSync(dir);
  } catch (error) {
    if (isMissing(error)) return;
    throw new Refusal('cannot-write', `${dir} cannot be made: ${(error as Error).message}`);
  }
  if (found.length > 0)
    throw new Refusal('cannot-write', `${dir} holds other files, an empty or a new directory expected`);
}
