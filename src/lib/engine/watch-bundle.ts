/**
 * Documents watched by whoever has no key and no home: exports of `exit-credit --export`, and the
 * copies of refunds that a payer's home keeps outside. Files and folders are read at each look. A
 * newer export can be put in place of an older one, and a new contract's copy counts from the next
 * look on. A watchtower sends; it signs nothing. Of children it has those that were signed with the
 * export, and it offers no close.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseJson } from '../protocol/json.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Watched, WatchedDocument } from '../contract/duty.ts';
import { readBundled, type Bundled } from '../credit/bundle.ts';
import { FAMILIES } from '../families.ts';
import { asListed, dueAt } from '../credit/watch.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Ready } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { openFile, readAll } from './files.ts';
import { utf8 } from './sniff.ts';
import { pieces } from './slices.ts';
import type { Resting } from './duties.ts';
import type { Post } from './watch.ts';

/** Size of the exports of a folder of contracts; a line each. */
const LIMIT = 256_000_000;

/** Number of contracts that are looked at in one go. */
const AT_ONCE = 200;

export interface Bundle {
  network: Network;
  watched: Bundled['watched'][];
  /** Documents that families watch by duties. */
  duties: Watched[];
  /** Copies of which nothing is due any more, or that are not watched. */
  left: number;
  bad: readonly Bad[];
}
/** A folder, file, or line of a file that cannot be read. */
export interface Bad {
  file: string;
  why: Refusal;
}
/** Documents of each file when it was last good, which stand in for it while it is not. */
type Last = Map<string, readonly (Bundled | WatchedDocument)[]>;

/**
 * One bad document does not keep the contracts of the others from what is due for them: it is named.
 * @param network the only one that counts; undefined: there must be one only
 * @throws Refusal as `readBundled` does where nothing is good, `malformed` for an empty bundle, `wrong-network` for two networks
 */
export async function readBundle(names: readonly string[], network?: string, last: Last = new Map()): Promise<Bundle> {
  const bad: Bad[] = [];
  const found: (Bundled | WatchedDocument)[] = [];
  let left = 0;
  for (const name of names)
    for (const file of (await tolerant(bad, name, () => filesOf(name))) ?? [...last.keys()].filter(isIn(name))) {
      const before = bad.length;
      const good: (Bundled | WatchedDocument)[] = [];
      for (const [at, text] of (await tolerant(bad, file, () => documentsOf(file))) ?? []) {
        const read = await tolerant(bad, at, () => readOne(text, network));
        if (read) good.push(read);
        else if (read === null) left += 1;
      }
      if (bad.length > before) good.push(...(last.get(file) ?? []));
      last.set(file, good);
      found.push(...good);
    }
  const networks = [...new Set(found.map((one) => one.network))];
  if (networks.length > 1) throw new Refusal('wrong-network', `exports for ${networks.join(' and ')} in one bundle`);
  if (!networks[0])
    throw (
      bad[0]?.why ??
      new Refusal('malformed', 'an empty bundle found, exports of exit-credit or copies of refunds expected')
    );
  const ofCredit = found.filter(isOfCredit);
  const duties = new Map(found.flatMap((one) => (isOfCredit(one) ? [] : [[keyOf(one.watched), one.watched] as const])));
  return { network: networks[0], watched: newest(ofCredit), duties: [...duties.values()], left, bad };
}

/** undefined: it is refused. */
async function tolerant<T>(bad: Bad[], file: string, read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    bad.push({ file, why: error });
    return undefined;
  }
}

const isOfCredit = (one: Bundled | WatchedDocument): one is Bundled => 'own' in one.watched;
const keyOf = ({ id, role, duties, coins }: Watched): string =>
  [role, id, ...coins.map(({ outpoint }) => outpointText(outpoint)), ...duties.map((duty) => duty.id)].join(' ');

