/**
 * Formats of dumps, told by their first bytes, and the graph in each. Not here: files and
 * decompression, which the caller does.
 */
import { concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readGossmap } from './gossmap.ts';
import { GraphJson } from './graph-json.ts';
import { GraphBuilder, type Graph } from './graph.ts';
import { LAYOUTS, readGossip, typeOf } from './message.ts';
import { addRapidSync } from './rgs.ts';
import { StoreReader, type FoundMessage, type MessageReader } from './store.ts';

export const DUMPS = ['gossip_store', 'json', 'rgs', 'gossmap', 'messages'] as const;
/** Format of a dump. */
export type Dump = (typeof DUMPS)[number];

/** Returns whether the bytes begin as gzip does. */
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

/** Most characters in a line: a message of 65,535 bytes, its type, and blanks. */
const MOST_LINE = 140_000;
/** Reader of messages as lines of hex. */
class LineReader implements MessageReader {
  readonly #text = new TextDecoder('latin1');
  #rest = '';

  *push(piece: Uint8Array): Generator<FoundMessage> {
    const lines = (this.#rest + this.#text.decode(piece)).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) if (line.trim() !== '') yield { message: hexLine(line) };
    if (this.#rest.length > MOST_LINE)
      throw new Refusal('malformed-gossip', 'a line found that is longer than any message');
  }
  *end(): Generator<FoundMessage> {
    if (this.#rest.trim() !== '') yield { message: hexLine(this.#rest) };
  }
}

/** Returns the reader of a gossip_store, or of lines of hex. */
export const messageReader = (dump: Dump): MessageReader =>
  dump === 'gossip_store' ? new StoreReader() : new LineReader();

export interface FoundGraph {
  graph: Graph;
  /** Number of incremental updates to unknown policies. */
  skipped: number;
  /** Bytes after the end of a snapshot. */
  behind: number;
}

/** Reader of a graph from the pieces of a dump. */
export interface GraphReader {
  /**
   * Reads a piece.
   * @throws Refusal `malformed-dump`, `malformed-gossip`, `malformed-json`, `too-large`
   */
  push(piece: Uint8Array): void;
  /** Returns the graph. @throws Refusal as `push` */
  end(): FoundGraph;
}

/**
 * Returns the reader of a dump. Snapshots and maps are kept until they are whole.
 * @param base graph that an incremental snapshot changes
 */
export function graphReader(dump: Dump, base?: Graph): GraphReader {
  const whole = (graph: Graph): FoundGraph => ({ graph, skipped: 0, behind: 0 });
  if (dump === 'json') {
    const json = new GraphJson();
    return { push: (piece) => json.push(piece), end: () => whole(json.end()) };
  }
  if (dump === 'rgs' || dump === 'gossmap') {
    const held: Uint8Array[] = [];
    const snapshot = (): FoundGraph => {
      const to = base ? GraphBuilder.from(base) : new GraphBuilder();
      const told = addRapidSync(concatBytes(...held), to);
      return { graph: to.build('rgs'), ...told };
    };
    const end = dump === 'rgs' ? snapshot : () => whole(readGossmap(concatBytes(...held)));
    return { push: (piece) => void held.push(piece), end };
  }
  const [messages, to] = [messageReader(dump), new GraphBuilder()];
  const add = (found: Iterable<FoundMessage>): void => {
    for (const { message, record } of found)
      if (!record?.deleted && LAYOUTS[typeOf(message)]) to.message(readGossip(message));
  };
  return {
    push: (piece) => add(messages.push(piece)),
    end: () => {
      add(messages.end());
      return whole(to.build(dump));
    },
  };
}

/** Reads the graph of a whole dump. @throws Refusal as `GraphReader` */
export function graphOf(bytes: Uint8Array, dump: Dump, base?: Graph): FoundGraph {
  const reader = graphReader(dump, base);
  reader.push(bytes);
  return reader.end();
}
