/**
 * Graphs in JSON: lnd's `describegraph`, Core Lightning's `listchannels`, and our own document.
 *
 * After lightning.proto of lnd (64-bit numbers are text) and doc/lightning-listchannels of Core
 * Lightning. Each value is checked, because such files come from strangers. Not here: binary dumps.
 */
import { isNetwork } from '../bitcoin/network.ts';
import { JsonRows } from '../protocol/json-rows.ts';
import { Refusal } from '../protocol/refusal.ts';
import { safeNumber } from '../wire/bigsize.ts';
import { scidBytes } from '../wire/fields.ts';
import { GraphBuilder, nodeName, type Graph, type GraphNode, type NodeName, type GossipPolicy } from './graph.ts';

type JsonRow = { readonly [name: string]: unknown };

const refuse = (where: string, expected: string): never => {
  throw new Refusal('malformed-dump', `${where}: ${expected} expected`);
};
const isRow = (value: unknown): value is JsonRow =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Runs `work` on an object; a refusal names its place. */
function at(place: string, row: unknown, work: (row: JsonRow) => void): void {
  try {
    work(isRow(row) ? row : refuse('the item', 'an object'));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal('malformed-dump', `${place}: ${error.message}`);
  }
}

/** Reads a whole number, or its digits as text; undefined if the field is missing. */
function number(row: JsonRow, name: string): number | bigint | undefined {
  const value = row[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  if (typeof value !== 'string') return refuse(name, 'a whole number');
  // Most texts are short numbers, which a loop reads faster than a regular expression.
  let short = 0;
  for (let i = 0; i < value.length && i < 16; i++) {
    const digit = value.charCodeAt(i) - 48;
    short = digit >= 0 && digit <= 9 ? short * 10 + digit : NaN;
  }
  if (short >= 0 && value.length > 0 && value.length < 16) return short;
  const digits = /^(\d{1,20})(?:m?sat)?$/.exec(value)?.[1];
  return digits === undefined ? refuse(name, 'a whole number') : safeNumber(BigInt(digits));
}
function small(row: JsonRow, name: string): number | undefined {
  const found = number(row, name);
  return typeof found === 'bigint' ? refuse(name, 'a number below 2^53') : found;
}
const needed = (row: JsonRow, name: string): number => small(row, name) ?? refuse(name, 'a whole number');
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
function scidIn(value: unknown): string | undefined {
  const scid = text(value);
  return scid !== undefined && !scidBytes(scid) ? refuse('short_channel_id', 'a short channel id') : scid;
}

/** Names of policy fields in other software. */
type PolicyNames = { readonly [name in keyof GossipPolicy]?: string };
const LND: PolicyNames = {
  fee_proportional_millionths: 'fee_rate_milli_msat',
  cltv_expiry_delta: 'time_lock_delta',
  htlc_minimum_msat: 'min_htlc',
  htlc_maximum_msat: 'max_htlc_msat',
  timestamp: 'last_update',
};
const CLN: PolicyNames = {
  fee_base_msat: 'base_fee_millisatoshi',
  fee_proportional_millionths: 'fee_per_millionth',
  cltv_expiry_delta: 'delay',
  timestamp: 'last_update',
};
const policyIn = (from: JsonRow, names: PolicyNames): GossipPolicy => ({
  fee_base_msat: needed(from, names.fee_base_msat ?? 'fee_base_msat'),
  fee_proportional_millionths: needed(from, names.fee_proportional_millionths ?? 'fee_proportional_millionths'),
  cltv_expiry_delta: needed(from, names.cltv_expiry_delta ?? 'cltv_expiry_delta'),
  htlc_minimum_msat: number(from, names.htlc_minimum_msat ?? 'htlc_minimum_msat') ?? 0,
  htlc_maximum_msat: number(from, names.htlc_maximum_msat ?? 'htlc_maximum_msat'),
  disabled: from['disabled'] === true,
  timestamp: small(from, names.timestamp ?? 'timestamp'),
  block_height: small(from, 'block_height'),
});
const policyAt = (row: JsonRow, name: string, names: PolicyNames): GossipPolicy | null => {
  const value = row[name];
  return value === undefined || value === null
    ? null
    : isRow(value)
      ? policyIn(value, names)
      : refuse(name, 'an object');
};

/** Reader of all three documents in pieces; the fields of a row tell which it is. */
export class GraphJson {
  readonly #to = new GraphBuilder();
  readonly #rows: JsonRows;

  constructor() {
    const read: Record<string, (row: JsonRow) => void> = {
      nodes: (row) => (row['pub_key'] === undefined ? this.#ownNode(row) : this.#lndNode(row)),
      edges: (row) => this.#lndEdge(row),
      channels: (row) => (row['source'] === undefined ? this.#ownChannel(row) : this.#clnDirection(row)),
    };
    const counts: Record<string, number> = {};
    this.#rows = new JsonRows((list, rows) => {
      const name = list || 'channels';
      const work = read[name];
      if (work) for (const row of rows) at(`${name}[${(counts[name] = (counts[name] ?? -1) + 1)}]`, row, work);
    });
  }

  /** @throws Refusal `malformed-dump`, `malformed-json`, `too-large` */
  push(piece: Uint8Array): void {
    this.#rows.push(piece);
  }

  /** Returns the graph. @throws Refusal `malformed-dump` for another document */
  end(): Graph {
    const document = this.#rows.end();
    const from = Array.isArray(document) ? { channels: document } : document;
    if (!isRow(from)) return refuse('the document', 'an object or a list');
    if (from['type'] === 'gossip-graph') {
      const network = text(from['network']);
      if (network !== undefined && isNetwork(network)) this.#to.network = network;
      this.#to.at = small(from, 'at');
      return this.#to.build(text(from['source']) ?? 'gossip-graph');
    }
    for (const [list, source] of [
      ['edges', 'describegraph'],
      ['channels', 'listchannels'],
    ] as const)
      if (Array.isArray(from[list])) return this.#to.build(source);
    return refuse('the document', 'a list of edges (describegraph), of channels (listchannels) or a gossip-graph');
  }

  /** Reads the name of a node; a known one gives the text that is in use already. */
  #node(row: JsonRow, name: string): NodeName {
    const value = row[name];
    const known = typeof value === 'string' ? this.#to.known(value) : undefined;
    if (known) return nodeName(known);
    return (typeof value === 'string' && /^0[23][0-9a-f]{64}$/.test(value)) ||
      (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
      ? value
      : refuse(name, 'a public key in hex');
  }

  #ownNode(row: JsonRow): void {
    this.#node(row, row['node_id'] === undefined ? 'node' : 'node_id');
    this.#to.node(row as GraphNode);
  }
  #ownChannel(row: JsonRow): void {
    this.#to.channel({
      short_channel_id: scidIn(row['short_channel_id']),
      node_1: this.#node(row, 'node_1'),
      node_2: this.#node(row, 'node_2'),
      capacity_sat: small(row, 'capacity_sat'),
      features: text(row['features']),
      one_to_two: policyAt(row, 'one_to_two', {}),
      two_to_one: policyAt(row, 'two_to_one', {}),
    });
  }
  #lndNode(row: JsonRow): void {
    const list = row['addresses'] ?? [];
    if (!Array.isArray(list)) refuse('addresses', 'a list');
    const addresses: string[] = [];
    for (const each of list as unknown[])
      at('addresses', each, ({ addr }) => addresses.push(text(addr) ?? refuse('addr', 'a text')));
    const time = small(row, 'last_update') || undefined;
    this.#to.node({
      node_id: String(this.#node(row, 'pub_key')),
      ...(time !== undefined && { alias: text(row['alias']) ?? '', addresses, timestamp: time }),
      features: featureBits(row['features']),
    });
  }
  #lndEdge(row: JsonRow): void {
    this.#to.channel({
      short_channel_id: scidOf(number(row, 'channel_id') ?? refuse('channel_id', 'a number as text')),
      node_1: this.#node(row, 'node1_pub'),
      node_2: this.#node(row, 'node2_pub'),
      capacity_sat: small(row, 'capacity'),
      features: undefined,
      one_to_two: policyAt(row, 'node1_policy', LND),
      two_to_one: policyAt(row, 'node2_policy', LND),
    });
  }
  /** Reads one direction of a channel. */
  #clnDirection(row: JsonRow): void {
    const [source, destination] = [this.#node(row, 'source'), this.#node(row, 'destination')];
    const forth = source < destination;
    const scid = scidIn(row['short_channel_id']) ?? refuse('short_channel_id', 'a short channel id');
    this.#to.channel({
      short_channel_id: scid,
      node_1: forth ? source : destination,
      node_2: forth ? destination : source,
      capacity_sat: Math.floor(Number(number(row, 'amount_msat') ?? 0) / 1000) || undefined,
      features: text(row['features']) || undefined,
      one_to_two: null,
      two_to_one: null,
    });
    const flags = small(row, 'channel_flags') ?? (row['active'] === false ? 2 : 0);
    this.#to.policy(scid, forth ? 0 : 1, { ...policyIn(row, CLN), disabled: (flags & 2) !== 0 });
  }
}

const halves = new DataView(new ArrayBuffer(8));
/** Returns the short channel id of a 64-bit number. */
function scidOf(id: number | bigint): string {
  if (BigInt(id) >> 64n) refuse('channel_id', 'a number of 64 bits');
  halves.setBigUint64(0, BigInt(id));
  const [high, low] = [halves.getUint32(0), halves.getUint32(4)];
  return `${high >>> 8}x${((high & 0xff) << 16) | (low >>> 16)}x${low & 0xffff}`;
}

/** Returns lnd's features, an object with the bits as names, as hex. */
function featureBits(value: unknown): string | undefined {
  let set = 0n;
  for (const bit of isRow(value) ? Object.keys(value) : []) if (/^\d{1,4}$/.test(bit)) set |= 1n << BigInt(bit);
  const hex = set.toString(16);
  return set === 0n ? undefined : hex.padStart(hex.length + (hex.length % 2), '0');
}
