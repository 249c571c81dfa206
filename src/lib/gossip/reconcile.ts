/**
 * Set reconciliation of gossip: what one of two parties knows and the other does not, by sketches.
 *
 * Each sends a few bytes, and only the difference is named. A sketch that is too small is doubled.
 * One that may grow no more is split: the sketch of every second element is sent, and the rest
 * follows from both.
 *
 * An element is the low bits of a tagged hash, with 1 in place of 0. The tag is
 * "spillway/gossip-element". It covers a salt of 16 bytes, u16 type, short channel id or node id,
 * u8 side, u32 time or height. Not here: sketches (`sketch/`), many parties (`reconcile-sim.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { toNumber, taggedHash } from '../signing/curve.ts';
import { appendSketch, decodeSketch, makeSketch, maxElements, mergeSketches, type Sketch } from '../sketch/sketch.ts';
import { writeUint } from '../wire/bigsize.ts';
import { scidBytes } from '../wire/fields.ts';
import type { Graph } from './graph.ts';

/** Message that a party has. */
export interface GossipItem {
  kind: 'channel_announcement' | 'channel_update' | 'node_announcement';
  short_channel_id?: string;
  /** Node of the update: 1 or 2. */
  side?: number;
  node_id?: string;
  timestamp?: number;
}
/** Type and length of each message, without features and addresses. */
const KINDS: Readonly<Record<GossipItem['kind'], readonly [type: bigint, size: number]>> = {
  channel_announcement: [256n, 430],
  node_announcement: [257n, 142],
  channel_update: [258n, 138],
};
/** Default limit of a sketch in bytes: a Lightning message. */
export const MOST_BYTES = 65_536;
const FALSE_POSITIVE_BITS = 16;

/** Lists the messages behind a graph; a graph without channel ids has none. */
export function itemsOf({ nodes, channels }: Graph): GossipItem[] {
  const items: GossipItem[] = [];
  for (const { short_channel_id: scid, one_to_two: one, two_to_one: two } of channels) {
    if (scid === undefined) continue;
    items.push({ kind: 'channel_announcement', short_channel_id: scid });
    for (const [i, policy] of [one, two].entries()) {
      const timestamp = policy?.timestamp ?? policy?.block_height;
      if (timestamp !== undefined)
        items.push({ kind: 'channel_update', short_channel_id: scid, side: i + 1, timestamp });
    }
  }
  for (const { node_id: id, timestamp, block_height: height } of nodes) {
    const time = timestamp ?? height;
    if (id !== undefined && time !== undefined) items.push({ kind: 'node_announcement', node_id: id, timestamp: time });
  }
  return items;
}

/** Returns the element of a message. @param salt 16 bytes that both parties have */
export function elementOf(item: GossipItem, salt: Uint8Array, bits: number): bigint {
  const { kind, short_channel_id: scid, node_id: node, side = 0, timestamp = 0 } = item;
  const hash = taggedHash(
    'spillway/gossip-element',
    salt,
    writeUint(KINDS[kind][0], 2),
    scid === undefined ? hexToBytes(node!) : scidBytes(scid)!,
    writeUint(BigInt(side), 1),
    writeUint(BigInt(timestamp), 4),
  );
  const element = toNumber(hash) & ((1n << BigInt(bits)) - 1n);
  return element === 0n ? 1n : element;
}

export interface Sketching {
  /** Bits of an element. */
  bits: number;
  /** Capacity of the first sketch. */
  capacity: number;
  /** Size that a sketch may grow to before the set is split, in bytes. */
  mostBytes: number;
}
export interface Difference {
  /** Elements that one side alone has. */
  found: readonly bigint[];
  /** Capacity of the largest sketch. */
  capacity: number;
  extensions: number;
  halvings: number;
  /** Size of all sketches, in bytes. */
  bytes: number;
}
type TwoSets = readonly [readonly bigint[], readonly bigint[]];

/**
 * Returns a function that finds the difference of two sets as two peers would.
 * @param real makes and decodes sketches; otherwise a set that fits a sketch counts as decoded
 */