async function readOne(text: string, network: string | undefined): Promise<Bundled | WatchedDocument | null> {
  const document = parseJson(text);
  const found = await readByFamily(document);
  const read = found === undefined ? readBundled(document) : found;
  if (read && network !== undefined && read.network !== network)
    throw new Refusal('wrong-network', `a document for ${read.network} found, ${network} expected`);
  return read;
}

/** undefined: no family watches such a document by duties. */
async function readByFamily(document: unknown): Promise<WatchedDocument | null | undefined> {
  if (typeof document !== 'object' || document === null) return undefined;
  for (const { bundled } of FAMILIES) {
    const read = (await bundled?.())?.(document);
    if (read !== undefined) return read;
  }
  return undefined;
}

/**
 * Returns the newest exports: of two of one contract the larger. Of one contract, the sides of both
 * parties may be here.
 */
function newest(found: readonly Bundled[]): Bundled['watched'][] {
  const all = new Map<string, Bundled['watched']>();
  for (const { watched } of found) {
    const had = all.get(`${watched.role} ${watched.id}`)?.own;
    const { paysSat, children } = watched.own;
    if (!had || paysSat > had.paysSat || (paysSat === had.paysSat && children!.length > had.children!.length))
      all.set(`${watched.role} ${watched.id}`, watched);
  }
  return [...all.values()];
}

const isIn =
  (name: string) =>
  (file: string): boolean =>
    file === name || dirname(file) === name;

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
    throw unreadable(name, error);
  }
}

/** One document over many lines, or one a line; each with its place. @throws Refusal `malformed` where there is none: what wrote it failed */
async function documentsOf(file: string): Promise<(readonly [at: string, text: string])[]> {
  // A pipe in the folder would hold up all that is due.
  const kind = await stat(file).catch(() => undefined);
  if (kind && !kind.isFile()) throw new Refusal('no-input', `${file} is no file`);
  const text = utf8(await readAll(await openFile(file), LIMIT, file));
  if (/^\s*\{\s*\n/.test(text)) return [[file, text]];
  const lines = text.split('\n').map((line, n) => [`${file}:${n + 1}`, line] as const);
  const full = lines.filter(([, line]) => line.trim() !== '');
  if (full.length === 0) throw new Refusal('malformed', 'an empty file found, exports or copies of refunds expected');
  return full.length === 1 ? [[file, full[0]![1]]] : full;
}

/** A child that was signed beforehand. */
function childOf({ hex, children }: Ready, feeSat: bigint): { txs: readonly Hex[]; fee_sat: bigint } {
  const child = children!.find((one) => one.fee === feeSat)!;
  return { txs: [hex, child.hex], fee_sat: child.fee };
}

export function bundlePost(network: string, names: readonly string[]): Post {
  /** Contracts that this process has seen settled; another process sees them again. */
  const settled = new Set<string>();
  const last: Last = new Map();
  let duties: readonly Watched[] = [];
  return {
    network,
    async list() {
      const { watched, bad, ...rest } = await readBundle(names, network, last);
      duties = rest.duties.filter((one) => !settled.has(keyOf(one)));
      const live = watched.filter(({ own }) => !settled.has(own.txid)).sort((a, b) => dueAt(a) - dueAt(b));
      return { listed: pieces(live.map(asListed), AT_ONCE), bad };
    },
    freeze: async ({ own }) => own!,
    withChild: async (_, tx, feeSat) => childOf(tx, feeSat),
    duties: {
      *resting() {
        const charge = (watched: Watched): Resting => ({
          ...watched,
          outpoints: watched.coins.map(({ outpoint }) => outpoint),
          open: async () => ({
            watched,
            sent: async () => {},
            ended: async () => void settled.add(keyOf(watched)),
          }),
        });
        yield* pieces(duties.map(charge), AT_ONCE);
      },
      withChild: async (tx, feeSat) => childOf(tx, feeSat),
    },
    propose: async () => undefined,
    lapse: async () => {},
    settle: async ({ own }) => void settled.add(own!.txid),
  };
}
