/**
 * What kind of dump some bytes are, told by their first ones, and the graph in it.
 * Not here: compression and files, which the caller undoes and reads.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { scidText } from '../wire/fields.ts';
import { readUint } from '../wire/bigsize.ts';
import { readGossmap } from './gossmap.ts';
import { readGraphJson } from './graph-json.ts';
import { GraphBuilder, type Graph } from './graph.ts';
import { LAYOUTS, readMessage } from './message.ts';
import { addRapidSync } from './rgs.ts';
import { StoreReader, storeValues } from './store.ts';

export const DUMPS = ['gossip_store', 'json', 'rgs', 'gossmap', 'messages'] as const;
export type Dump = (typeof DUMPS)[number];

/** The first bytes of gzip. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Tells a dump by its first bytes; 32 are enough. @throws Refusal `malformed-dump` */
export function sniffDump(start: Uint8Array): Dump {
  const text = new TextDecoder('latin1').decode(start.subarray(0, 32));
  if (/^\s*[{[]/.test(text)) return 'json';
  if (text.startsWith('LDK')) return 'rgs';
  if (text.startsWith('GOSSMAP_')) return 'gossmap';
  if (/^\s*01[0-9a-f]{6}/i.test(text)) return 'messages';
  if (start[0] !== undefined && start[0] >= 9 && start[0] <= 16) return 'gossip_store';
  throw new Refusal(
    'malformed-dump',
    'the start of no known dump found: gossip_store, JSON, LDK, gossmap, messages in hex',
    {
      hint: 'say with --dump what it is',
    },
  );
}

/** A line of hex. @throws Refusal `malformed-gossip` */
export function hexLine(line: string): Uint8Array {
  const hex = line.trim().toLowerCase();
  if (!/^(?:[0-9a-f]{2})+$/.test(hex)) throw new Refusal('malformed-gossip', 'a line found that is not hex');
  return hexToBytes(hex);
}

/** Adds one record of a store; what was deleted there leaves. */
class StoreGraph {
  readonly to = new GraphBuilder();
  #last: string | undefined;

  add(message: Uint8Array): void {
    const type = message.length < 2 ? 0 : (message[0]! << 8) | message[1]!;
    if (type === 4101 && this.#last !== undefined) this.to.capacity(this.#last, readUint(message.subarray(2, 10)));
    const own = storeValues(message);
    if (own?.kind === 'store_delete_channel') this.to.remove(String(own['short_channel_id']));
    if (own || !LAYOUTS[type]) return;
    const read = readMessage(message);
    this.to.message(read);
    if (type === 256) this.#last = scidText(read.parts['short_channel_id']!);
  }
}

export interface FoundGraph {
  graph: Graph;
  /** Incremental updates that met no policy that they could change. */
  skipped: number;
  /** Bytes behind the end of a snapshot. */
  behind: number;
}

/**
 * The graph of a dump.
 * @param base a graph that an incremental snapshot changes
 * @throws Refusal `malformed-dump`, `malformed-gossip`, `malformed-json`
 */
export function graphOf(bytes: Uint8Array, dump: Dump, base?: Graph): FoundGraph {
  if (dump === 'json') return { graph: readGraphJson(jsonOf(bytes)), skipped: 0, behind: 0 };
  if (dump === 'gossmap') return { graph: readGossmap(bytes), skipped: 0, behind: 0 };
  if (dump === 'rgs') {
    const builder = base ? GraphBuilder.from(base) : new GraphBuilder();
    const told = addRapidSync(bytes, builder);
    return { graph: builder.build('rgs'), ...told };
  }
  const made = new StoreGraph();
  if (dump === 'gossip_store') {
    const reader = new StoreReader();
    for (const { deleted, message } of reader.push(bytes)) if (!deleted) made.add(message);
    reader.end();
  } else
    for (const line of new TextDecoder('latin1').decode(bytes).split('\n'))
      if (line.trim() !== '') made.add(hexLine(line));
  return { graph: made.to.build(dump), skipped: 0, behind: 0 };
}

/** JSON of any size, by the engine. @throws Refusal `malformed-json` */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new Refusal('malformed-json', String((error as Error).message));
  }
}
