/**
 * Long work in parts. Slices of time give timers, signals and connections their turn in between.
 * Long lists are read page by page, so their number costs no memory.
 */
import { setImmediate } from 'node:timers/promises';
import type { Kind } from '../protocol/action.ts';
import type { HomeStore } from '../home/sql-store.ts';
import type { Ordered, Stretch } from '../home/store.ts';

/** Yields the parts of a list, in its order. */
export function* pieces<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

const SLICE_MS = 25;

/** Returns a function to await after each piece of work; it yields once a slice is over. */
export function slices(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await setImmediate();
    since = performance.now();
  };
}

/** Yields pages of a list. @param read returns up to `most` entries after one; fewer at the end */
export async function* pages<T>(
  most: number,
  read: (after: T | undefined) => Promise<readonly T[]>,
): AsyncGenerator<readonly T[]> {
  for (let page: readonly T[], after: T | undefined; ; after = page.at(-1)) {
    page = await read(after);
    yield page;
    if (page.length < most) return;
  }
}

/** Yields pages of the records of a kind, in the order of one of their figures. */
export const pagesOf = (
  store: Pick<HomeStore, 'inOrder'>,
  kind: Pick<Kind<any>, 'name'>,
  figure: string,
  stretch: Stretch,
): AsyncGenerator<readonly Ordered[]> =>
  pages(stretch.most, (after) => store.inOrder(kind, figure, { ...stretch, after: after ?? stretch.after }));
