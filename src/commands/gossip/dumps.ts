/**
 * Dumps of gossip: known by their first bytes, unzipped, and read as a stream of messages.
 * Not here: the formats (`lib/gossip`).
 */
import { choiceFlag } from '../../lib/cli/flags.ts';
import { Readable, pipeline } from 'node:stream';
import { createGunzip, inflateSync } from 'node:zlib';
import type { Inflate } from '../../lib/gossip/details.ts';
import { DUMPS, graphReader, isGzip, messageReader, sniffDump, type Dump } from '../../lib/gossip/dump.ts';
import type { Graph } from '../../lib/gossip/graph.ts';
import type { FoundMessage } from '../../lib/gossip/store.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { openInput } from '../../lib/cli/input.ts';
import { fastJson, print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';

export const dumpFlag = choiceFlag(DUMPS, 'What the input is, where its first bytes do not tell');

export const inflate: Inflate = (bytes, most) => inflateSync(bytes, { maxOutputLength: most });

type Pieces = AsyncIterable<Uint8Array>;

/** Reads at least so many bytes; `pieces` yields them again. */
async function begun(from: Pieces, least: number): Promise<{ start: Uint8Array; pieces: Pieces }> {
  const iterator = from[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  let next = await iterator.next();
  for (; !next.done; next = await iterator.next()) {
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
    if (start.length >= least) break;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield start;
    if (!next.done) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { start, pieces: all() };
}

async function* unzipped(from: Pieces): AsyncGenerator<Uint8Array> {
  // An error of the source comes out where its result is read.
  const gunzip = pipeline(Readable.from(from), createGunzip(), () => {});
  try {
    yield* gunzip as Pieces;
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('malformed-dump', `gzip: ${(error as Error).message}`);
  }
}

/** Yields pieces up to a limit. @throws Refusal `too-large` */
async function* limited(pieces: Pieces, limit: number, name: string): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > limit) throw new Refusal('too-large', `more than ${limit} bytes found in ${name}`);
    yield piece;
  }
}

/** Open dump, decompressed. */
export interface Opened {
  dump: Dump;
  /** First bytes, which `pieces` yields too. */
  start: Uint8Array;
  pieces: Pieces;
}
interface OpenOptions {
  /** Bytes at most, also after gzip. */
  limit?: number;
  /** Kind of the dump, where its start does not show it. */
  dump?: Dump | undefined;
  /** Bytes that `start` has, unless the dump is shorter. */
  least?: number;
}
/** Opens a dump, detects its format. @throws Refusal `no-input`, `malformed-dump`, `too-large` */
export async function openDump(
  file: string | undefined,
  { limit = Infinity, dump, least = 32 }: OpenOptions,
): Promise<Opened> {
  const named = async (from: Pieces) => begun(limited(from, limit, file ?? 'stdin'), least);
  let { start, pieces } = await named(await openInput(file));
  if (isGzip(start)) ({ start, pieces } = await named(unzipped(pieces)));
  return { dump: dump ?? sniffDump(start), start, pieces };
}

/**
 * Yields the messages of a gossip_store, or of lines of hex, as they come in.
 * @throws Refusal `malformed-dump`, also for a dump that has no messages, such as a graph
 */
async function* messagesOf(file: string | undefined, given: Dump | undefined): AsyncGenerator<FoundMessage> {
  const { dump, pieces } = await openDump(file, { dump: given });
  if (dump !== 'gossip_store' && dump !== 'messages')
    throw new Refusal('malformed-dump', `a dump of the kind ${dump} found, which holds no signed messages`, {
      hint: 'gossip graph reads it',
    });
  const reader = messageReader(dump);
  for await (const piece of pieces) yield* reader.push(piece);
  yield* reader.end();
}

/** Bytes of lines that are printed together. */
const HELD = 65_536;
/** Prints the answer to each message, many to a write. @throws Refusal as `messagesOf` */
export async function printAnswers(
  file: string | undefined,
  dump: Dump | undefined,
  answer: (found: FoundMessage) => object | undefined | Promise<object>,
): Promise<void> {
  let held = '';
  for await (const found of messagesOf(file, dump)) {
    const made = await answer(found);
    if (made) held += `${fastJson(made)}\n`;
    if (held.length < HELD) continue;
    await print(held);
    held = '';
  }
  if (held !== '') await print(held);
}

/** Reads the graph of a dump, and notes what is of no use. @throws Refusal as `GraphReader` */
export async function graphIn({ dump, pieces }: Opened, base?: Graph): Promise<Graph> {
  const reader = graphReader(dump, base);
  for await (const piece of pieces) reader.push(piece);
  const { graph, skipped, behind } = reader.end();
  if (skipped > 0) note(`${skipped} incremental updates change nothing that is known: give --base GRAPH`);
  if (behind > 0) note(`${behind} bytes behind the end of the snapshot are not read`);
  return graph;
}

/** Reads the graph of any dump. @throws Refusal as `openDump`, `graphIn` */
export const readGraph = async (file: string | undefined, options: OpenOptions, base?: Graph): Promise<Graph> =>
  graphIn(await openDump(file, options), base);

/** Rows of a list that are printed together. */
const ROWS = 1000;
/** Yields the text of a graph in parts, so that the whole is never in memory twice. */
export function* graphText({ nodes, channels, ...head }: Graph): Generator<string> {
  let before = fastJson(head).slice(0, -1);
  for (const [name, rows] of Object.entries({ nodes, channels })) {
    yield `${before},"${name}":[`;
    for (let at = 0; at < rows.length; at += ROWS)
      yield `${at > 0 ? ',' : ''}${fastJson(rows.slice(at, at + ROWS)).slice(1, -1)}`;
    before = ']';
  }
  yield ']}\n';
}
