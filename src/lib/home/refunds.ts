/**
 * Documents also stored outside the home: the refund of every funded contract. It holds no secret
 * and pays an address that the seed restores. Without it, a home restored from before a contract
 * has neither its key nor its refund.
 *
 * One file a document, `NAME.json`, 0600, synced before printing. Not here: its content (the
 * families).
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Copy } from '../protocol/action.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { isMissing, readPlain, replacePrivate, syncDirectory, syncParent } from './files.ts';

/** Returns the default folder of a home's copies: next to it, so as not to be lost with it. */
export const defaultRefunds = (home: string): string => `${home.replace(/\/+$/, '')}.refunds`;

/**
 * Folders of copies: the recorded one, and one that a run adds. The added one is tried first; if it
 * takes the copies, the recorded one may fail.
 */
export interface CopyFolders {
  recorded: string;
  added?: string | undefined;
}

/** Stores copies in every folder. @throws Refusal `cannot-write` */
export function keepCopies({ recorded, added }: CopyFolders, copies: readonly Copy[]): void {
  if (added === undefined) return writeCopies(recorded, copies);
  writeCopies(added, copies);
  try {
    writeCopies(recorded, copies);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'cannot-write') throw error;
  }
}

/** Returns the copies of both folders, each once. */
export function keptCopies({ recorded, added = recorded }: CopyFolders): ReturnType<typeof readCopies> {
  const [first, second] = [readCopies(added), readCopies(recorded)];
  const all = new Map([...second.copies, ...first.copies].map((copy) => [copy.name, copy]));
  return {
    copies: [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    unreadable: [...new Set([...first.unreadable, ...second.unreadable])].filter((file) => !all.has(nameOf(file))),
  };
}

/** Writes and syncs the copies, each over the one of its name. @throws Refusal `cannot-write` */
export function writeCopies(dir: string, copies: readonly Copy[]): void {
  if (copies.length === 0) return;
  for (const { name } of copies)
    if (!/^[a-z0-9-]+$/.test(name)) throw new Refusal('bug', `${JSON.stringify(name)} is no name for a file`);
  try {
    if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined) syncParent(dir);
    for (const { name, body } of copies) replacePrivate(join(dir, `${name}.json`), printJson(body, '  ') + '\n');
    syncDirectory(dir);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('cannot-write', `the copies cannot be written to ${dir}: ${(error as Error).message}`, {
      hint: 'run the same command again with --refunds DIR: it prints only once they are kept',
    });
  }
}

/** Reads all copies in a folder, by name. Lists unreadable ones in `unreadable` and reads on. */
export function readCopies(dir: string): { copies: readonly Copy[]; unreadable: readonly string[] } {
  const copies: Copy[] = [];
  const unreadable: string[] = [];
  for (const file of filesOf(dir)) {
    try {
      const body = parseJson(readPlain(join(dir, file), 'utf8'));
      if (typeof body !== 'object' || body === null) throw new Refusal('malformed-json', 'no object');
      copies.push({ name: nameOf(file), body });
    } catch {
      unreadable.push(file);
    }
  }
  return { copies, unreadable };
}

const ENDS = '.json';
const nameOf = (file: string): string => file.slice(0, -ENDS.length);

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((file) => /^[a-z0-9-]+\.json$/.test(file))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(dir, error);
  }
}
