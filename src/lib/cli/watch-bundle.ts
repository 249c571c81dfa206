/**
 * Documents watched by whoever has no key and no home: exports of `exit-credit --export`, and the copies of refunds that a
 * payer's home keeps outside. Files and folders are read at each look, so that a newer export can be put in place of an
 * older one, and a new contract's copy counts from the next look on. A watchtower sends; it signs nothing: of children it
 * has those that were signed with the export, and it offers no close.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readBundled, type Bundled } from '../credit/bundle.ts';
import type { Network } from '../bitcoin/network.ts';
import { readInput } from './input.ts';
import { utf8 } from './sniff.ts';
import type { Post } from './watch.ts';

/** As many exports as a folder of contracts has; a line each. */
const LIMIT = 256_000_000;

export interface Bundle {
  network: Network;
  watched: Bundled['watched'][];
  /** Copies of statecoins' backups, which are not watched. */
  left: number;
  /** Files that cannot be read, or not in full. */
  bad: readonly Bad[];
}
export interface Bad {
  file: string;
  why: Refusal;
}

/**
 * One bad file does not keep the contracts of the others from what is due for them: it is named.
 * @param last what each file held when it was last good, which stands in for it while it is not
 * @throws Refusal as `readBundled` does where nothing is good, `malformed` for an empty bundle, `wrong-network` for two networks
 */
export async function readBundle(names: readonly string[], last = new Map<string, Bundled[]>()): Promise<Bundle> {
  const found = new Map<string, Bundled>();
  const bad: Bad[] = [];
  let left = 0;
  const tolerant = async <T>(file: string, read: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      bad.push({ file, why: error });
      return otherwise;
    }
  };
  for (const name of names)
    for (const file of await tolerant(name, () => filesOf(name), [...last.keys()].filter(isIn(name)))) {
      const read = await tolerant(file, () => readFile(file), undefined);
      const good = read ? read.filter((one) => one !== null) : (last.get(file) ?? []);
      left += read ? read.length - good.length : 0;
      last.set(file, good);
      for (const one of good) {
        // A home may be the payer of one contract and the payee of another, and both of one that it has with itself.
        const key = `${one.watched.role} ${one.watched.id}`;
        const had = found.get(key)?.watched.own;
        if (!had || isBetter(one.watched.own, had)) found.set(key, one);
      }
    }
  const networks = [...new Set([...found.values()].map(({ network }) => network))];
  if (networks.length === 0)
    throw (
      bad[0]?.why ??
      new Refusal('malformed', 'an empty bundle found, exports of exit-credit or copies of refunds expected')
    );
  if (networks.length > 1) throw new Refusal('wrong-network', `exports for ${networks.join(' and ')} in one bundle`);
  return { network: networks[0]!, watched: [...found.values()].map(({ watched }) => watched), left, bad };
}

const isIn =
  (name: string) =>
  (file: string): boolean =>
    file === name || dirname(file) === name;

const readFile = async (file: string): Promise<(Bundled | null)[]> =>
  documents(utf8(await readInput(file, LIMIT))).map((text) => readBundled(parseJson(text)));

/** Of two exports of one contract the larger is the newer. */
type Own = Bundled['watched']['own'];
const isBetter = (a: Own, b: Own): boolean =>
  a.paysSat > b.paysSat || (a.paysSat === b.paysSat && a.children!.length > b.children!.length);

/** The file, or the documents of a folder. @throws Refusal `no-input` */
async function filesOf(name: string): Promise<string[]> {
  try {
    if (!(await stat(name)).isDirectory()) return [name];
    const inside = await readdir(name);
    return inside
      .filter((file) => /\.(nd)?json$/.test(file))
      .sort()
      .map((file) => join(name, file));
  } catch (error) {
    throw new Refusal('no-input', `${name}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** One document over many lines, or one a line. */
const documents = (text: string): string[] =>
  /^\s*\{\s*\n/.test(text) ? [text] : text.split('\n').filter((line) => line.trim() !== '');

export function bundlePost(network: string, names: readonly string[]): Post {
  /** What this process has seen settled; another process sees it again. */
  const settled = new Set<string>();
  const last = new Map<string, Bundled[]>();
  return {
    network,
    async list() {
      const { watched, bad } = await readBundle(names, last);
      return { watched: watched.filter(({ own }) => !settled.has(own.txid)), bad };
    },
    freeze: async ({ own }) => own!,
    async withChild(_, { hex, children }, feerate) {
      const child = children!.find((one) => one.feerate === feerate)!;
      return { txs: [hex, child.hex], fee_sat: child.fee };
    },
    propose: async () => undefined,
    settle: async ({ own }) => void settled.add(own!.txid),
  };
}
