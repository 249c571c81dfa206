/**
 * Graphs in JSON: `describegraph` of lnd, `listchannels` of Core Lightning, and our own document.
 *
 * Sources: lightning.proto of lnd (64-bit numbers are text), doc/lightning-listchannels of Core Lightning.
 * Values are checked one by one, because such files come from strangers. Not here: dumps in bytes.
 */
import { isNetwork } from '../bitcoin/network.ts';
import { Refusal } from '../protocol/refusal.ts';
import { scidBytes } from '../wire/fields.ts';
import { GraphBuilder, policyOf, type Graph, type GraphNode, type NodeName, type Policy } from './graph.ts';
import { plain } from './message.ts';

type Row = { readonly [name: string]: unknown };

const refuse = (where: string, expected: string): never => {
  throw new Refusal('malformed-dump', `${where}: ${expected} expected`);
};
const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Works through the objects of a list; what is refused names the place. A list that is missing is empty. */
function each(from: Row, name: string, work: (row: Row) => void): void {
  const list = from[name] ?? [];
  if (!Array.isArray(list)) return refuse(name, 'a list');
  list.forEach((row: unknown, i) => {
    try {
      work(isRow(row) ? row : refuse('the item', 'an object'));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal('malformed-dump', `${name}[${i}]: ${error.message}`);
    }
  });
}

/** Reads a whole number, or its digits as text; undefined where the field is missing. */
function number(from: Row, name: string): number | bigint | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  // Most texts are short numbers.
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  const digits = typeof value === 'string' ? /^(\d{1,20})(?:m?sat)?$/.exec(value)?.[1] : undefined;
  return digits === undefined ? refuse(name, 'a whole number') : plain(BigInt(digits));
}
function small(from: Row, name: string): number | undefined {
  const value = number(from, name);
  return typeof value === 'bigint' ? refuse(name, 'a number below 2^53') : value;
}
const text = (from: Row, name: string): string | undefined =>
  typeof from[name] === 'string' ? (from[name] as string) : undefined;
function scidIn(from: Row): string | undefined {
  const scid = text(from, 'short_channel_id');
  return scid !== undefined && !scidBytes(scid) ? refuse('short_channel_id', 'a short channel id') : scid;
}

/** Names of a policy's fields in each dump, in the order of ours. */
const POLICIES = {
  own: [
    'fee_base_msat',
    'fee_proportional_millionths',
    'cltv_expiry_delta',
    'htlc_minimum_msat',
    'htlc_maximum_msat',
    'timestamp',
  ],
  lnd: ['fee_base_msat', 'fee_rate_milli_msat', 'time_lock_delta', 'min_htlc', 'max_htlc_msat', 'last_update'],
  cln: ['base_fee_millisatoshi', 'fee_per_millionth', 'delay', 'htlc_minimum_msat', 'htlc_maximum_msat', 'last_update'],
} as const;

function policyIn(from: Row, names: keyof typeof POLICIES, disabled = from['disabled'] === true): Policy {
  const [base, millionths, delta, least, most, time] = POLICIES[names];
  const needed = (name: string): number => small(from, name) ?? refuse(name, 'a whole number');
  return policyOf(
    {
      fee_base_msat: needed(base),
      fee_proportional_millionths: needed(millionths),
      cltv_expiry_delta: needed(delta),
      htlc_minimum_msat: number(from, least) ?? 0,
      htlc_maximum_msat: number(from, most),
      timestamp: small(from, time),
      block_height: small(from, 'block_height'),
    },
    disabled,
  );
}
function policyAt(from: Row, name: string, names: keyof typeof POLICIES): Policy | null {
  const value = from[name] ?? null;
  return value === null ? null : isRow(value) ? policyIn(value, names) : refuse(name, 'an object');
}

/** Reads one document into a graph. */
class JsonGraph {
  readonly #to = new GraphBuilder();

