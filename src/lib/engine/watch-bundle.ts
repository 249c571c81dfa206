/**
 * Documents watched without key and home: exports, bundles, and the copies of refunds that homes
 * store outside. Each scan reads files and folders anew: a newer export can replace an older one,
 * and a new record's copy counts from then on. A watchtower sends; it signs nothing. It has only
 * the children that were signed with the export.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseJson } from '../protocol/json.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Watched, WatchedDocument } from '../contract/duty.ts';
import { FAMILIES } from '../families.ts';
import type { Network } from '../bitcoin/network.ts';
import type { ReadyTx } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { openFile, readAll } from './files.ts';
import { utf8 } from './sniff.ts';
import { pieces } from './slices.ts';
import type { Resting } from './duties.ts';
import type { Post } from './watch.ts';

/** Largest size of a file: the exports of many contracts, a line each. */
const LIMIT = 256_000_000;

/** Number of records that are looked at in one go. */
const AT_ONCE = 200;

export interface Bundle {
  network: Network;
  watched: Watched[];
  /** Number of copies of which nothing is due, or that are not watched. */
  left: number;
  bad: readonly Bad[];
}
/** A folder, file, or line of a file that cannot be read. */
export interface Bad {
  file: string;
  why: Refusal;
}
/** Documents of each file when it was last readable. They stand in for it while it is not. */
type Last = Map<string, readonly WatchedDocument[]>;

/**
 * Reads exports and copies. A bad document is listed, and does not stop what is due for others.
 * @param network the only one that counts; undefined: all must be for one
 * @throws Refusal as families do where nothing is good, `malformed` for an empty bundle
 * @throws Refusal `wrong-network` for two networks
 */
export async function readWatchBundle(
  names: readonly string[],
  network?: string,
  last: Last = new Map(),
): Promise<Bundle> {
  const bad: Bad[] = [];
  const found: WatchedDocument[] = [];
  let left = 0;
  for (const name of names)
    for (const file of (await tolerant(bad, name, () => filesOf(name))) ?? [...last.keys()].filter(isIn(name))) {
      const before = bad.length;
      const good: WatchedDocument[] = [];
      for (const [at, text] of (await tolerant(bad, file, () => documentsOf(file))) ?? []) {
        const read = await tolerant(bad, at, () => readOne(text, network));
        if (read) good.push(read);
        else if (read === null) left += 1;
      }
      if (bad.length > before) for (const one of last.get(file) ?? []) good.push(one);
      last.set(file, good);
      for (const one of good) found.push(one);
    }
  const networks = [...new Set(found.map((one) => one.network))];
  if (networks.length > 1) throw new Refusal('wrong-network', `exports for ${networks.join(' and ')} in one bundle`);
  if (!networks[0])
    throw bad[0]?.why ?? new Refusal('malformed', 'an empty bundle found, exports or copies of refunds expected');
  return { network: networks[0], watched: newest(found), left, bad };
}

/** Runs a reader; undefined if it refuses, which is listed. */
async function tolerant<T>(bad: Bad[], file: string, read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    bad.push({ file, why: error });
    return undefined;
  }
}

/** Returns null for a document of which nothing is due any more. */
async function readOne(text: string, network: string | undefined): Promise<WatchedDocument | null> {
  const read = await readByFamily(parseJson(text));
  if (read && network !== undefined && read.network !== network)
    throw new Refusal('wrong-network', `a document for ${read.network} found, ${network} expected`);
  return read;
}

async function readByFamily(document: unknown): Promise<WatchedDocument | null> {
  if (typeof document === 'object' && document !== null)
    for (const { bundled } of FAMILIES) {
      const read = (await bundled?.())?.(document);
      if (read !== undefined) return read;
    }
  throw new Refusal(
    'malformed-message',
    'no document that is watched found, an export or the copy of a refund expected',
  );
}

/** Returns the key of documents of one record and party. One contract may have two parties. */
const keyOf = ({ id, role, duties, coins }: Watched): string =>
  [role, id, ...coins.map(({ outpoint }) => outpointText(outpoint)), ...duties.map((duty) => duty.id)].join(' ');
const madeOf = ({ duties }: Watched): ReadyTx[] => duties.flatMap(({ tx }) => ('txid' in tx ? [tx] : []));
function worthOf(watched: Watched) {
  const made = madeOf(watched);
  const children = made.flatMap((tx) => tx.children ?? []);
  return {
    paysSat: sumOf(made.map(({ paysSat }) => paysSat)),
    children: children.length,
    feeSat: sumOf(children.map(({ fee }) => fee)),
  };
}
/** Compares two documents of a record by worth: what one pays, its children, what these pay. */
function better(one: Watched, other: Watched): number {
  const [a, b] = [worthOf(one), worthOf(other)];
  return Number(a.paysSat - b.paysSat) || a.children - b.children || Number(a.feeSat - b.feeSat);
}
const sumOf = (all: readonly bigint[]): bigint => all.reduce((sum, one) => sum + one, 0n);

/** Returns the newest exports: of two of one record the larger. */
function newest(found: readonly WatchedDocument[]): Watched[] {
  const all = new Map<string, Watched>();
  for (const { watched } of found) {
    const had = all.get(keyOf(watched));
    if (!had || better(watched, had) > 0) all.set(keyOf(watched), watched);
  }
  return [...all.values()];
}

const isIn =
  (name: string) =>
  (file: string): boolean =>
    file === name || dirname(file) === name;

/** Returns the file, or the documents of a folder. @throws Refusal `no-input` */
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

/**
 * Reads one document over many lines, or one a line, each with its place.
 * @throws Refusal `malformed` for an empty file
 */
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

/** Returns a child that was signed beforehand. */
function childOf({ hex, children }: ReadyTx, feeSat: bigint): { txs: readonly Hex[]; fee_sat: bigint } {
  const child = children!.find((one) => one.fee === feeSat)!;
  return { txs: [hex, child.hex], fee_sat: child.fee };
}

/** Returns the height by which records are ordered: those that fall due first come first. */
const firstDue = ({ restsUntil, duties }: Watched): number => {
  const from = duties[0]?.from;
  return from && 'height' in from ? from.height : restsUntil;
};

export function bundlePost(network: string, names: readonly string[]): Post {
  /** Documents that this process has seen settled. */
  const settled = new Set<string>();
  const last: Last = new Map();
  const endOf = (watched: Watched): string => [keyOf(watched), ...madeOf(watched).map(({ txid }) => txid)].join(' ');
  const resting = (watched: Watched): Resting => ({
    ...watched,
    outpoints: watched.coins.map(({ outpoint }) => outpoint),
    open: async () => ({
      watched,
      sent: async (tx) => tx,
      ended: async () => void settled.add(endOf(watched)),
      lapsed: async () => {},
    }),
  });
  return {
    network,
    async list() {
      const { watched, bad } = await readWatchBundle(names, network, last);
      const live = watched.filter((one) => !settled.has(endOf(one)));
      live.sort((a, b) => firstDue(a) - firstDue(b) || Number(b.worthSat - a.worthSat));
      return { listed: pieces(live.map(resting), AT_ONCE), bad };
    },
    withChild: async (tx, feeSat) => childOf(tx, feeSat),
  };
}
