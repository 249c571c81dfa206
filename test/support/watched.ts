/** What a post lists, all of it. */
import type { Post } from '../../src/lib/cli/watch.ts';
import type { Listed } from '../../src/lib/credit/watch.ts';

export async function listedBy(post: Pick<Post, 'list'>, tip = 1_000): Promise<Listed[]> {
  const all: Listed[] = [];
  for await (const piece of (await post.list(tip)).listed) all.push(...piece);
  return all;
}