  /** Reads the name of a node; one that is known already is not looked at again. */
  #node(from: Row, name: string): NodeName {
    const value = from[name];
    if (typeof value === 'string' && (this.#to.knows(value) || /^0[23][0-9a-f]{64}$/.test(value))) return value;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : refuse(name, 'a public key in hex');
  }

  own(document: Row): Graph {
    const network = text(document, 'network');
    if (network !== undefined && isNetwork(network)) this.#to.network = network;
    this.#to.at = small(document, 'at');
    each(document, 'nodes', (node) => {
      this.#node(node, node['node_id'] === undefined ? 'node' : 'node_id');
      this.#to.node({ ...(node as GraphNode) });
    });
    each(document, 'channels', (channel) => {
      this.#to.channel({
        short_channel_id: scidIn(channel),
        node_1: this.#node(channel, 'node_1'),
        node_2: this.#node(channel, 'node_2'),
        capacity_sat: small(channel, 'capacity_sat'),
        features: text(channel, 'features'),
        one_to_two: policyAt(channel, 'one_to_two', 'own'),
        two_to_one: policyAt(channel, 'two_to_one', 'own'),
      });
    });
    return this.#to.build(text(document, 'source') ?? 'gossip-graph');
  }

  lnd(document: Row): Graph {
    each(document, 'nodes', (node) => {
      const addresses: string[] = [];
      each(node, 'addresses', (address) => addresses.push(text(address, 'addr') ?? refuse('addr', 'a text')));
      const time = small(node, 'last_update') || undefined;
      this.#to.node({
        node_id: String(this.#node(node, 'pub_key')),
        ...(time !== undefined && { alias: text(node, 'alias') ?? '', addresses, timestamp: time }),
        features: featureBits(node['features']),
      });
    });
    each(document, 'edges', (edge) => {
      this.#to.channel({
        short_channel_id: scidOf(number(edge, 'channel_id') ?? refuse('channel_id', 'a number as text')),
        node_1: this.#node(edge, 'node1_pub'),
        node_2: this.#node(edge, 'node2_pub'),
        capacity_sat: small(edge, 'capacity'),
        features: undefined,
        one_to_two: policyAt(edge, 'node1_policy', 'lnd'),
        two_to_one: policyAt(edge, 'node2_policy', 'lnd'),
      });
    });
    return this.#to.build('describegraph');
  }

  /** Each row is a direction of a channel. */
  cln(document: Row): Graph {
    each(document, 'channels', (row) => {
      const [source, destination] = [this.#node(row, 'source'), this.#node(row, 'destination')];
      const forth = source < destination;
      const scid = scidIn(row) ?? refuse('short_channel_id', 'a short channel id');
      this.#to.channel({
        short_channel_id: scid,
        node_1: forth ? source : destination,
        node_2: forth ? destination : source,
        capacity_sat: Math.floor(Number(number(row, 'amount_msat') ?? 0) / 1000) || undefined,
        features: text(row, 'features') || undefined,
        one_to_two: null,
        two_to_one: null,
      });
      const flags = small(row, 'channel_flags') ?? (row['active'] === false ? 2 : 0);
      this.#to.policy(scid, forth ? 0 : 1, policyIn(row, 'cln', (flags & 2) !== 0));
    });
    return this.#to.build('listchannels');
  }
}

/** Reads any of the three. @throws Refusal `malformed-dump` */
export function readGraphJson(json: unknown): Graph {
  const document = Array.isArray(json) ? { channels: json } : json;
  if (!isRow(document)) return refuse('the document', 'an object or a list');
  const graph = new JsonGraph();
  if (document['type'] === 'gossip-graph') return graph.own(document);
  if (document['edges'] !== undefined) return graph.lnd(document);
  if (document['channels'] !== undefined) return graph.cln(document);
  return refuse('the document', 'edges (describegraph), channels (listchannels) or a gossip-graph');
}

const halves = new DataView(new ArrayBuffer(8));
/** Returns the short channel id of its 64 bits. */
function scidOf(id: number | bigint): string {
  if (BigInt(id) >> 64n) refuse('channel_id', 'a number of 64 bits');
  halves.setBigUint64(0, BigInt(id));
  const [high, low] = [halves.getUint32(0), halves.getUint32(4)];
  return `${high >>> 8}x${((high & 0xff) << 16) | (low >>> 16)}x${low & 0xffff}`;
}

/** Returns lnd's features, an object with the bits as names, in hex. */
function featureBits(value: unknown): string | undefined {
  let set = 0n;
  for (const bit of isRow(value) ? Object.keys(value) : []) if (/^\d{1,4}$/.test(bit)) set |= 1n << BigInt(bit);
  const hex = set.toString(16);
  return set === 0n ? undefined : hex.padStart(hex.length + (hex.length % 2), '0');
}
