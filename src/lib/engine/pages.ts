/** Long lists a page at a time: their number costs no memory. */
import type { Kind } from '../protocol/action.ts';
import type { HomeStore } from '../home/sql-store.ts';
import type { Ordered, Stretch } from '../home/store.ts';

/** @param read the next page of at most so many, after an entry; the last one is shorter, and may be empty */
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

/** The records of a kind in the order of one of their figures. */
export const pagesOf = (
  store: Pick<HomeStore, 'inOrder'>,
  kind: Pick<Kind<any>, 'name'>,
  figure: string,
  stretch: Stretch,
): AsyncGenerator<readonly Ordered[]> =>
  pages(stretch.most, (after) => store.inOrder(kind, figure, { ...stretch, after: after ?? stretch.after }));