export function differ({ bits, capacity, mostBytes }: Sketching, real: boolean): (sides: TwoSets) => Difference {
  const bytesOf = (count: number): number => Math.ceil((bits * count) / 8);
  const room = new Map<number, number>();
  const sketchOf = (sides: TwoSets, size: number, from = 0): Sketch | undefined =>
    real ? mergeSketches(makeSketch(sides[0], bits, size, from), makeSketch(sides[1], bits, size, from)) : undefined;
  const decode = (sides: TwoSets, sketch: Sketch | undefined, size: number): readonly bigint[] | undefined => {
    if (sketch) return decodeSketch(sketch, FALSE_POSITIVE_BITS);
    if (!room.has(size)) room.set(size, maxElements(bits, size, FALSE_POSITIVE_BITS));
    const apart = new Set(sides[0]);
    for (const element of sides[1]) if (!apart.delete(element)) apart.add(element);
    return apart.size <= room.get(size)! ? [...apart] : undefined;
  };
  return (sides) => {
    let size = capacity;
    let sketch = sketchOf(sides, size);
    let found = decode(sides, sketch, size);
    let [extensions, halvings] = [0, 0];
    while (!found && bytesOf(2 * size) <= mostBytes) {
      if (sketch) sketch = appendSketch(sketch, sketchOf(sides, 2 * size, size)!);
      size *= 2;
      extensions += 1;
      found = decode(sides, sketch, size);
    }
    const halve = (part: TwoSets, whole: Sketch | undefined, bit: bigint): readonly bigint[] => {
      halvings += 1;
      const half = (value: bigint): TwoSets => {
        const has = (element: bigint): boolean => ((element >> bit) & 1n) === value;
        return [part[0].filter(has), part[1].filter(has)];
      };
      const [even, odd] = [half(0n), half(1n)];
      const first = sketchOf(even, size);
      const second = whole && mergeSketches(whole, first!);
      const found = (sides: TwoSets, sketch?: Sketch): readonly bigint[] =>
        decode(sides, sketch, size) ?? halve(sides, sketch, bit + 1n);
      return [...found(even, first), ...found(odd, second)];
    };
    found ??= halve(sides, sketch, 0n);
    return { found, capacity: size, extensions, halvings, bytes: (1 + halvings) * bytesOf(size) };
  };
}

export interface GossipReconciled {
  type: 'gossip-reconcile';
  version: 1;
  salt: string;
  bits: number;
  /** Number of messages that each party has. */
  first: number;
  second: number;
  /** Capacity of the sketch that decoded, or of the largest that was tried. */
  capacity: number;
  extensions: number;
  halvings: number;
  /** Number of messages with the element of another, which no sketch tells apart. */
  collisions: number;
  bytes: { sketches: number; ids: number; messages: number };
  missing: { first: GossipItem[]; second: GossipItem[] };
}

/** Reconciles two graphs as two peers would. */
export function reconcileGossip(first: Graph, second: Graph, sketching: Sketching, salt: Uint8Array): GossipReconciled {
  const { bits } = sketching;
  const [ours, theirs] = [first, second].map((graph) => keyed(itemsOf(graph), salt, bits)) as [Keyed, Keyed];
  const { found, bytes, ...sizes } = differ(sketching, true)([[...ours.items.keys()], [...theirs.items.keys()]]);
  const named = (from: Keyed, other: Keyed): GossipItem[] =>
    found.flatMap((element) => (other.items.has(element) ? [] : [from.items.get(element) ?? []].flat()));
  const all = [...ours.items.values()];
  return {
    type: 'gossip-reconcile',
    version: 1,
    salt: bytesToHex(salt),
    bits,
    first: ours.items.size + ours.collisions,
    second: theirs.items.size + theirs.collisions,
    ...sizes,
    collisions: ours.collisions + theirs.collisions,
    bytes: {
      sketches: bytes,
      ids: 8 * all.length,
      messages: all.reduce((sum, { kind }) => sum + KINDS[kind][1], 0),
    },
    missing: { first: named(theirs, ours), second: named(ours, theirs) },
  };
}

interface Keyed {
  items: Map<bigint, GossipItem>;
  collisions: number;
}
function keyed(items: readonly GossipItem[], salt: Uint8Array, bits: number): Keyed {
  const map = new Map<bigint, GossipItem>();
  for (const item of items) map.set(elementOf(item, salt, bits), item);
  return { items: map, collisions: items.length - map.size };
}
