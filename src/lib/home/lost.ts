/**
 * Gaps of a store that the journal of its home may fill, as two marks in the store:
 *
 *   restored  words: the home was remade from its words, and may have had records before ·
 *             pending: the store was restored or copied, and only exits · accepted: in use again
 *   read      files of a journal that were brought in, with the bytes that each had then
 *
 * A backup covers a file of the journal only if this life of the store has written it or brought in
 * all of it. Covered files may be removed: any other would be lost for good.
 */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FoundFile } from './journal.ts';

export type Lost = 'words' | 'pending' | 'accepted';
interface MetaStore {
  meta(key: string): Promise<string | undefined>;
  setMeta(key: string, value: string): Promise<void>;
}

/** Returns what a store may lack; undefined if it was never lost. */
export const lostOf = async (store: MetaStore): Promise<Lost | undefined> =>
  (await store.meta('restored')) as Lost | undefined;
export const mayLack = (lost: Lost | undefined): boolean => lost === 'words' || lost === 'pending';

/** Returns the part of a file name that a seal does not change. */
const stem = (path: string): string => basename(path).replace(/(\.sealed)?\.journal$/, '');

/** Maps each journal file to the bytes that were read of it; a longer file has more. */
export type ReadLengths = Readonly<Record<string, number>>;
export const readOf = async (store: MetaStore): Promise<ReadLengths> =>
  JSON.parse((await store.meta('read')) ?? '{}') as ReadLengths;
const bytesOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
/** Returns the sizes of files before they are read. */
export const readNow = (files: readonly string[]): ReadLengths =>
  Object.fromEntries(files.map((path) => [stem(path), bytesOf(path)]));

/** Returns whether any of a journal file was brought in. */
export const isRead = ({ path }: FoundFile, read: ReadLengths): boolean => stem(path) in read;

/** Returns whether the store has all of a file of its journal. */
export const isKnown = (file: FoundFile, read: ReadLengths): boolean =>
  file.by === 'this' || read[stem(file.path)] === bytesOf(file.path);

/**
 * Returns the test whether the store has, or had, all of a file, wherever that lies.
 * @param files of its journal
 */
export function hasAllOf(files: readonly FoundFile[], read: ReadLengths): (path: string) => boolean {
  const known = new Set(files.filter((file) => isKnown(file, read)).map(({ path }) => stem(path)));
  return (path) => known.has(stem(path)) || read[stem(path)] === bytesOf(path);
}

/** Returns the files of this home's own journal that it has still to bring in. */
export const unreadOf = (files: readonly FoundFile[], read: ReadLengths, lost: Lost | undefined): readonly string[] =>
  files.filter((file) => (file.by !== 'another' || lost === 'words') && !isKnown(file, read)).map(({ path }) => path);

/** Returns the files that are none of the others, whichever of them a backup seals meanwhile. */
export function without(files: readonly string[], others: readonly string[]): readonly string[] {
  const place = (path: string): string => join(realpathSync(dirname(path)), stem(path));
  const known = new Set(others.map(place));
  return files.filter((path) => !known.has(place(path)));
}

/** Facts about a restored or copied store, as JSON under `settled`. */
export interface SettledStore {
  /** Number under which its records were made harmless. */
  number: number;
  /** Number of the last commit in the store. */
  had: number;
  /** Number of the last commit in tide or journal; 0 if unknown. */
  above: number;
}

/** Returns the state of the store when it was found to be restored or copied. */
export async function settledOf(store: MetaStore): Promise<SettledStore | undefined> {
  const text = await store.meta('settled');
  return text === undefined ? undefined : (JSON.parse(text) as SettledStore);
}

/** Records that the owner uses the store again. @param read journals that were brought in */
export async function goOn(store: MetaStore, read: ReadLengths): Promise<void> {
  await store.setMeta('read', JSON.stringify({ ...(await readOf(store)), ...read }));
  await store.setMeta('restored', 'accepted' satisfies Lost);
}
