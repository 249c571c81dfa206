/**
 * Messages that one of two parties knows and the other does not, found by sketches: each sends a few bytes, and only the
 * difference is named. A sketch that is too small is extended, twice as large each time, up to 64 kB.
 *
 * An element is the low bits of a tagged hash "spillway/gossip-element", and 1 in place of 0. The hash is over
 * `salt (16 bytes) ‖ u16 type ‖ short channel id or node id ‖ u8 side ‖ u32 time or height`. Not here: sketches (`sketch/`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { toNumber, taggedHash } from '../signing/curve.ts';
import { capacityOf, decodeSketch, makeSketch, mergeSketches, sketchBytes } from '../sketch/sketch.ts';
import { writeUint } from '../wire/bigsize.ts';
import { scidBytes } from '../wire/fields.ts';
import type { Graph, Policy } from './graph.ts';

/** A message that a party has. */
export interface Item {
  kind: 'channel_announcement' | 'channel_update' | 'node_announcement';
  short_channel_id?: string;
  /** 1 or 2: the node of the update. */
  side?: number;
  node_id?: string;
  timestamp?: number;
}
const TYPES: Readonly<Record<Item['kind'], bigint>> = {
  channel_announcement: 256n,
  node_announcement: 257n,
  channel_update: 258n,
};
/** Number of bytes of each message, without features and addresses. */
const SIZES: Readonly<Record<Item['kind'], number>> = {
  channel_announcement: 430,
  node_announcement: 142,
  channel_update: 138,
};
/** Most bytes of a sketch, as of a message of Lightning. */
const MOST_BYTES = 65_536;

/** Lists the messages that a graph was made of. A graph whose channels have no ids has none. */
export function itemsOf({ nodes, channels }: Graph): Item[] {
  const items: Item[] = [];
  for (const { short_channel_id: scid, one_to_two: one, two_to_one: two } of channels) {
    if (scid === undefined) continue;
    items.push({ kind: 'channel_announcement', short_channel_id: scid });
    const update = (side: number, policy: Policy | null): void => {
      const time = policy?.timestamp ?? policy?.block_height;
      if (time !== undefined) items.push({ kind: 'channel_update', short_channel_id: scid, side, timestamp: time });
    };
    update(1, one);
    update(2, two);
  }
  for (const { node_id: id, timestamp, block_height: height } of nodes) {
    const time = timestamp ?? height;
    if (id !== undefined && time !== undefined) items.push({ kind: 'node_announcement', node_id: id, timestamp: time });
  }
  return items;
}

/** Returns the number that stands for a message. @param salt 16 bytes, which both parties have */
export function elementOf(item: Item, salt: Uint8Array, bits: number): bigint {
  const { kind, short_channel_id: scid, node_id: node, side = 0, timestamp = 0 } = item;
  const hash = taggedHash(
    'spillway/gossip-element',
    salt,
    writeUint(TYPES[kind], 2),
    scid === undefined ? hexToBytes(node!) : scidBytes(scid)!,
    writeUint(BigInt(side), 1),
    writeUint(BigInt(timestamp), 4),
  );
  const element = toNumber(hash) & ((1n << BigInt(bits)) - 1n);
  return element === 0n ? 1n : element;
}

export interface Reconciled {
  type: 'gossip-reconcile';
  version: 1;
  salt: string;
  bits: number;
  /** Number of messages of each. */
  first: number;
  second: number;
  decoded: boolean;
  /** Capacity of the sketch that decoded, or of the largest that was tried. */
  capacity: number;
  extensions: number;
  /** Different messages of one element, which no sketch can tell apart. */
  collisions: number;
  bytes: { sketch: number; extensions: number; ids: number; messages: number };
  missing?: { first: Item[]; second: Item[] };
}

/** Reconciles two graphs as two peers would, from a sketch of this capacity on. */
export function reconcile(first: Graph, second: Graph, bits: number, capacity: number, salt: Uint8Array): Reconciled {
  const [ours, theirs] = [first, second].map((graph) => keyed(itemsOf(graph), salt, bits)) as [Keyed, Keyed];
  let size = capacity;
  let found: bigint[] | undefined;
  let sent = 0;
  let extensions = -1;
  const bytesOf = (count: number): number => Math.ceil((bits * count) / 8);
  for (;;) {
    extensions += 1;
    const [a, b] = [ours, theirs].map(({ items }) => makeSketch(items.keys(), bits, size)) as [Sketch, Sketch];
    const merged = mergeSketches(a, b);
    sent = sketchBytes(merged).length;
    found = decodeSketch(merged, 16);
    if (found || bytesOf(2 * size) > MOST_BYTES) break;
    size = 2 * capacityOf(merged);
  }
  const named = (from: Keyed, other: Keyed): Item[] =>
    (found ?? []).flatMap((element) => (other.items.has(element) ? [] : [from.items.get(element) ?? []].flat()));
  const all = [...ours.items.values()];
  return {
    type: 'gossip-reconcile',
    version: 1,
    salt: bytesToHex(salt),
    bits,
    first: ours.items.size + ours.collisions,
    second: theirs.items.size + theirs.collisions,
    decoded: found !== undefined,
    capacity: size,
    extensions,
    collisions: ours.collisions + theirs.collisions,
    bytes: {
      sketch: bytesOf(capacity),
      extensions: sent - bytesOf(capacity),
      ids: 8 * all.length,
      messages: all.reduce((sum, { kind }) => sum + SIZES[kind], 0),
    },
    ...(found && { missing: { first: named(theirs, ours), second: named(ours, theirs) } }),
  };
}

type Sketch = ReturnType<typeof makeSketch>;
interface Keyed {
  items: Map<bigint, Item>;
  collisions: number;
}
function keyed(items: readonly Item[], salt: Uint8Array, bits: number): Keyed {
  const map = new Map<bigint, Item>();
  for (const item of items) map.set(elementOf(item, salt, bits), item);
  return { items: map, collisions: items.length - map.size };
}
