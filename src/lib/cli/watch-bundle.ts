/**
 * Exported exits, watched by whoever has no key and no home: the files are read at each look, so that a newer export can be
 * put in place of an older one. A watchtower sends; it signs nothing, so it makes no child and offers no close.
 */
import { parseJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { watchedDocument } from '../credit/watched.ts';
import type { Watched } from '../credit/watch.ts';
import { readInput } from './input.ts';
import { utf8 } from './sniff.ts';
import type { Post } from './watch.ts';

/** As many exports as a folder of contracts has; a line each. */
const LIMIT = 256_000_000;

/** @throws Refusal as `watchedDocument` does, `malformed` for an empty bundle, `wrong-network` for one of two networks */
export async function readBundle(files: readonly string[]): Promise<{ network: string; watched: Watched[] }> {
  const found = new Map<string, ReturnType<typeof watchedDocument>>();
  for (const file of files) {
    for (const text of documents(utf8(await readInput(file, LIMIT)))) {
      const one = watchedDocument(parseJson(text));
      const had = found.get(one.watched.id)?.watched.own;
      // Of two exports of one contract the larger is the newer.
      if (!had || one.watched.own!.paysSat > had.paysSat) found.set(one.watched.id, one);
    }
  }
  const networks = [...new Set([...found.values()].map(({ network }) => network))];
  if (networks.length === 0) throw new Refusal('malformed', 'an empty bundle found, exports of exit-credit expected');
  if (networks.length > 1) throw new Refusal('wrong-network', `exports for ${networks.join(' and ')} in one bundle`);
  return { network: networks[0]!, watched: [...found.values()].map(({ watched }) => watched) };
}

/** One document over many lines, or one a line. */
const documents = (text: string): string[] =>
  /^\s*\{\s*\n/.test(text) ? [text] : text.split('\n').filter((line) => line.trim() !== '');

export function bundlePost(network: string, files: readonly string[]): Post {
  /** What this process has seen settled; another process sees it again. */
  const settled = new Set<string>();
  return {
    network,
    list: async () => (await readBundle(files)).watched.filter(({ id }) => !settled.has(id)),
    freeze: async ({ own }) => own!,
    withChild: async () => undefined,
    propose: async () => undefined,
    settle: async ({ id }) => void settled.add(id),
  };
}
