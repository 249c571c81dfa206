/**
 * Dumps of gossip as commands read them: what they are is told by their first bytes, gzip is undone, messages come one by
 * one in memory that does not grow. Not here: the formats (`gossip/`).
 */
import * as Flags from '@oclif/core/flags';
import { Readable, pipeline } from 'node:stream';
import { createGunzip, inflateSync } from 'node:zlib';
import type { Inflate } from '../../lib/gossip/details.ts';
import { DUMPS, graphOf, hexLine, isGzip, sniffDump, type Dump } from '../../lib/gossip/dump.ts';
import type { Graph } from '../../lib/gossip/graph.ts';
import { StoreReader, type StoreRecord } from '../../lib/gossip/store.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { openInput } from '../../lib/cli/input.ts';
import { readAll } from '../../lib/engine/files.ts';
import { linesOf } from '../../lib/cli/lines.ts';
import { fastJson, print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';

export const dumpFlag = Flags.option({ options: DUMPS })({
  summary: 'What the input is, where its first bytes do not tell',
});

export const inflate: Inflate = (bytes, most) => inflateSync(bytes, { maxOutputLength: most });

/** Most bytes that a dump is told by. */
const START = 32;
type Pieces = AsyncIterable<Uint8Array>;

/** Reads pieces until the first bytes are there, then hands all of them on. */
async function begun(from: Pieces): Promise<{ start: Uint8Array; pieces: Pieces }> {
  const iterator = from[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  let next = await iterator.next();
  for (; !next.done; next = await iterator.next()) {
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
    if (start.length >= START) break;
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

/** Opens a dump, gzip or not, and tells what it is. @throws Refusal `no-input`, `malformed-dump` */
async function openDump(file: string | undefined, given?: Dump): Promise<{ dump: Dump; pieces: Pieces }> {
  let { start, pieces } = await begun(await openInput(file));
  if (isGzip(start)) ({ start, pieces } = await begun(unzipped(pieces)));
  return { dump: given ?? sniffDump(start), pieces };
}

/** A message of a dump; `record` says how a store keeps it. */
export interface Found {
  message: Uint8Array;
  record?: StoreRecord;
}

/**
 * Yields the messages of a gossip_store, or of lines of hex, as they come in.
 * @throws Refusal `malformed-dump`, also for a dump that has no messages, such as a graph
 */
async function* messagesOf(file: string | undefined, given: Dump | undefined): AsyncGenerator<Found> {
  const { dump, pieces } = await openDump(file, given);
  if (dump === 'gossip_store') {
    const reader = new StoreReader();
    for await (const piece of pieces)
      for (const record of reader.push(piece)) yield { message: record.message, record };
    reader.end();
  } else if (dump === 'messages') {
    for await (const line of linesOf(pieces)) {
      if ('refusal' in line) throw line.refusal;
      if (line.text.trim() !== '') yield { message: hexLine(line.text) };
    }
  } else
    throw new Refusal('malformed-dump', `a dump of the kind ${dump} found, which holds no signed messages`, {
      hint: 'gossip graph reads it',
    });
}

/** Bytes of lines that are printed together. */
const HELD = 65_536;
/** Prints a line for each message that there is an answer to, many to a write. @throws Refusal as `messagesOf` */
export async function printLines(
  file: string | undefined,
  dump: Dump | undefined,
  answer: (found: Found) => object | undefined | Promise<object>,
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

interface GraphOptions {
  limit: number;
  dump?: Dump | undefined;
  base?: Graph | undefined;
}

/** Reads a whole dump. @throws Refusal `no-input`, `too-large`, `malformed-dump` */
export async function readDump(
  file: string | undefined,
  { limit, dump }: GraphOptions,
): Promise<{ dump: Dump; bytes: Uint8Array }> {
  const opened = await openDump(file, dump);
  return { dump: opened.dump, bytes: await readAll(Readable.from(opened.pieces), limit, file ?? 'stdin') };
}

/** Reads the graph of a dump; says on stderr what of it could not be used. @throws Refusal as `graphOf` */
export function graphIn({ dump, bytes }: { dump: Dump; bytes: Uint8Array }, base?: Graph): Graph {
  const { graph, skipped, behind } = graphOf(bytes, dump, base);
  if (skipped > 0) note(`${skipped} incremental updates change nothing that is known: give --base GRAPH`);
  if (behind > 0) note(`${behind} bytes behind the end of the snapshot are not read`);
  return graph;
}

/** Reads the graph of any dump. @throws Refusal as `readDump`, `graphOf` */
export const readGraph = async (file: string | undefined, options: GraphOptions): Promise<Graph> =>
  graphIn(await readDump(file, options), options.base);
