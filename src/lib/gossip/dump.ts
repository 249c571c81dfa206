/**
 * Kinds of dumps, told by their first bytes, and the graph in each.
 * Not here: compression and files, which the caller undoes and reads.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readGossmap } from './gossmap.ts';
import { readGraphJson } from './graph-json.ts';
import { GraphBuilder, type Graph } from './graph.ts';
import { LAYOUTS, readMessage, typeOf } from './message.ts';
import { addRapidSync } from './rgs.ts';
import { StoreReader } from './store.ts';

export const DUMPS = ['gossip_store', 'json', 'rgs', 'gossmap', 'messages'] as const;
export type Dump = (typeof DUMPS)[number];

/** Reports whether the bytes begin as gzip does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Tells a dump by its first bytes; 32 are enough. @throws Refusal `malformed-dump` */
export function sniffDump(start: Uint8Array): Dump {
  const text = new TextDecoder('latin1').decode(start.subarray(0, 32));
  if (/^\s*[{[]/.test(text)) return 'json';
  if (text.startsWith('LDK')) return 'rgs';
  if (text.startsWith('GOSSMAP_')) return 'gossmap';
  if (/^\s*01[0-9a-f]{6}/i.test(text)) return 'messages';
  if (start[0] !== undefined && start[0] >= 9 && start[0] <= 16) return 'gossip_store';
  const known = 'gossip_store, JSON, LDK, gossmap, messages in hex';
  throw new Refusal('malformed-dump', `the start of no known dump found: ${known}`, {
    hint: 'say with --dump what it is',
  });
}

/** Reads a line of hex. @throws Refusal `malformed-gossip` */
export function hexLine(line: string): Uint8Array {
  const hex = line.trim().toLowerCase();
  if (!/^(?:[0-9a-f]{2})+$/.test(hex)) throw new Refusal('malformed-gossip', 'a line found that is not hex');
  return hexToBytes(hex);
}

export interface FoundGraph {
  graph: Graph;
  /** Incremental updates that met no policy that they could change. */
  skipped: number;
  /** Bytes behind the end of a snapshot. */
  behind: number;
}

/**
 * Reads the graph of a dump.
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
  const builder = new GraphBuilder();
  const add = (message: Uint8Array): void => {
    if (LAYOUTS[typeOf(message)]) builder.message(readMessage(message));
  };
  if (dump === 'gossip_store') {
    const reader = new StoreReader();
    for (const { deleted, message } of reader.push(bytes)) if (!deleted) add(message);
    reader.end();
  } else
    for (const line of new TextDecoder('latin1').decode(bytes).split('\n')) if (line.trim() !== '') add(hexLine(line));
  return { graph: builder.build(dump), skipped: 0, behind: 0 };
}

/** Parses JSON of any size, by the engine. @throws Refusal `malformed-json` */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new Refusal('malformed-json', String((error as Error).message));
  }
}
