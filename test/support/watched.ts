/** What a post lists, all of it; and posts that do otherwise with it. */
import type { Charge, Resting, Unread } from '../../src/lib/engine/duties.ts';
import type { Post } from '../../src/lib/engine/watch.ts';

const isRead = (one: Resting | Unread): one is Resting => !('why' in one);

export async function listedBy(post: Pick<Post, 'list'>, tip = 1_000): Promise<Resting[]> {
  const all: Resting[] = [];
  for await (const piece of (await post.list(tip)).listed) for (const one of piece) if (isRead(one)) all.push(one);
  return all;
}

/** The same post, whose records are opened otherwise. */
export function opening(post: Post, change: (charge: Charge) => Charge | Promise<Charge>): Post {
  const changed = (one: Resting): Resting => ({
    ...one,
    async open() {
      const charge = await one.open();
      return charge && change(charge);
    },
  });
  return {
    ...post,
    async list(tip) {
      const { listed, bad } = await post.list(tip);
      async function* all(): AsyncGenerator<readonly (Resting | Unread)[]> {
        for await (const piece of listed) yield piece.map((one) => (isRead(one) ? changed(one) : one));
      }
      return { listed: all(), bad };
    },
  };
}
const nothing = async (): Promise<void> => {};
/** Of its records nothing is written. */
export const unwritten = (post: Post): Post =>
  opening(post, (charge) => ({ ...charge, sent: async (tx) => tx, ended: nothing, lapsed: nothing }));
