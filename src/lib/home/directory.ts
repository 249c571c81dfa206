/**
 * Directory of a home or of its backup, made whole or not at all: written next to its place,
 * synced, and moved there. Not here: what is in it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Refusal } from '../protocol/refusal.ts';
import { CONFIG_FILE } from './config.ts';
import { isMissing, syncDirectory, syncParent } from './files.ts';
import { hold } from './hold.ts';

/** Suffix of the directory in which a run works. The run locks a file next to it while it lives. */
const DRAFT = /\.[0-9a-f]{12}\.tmp$/;
const HELD = '.spillway-lock';

/**
 * Makes a directory in one step. Removes the remains of killed runs in the same place first: they
 * may hold a seed.
 * @param fill writes the files, and syncs each
 * @throws Refusal `home-exists`, `cannot-write`, and all that `fill` refuses
 */
export async function makeDirectory(dir: string, fill: (made: string) => Promise<void>): Promise<void> {
  refuseOccupied(dir);
  let draft: Draft | undefined;
  try {
    mkdirSync(dirname(dir), { recursive: true });
    await sweep(dirname(dir));
    draft = await newDraft(dir);
    await fill(draft.made);
    syncDirectory(draft.made);
    renameSync(draft.made, dir);
    syncParent(dir);
  } catch (error) {
    if (draft) rmSync(draft.made, { recursive: true, force: true });
    if (error instanceof Refusal) throw error;
    // Another process may have made one meanwhile.
    refuseOccupied(dir);
    throw new Refusal('cannot-write', `${dir} cannot be made: ${(error as Error).message}`);
  } finally {
    draft?.end();
  }
}

interface Draft {
  made: string;
  end(): void;
}

/** Makes a draft. Locks it first, since a draft without a lock counts as abandoned. */
async function newDraft(dir: string): Promise<Draft> {
  const made = `${dir}.${randomBytes(6).toString('hex')}.tmp`;
  const free = await hold(made + HELD);
  // A sweep between the file and its lock has taken it for an abandoned one.
  if (!free || !existsSync(made + HELD)) {
    free?.();
    return newDraft(dir);
  }
  const end = (): void => {
    free();
    rmSync(made + HELD, { force: true, maxRetries: 3 });
  };
  try {
    mkdirSync(made, { mode: 0o700 });
    return { made, end };
  } catch (error) {
    end();
    throw error;
  }
}

/** Removes the drafts that no process holds. Never refuses: other runs may be at it too. */
async function sweep(parent: string): Promise<void> {
  for (const name of readdirSync(parent).filter((file) => file.endsWith(HELD))) {
    const made = join(parent, name.slice(0, -HELD.length));
    if (!DRAFT.test(made)) continue;
    const free = await hold(made + HELD, false).catch(() => undefined);
    if (!free) continue;
    try {
      rmSync(made, { recursive: true, force: true });
      rmSync(made + HELD, { force: true });
    } catch {
      // Of another user: it stays.
    } finally {
      free();
    }
  }
}

/** Checks that the place is free. @throws Refusal `home-exists`, `cannot-write` */
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
    throw new Refusal('cannot-write', `${dir} cannot be made: ${(error as Error).message}`);
  }
  if (found.length > 0)
    throw new Refusal('cannot-write', `${dir} holds other files, an empty or a new directory expected`);
}
