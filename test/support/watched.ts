/** What a post lists, all of it. */
import type { Unread } from '../../src/lib/engine/looking.ts';
import type { Post } from '../../src/lib/engine/watch.ts';
import type { Listed } from '../../src/lib/credit/watch.ts';

const isRead = (one: Listed | Unread): one is Listed => !('why' in one);

export async function listedBy(post: Pick<Post, 'list'>, tip = 1_000): Promise<Listed[]> {
  const all: Listed[] = [];
  for await (const piece of (await post.list(tip)).listed) for (const one of piece) if (isRead(one)) all.push(one);
  return all;
}
