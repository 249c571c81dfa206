/**
 * Dumps of gossip as commands read them: what they are is told by their first bytes, gzip is undone, messages come one by
 * one in memory that does not grow. Not here: the formats (`gossip/`).
 */
import * as Flags from '@oclif/core/flags';
import { createGunzip, gunzipSync, inflateSync } from 'node:zlib';
import type { Inflate } from '../../lib/gossip/details.ts';
import { DUMPS, graphOf, hexLine, isGzip, sniffDump, type Dump } from '../../lib/gossip/dump.ts';
import type { Graph } from '../../lib/gossip/graph.ts';
import { StoreReader, type StoreRecord } from '../../lib/gossip/store.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { openInput, readInput } from '../../lib/cli/input.ts';
import { linesOf } from '../../lib/cli/lines.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';

export const dumpFlag = Flags.option({ options: DUMPS })({
  summary: 'What the input is, where its first bytes do not tell',
});

export const inflate: Inflate = (bytes, most) => inflateSync(bytes, { maxOutputLength: most });

/** A message of a dump; `record` says how a store keeps it. */
export interface Found {
  message: Uint8Array;
  record?: StoreRecord;
}

/** Reads pieces until their first 32 bytes are there, then hands all of them on. */
async function opened(
  from: AsyncIterable<Uint8Array>,
): Promise<{ start: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const iterator = from[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  let ended = false;
  while (start.length < 32 && !ended) {
    const next = await iterator.next();
    if (next.done) ended = true;
    else start = Buffer.concat([start, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield start;
    for (let next = ended ? undefined : await iterator.next(); next && !next.done; next = await iterator.next())
      yield next.value;
  }
  return { start, all: all() };
}

async function* unzipped(from: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const feeding = (async () => {
    for await (const piece of from)
      if (!gunzip.write(piece)) await new Promise((drained) => gunzip.once('drain', drained));
    gunzip.end();
  })();
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
    await feeding;
  } catch (error) {
    throw new Refusal('malformed-dump', `gzip: ${(error as Error).message}`);
  }
}

/**
 * The messages of a gossip_store, or of lines of hex, as they come in.
 * @throws Refusal `malformed-dump`, also for a dump that has no messages, such as a graph
 */
export async function* messagesOf(file: string | undefined, given: Dump | undefined): AsyncGenerator<Found> {
  let { start, all } = await opened(await openInput(file));
  if (isGzip(start)) ({ start, all } = await opened(unzipped(all)));
  const dump = given ?? sniffDump(start);
  if (dump === 'gossip_store') {
    const reader = new StoreReader();
    for await (const piece of all) for (const record of reader.push(piece)) yield { message: record.message, record };
    reader.end();
  } else if (dump === 'messages') {
    for await (const line of linesOf(all)) {
      if ('refusal' in line) throw line.refusal;
      if (line.text.trim() !== '') yield { message: hexLine(line.text) };
    }
  } else
    throw new Refusal('malformed-dump', `a dump of the kind ${dump} found, which holds no signed messages`, {
      hint: 'gossip graph reads it',
    });
}

interface GraphOptions {
  limit: number;
  dump?: Dump | undefined;
  base?: Graph | undefined;
}

/** The graph of any dump, gzip or not; says on stderr what of it could not be used. @throws Refusal as `graphOf` */
export function graphIn(zipped: Uint8Array, { limit, dump, base }: GraphOptions): Graph {
  const bytes = isGzip(zipped) ? unzip(zipped, limit) : zipped;
  const { graph, skipped, behind } = graphOf(bytes, dump ?? sniffDump(bytes), base);
  if (skipped > 0) note(`${skipped} incremental updates change nothing that is known: give --base GRAPH`);
  if (behind > 0) note(`${behind} bytes behind the end of the snapshot are not read`);
  return graph;
}
function unzip(bytes: Uint8Array, limit: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit });
  } catch (error) {
    throw new Refusal('malformed-dump', `gzip: ${(error as Error).message}`);
  }
}

/** The same from a file. @throws Refusal also `too-large`, `no-input` */
export const readGraph = async (file: string | undefined, options: GraphOptions): Promise<Graph> =>
  graphIn(await readInput(file, options.limit), options);

/** Prints lines, many to a write. */
export class LinePrinter {
  #held: string[] = [];
  #size = 0;
  async line(text: string): Promise<void> {
    this.#held.push(text);
    this.#size += text.length;
    if (this.#size > 65_536) await this.flush();
  }
  async flush(): Promise<void> {
    if (this.#held.length === 0) return;
    const text = `${this.#held.join('\n')}\n`;
    this.#held = [];
    this.#size = 0;
    await print(text);
  }
}
