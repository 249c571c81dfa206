/** The records of a kind in the order of one of their figures, a page at a time: their number costs no memory. */
import type { Kind } from '../protocol/action.ts';
import type { HomeStore, Ordered, Stretch } from '../home/store.ts';

/** @param stretch of each page; the last one is shorter, and may be empty */
export async function* pagesOf(
  store: Pick<HomeStore, 'inOrder'>,
  kind: Pick<Kind<any>, 'name'>,
  figure: string,
  stretch: Omit<Stretch, 'after'>,
): AsyncGenerator<readonly Ordered[]> {
  for (let page: readonly Ordered[], after: Ordered | undefined; ; after = page.at(-1)) {
    page = await store.inOrder(kind, figure, { ...stretch, after });
    yield page;
    if (page.length < stretch.most) return;
  }
}
