/**
 * What the journal of a home may know and its store does not, as two marks in the store:
 *
 *   restored  words: the home was made again of its words, and may have had records before ·
 *             pending: the store was restored or copied, and only exits · accepted: its owner goes on
 *   unread    names of files of its journal that were there then and were not brought in
 *
 * Until there is nothing of the kind no backup covers them: whoever removes what one covers would lose them for good.
 */
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { HomeStore } from './store.ts';

export type Lost = 'words' | 'pending' | 'accepted';
type Marks = Pick<HomeStore, 'meta' | 'setMeta'>;

/** undefined: it was never lost. */
export const lostOf = async (store: Marks): Promise<Lost | undefined> =>
  (await store.meta('restored')) as Lost | undefined;
export const mayLack = (lost: Lost | undefined): boolean => lost === 'words' || lost === 'pending';

/** A file keeps this part of its name when a backup seals it. */
const stem = (path: string): string => basename(path).replace(/(\.sealed)?\.journal$/, '');

/** Of these files, those that are none of the others, whichever of them a backup seals meanwhile. */
export function without(files: readonly string[], others: readonly string[]): readonly string[] {
  const place = (path: string): string => join(realpathSync(dirname(path)), stem(path));
  const known = new Set(others.map(place));
  return files.filter((path) => !known.has(place(path)));
}

/** Of these files of the journal, those that are still to be brought in. */
export async function unreadOf(store: Marks, files: readonly string[]): Promise<readonly string[]> {
  const unread = new Set(JSON.parse((await store.meta('unread')) ?? '[]') as string[]);
  return files.filter((file) => unread.has(stem(file)));
}

/** The owner goes on. @param unread files of the journal that were not brought in */
export async function goOn(store: Marks, unread: readonly string[]): Promise<void> {
  await store.setMeta('unread', JSON.stringify(unread.map(stem)));
  await store.setMeta('restored', 'accepted' satisfies Lost);
}
