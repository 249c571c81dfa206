/**
 * Graphs in JSON: `describegraph` of lnd, `listchannels` of Core Lightning, and our own document.
 *
 * Sources: lightning.proto of lnd (64-bit numbers are text), doc/lightning-listchannels of Core Lightning.
 * Values are checked one by one, because such files come from strangers. Not here: dumps in bytes.
 */
import { Refusal } from '../protocol/refusal.ts';
import { scidBytes } from '../wire/fields.ts';
import { GraphBuilder, type Channel, type Graph, type GraphNode, type NodeName, type Policy } from './graph.ts';
import { isNetwork } from '../bitcoin/network.ts';
import { plain } from './reader.ts';

type Row = { readonly [name: string]: unknown };

const refuse = (where: string, expected: string): never => {
  throw new Refusal('malformed-dump', `${where}: ${expected} expected`);
};
const row = (value: unknown, where: string): Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : refuse(where, 'an object');
const rows = (value: unknown, where: string): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : refuse(where, 'a list');

/** A whole number, or its digits as text; undefined where the field is missing. */
function number(from: Row, name: string, where: string): number | bigint | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  // Most texts are short numbers.
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  const digits = typeof value === 'string' ? /^(\d{1,20})(?:m?sat)?$/.exec(value)?.[1] : undefined;
  return digits === undefined ? refuse(`${where}.${name}`, 'a whole number') : plain(BigInt(digits));
}
function small(from: Row, name: string, where: string): number | undefined {
  const value = number(from, name, where);
  return typeof value === 'bigint' ? refuse(`${where}.${name}`, 'a number below 2^53') : value;
}
function nodeName(value: unknown, where: string): NodeName {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  return typeof value === 'string' && /^0[23][0-9a-f]{64}$/.test(value) ? value : refuse(where, 'a public key in hex');
}
const text = (from: Row, name: string): string | undefined =>
  typeof from[name] === 'string' ? (from[name] as string) : undefined;

/** Reads any of the three. @throws Refusal `malformed-dump` */
export function readGraphJson(json: unknown): Graph {
  if (Array.isArray(json)) return listChannels(json);
  const document = row(json, 'the document');
  if (document['type'] === 'gossip-graph') return ownGraph(document);
  if (document['edges'] !== undefined) return describeGraph(document);
  if (document['channels'] !== undefined) return listChannels(rows(document['channels'], 'channels'));
  return refuse('the document', 'edges (describegraph), channels (listchannels) or a gossip-graph');
}

function ownGraph(document: Row): Graph {
  const builder = new GraphBuilder();
  const network = text(document, 'network');
  if (network !== undefined && isNetwork(network)) builder.network = network;
  const at = small(document, 'at', 'the document');
  if (at !== undefined) builder.at = at;
  rows(document['nodes'], 'nodes').forEach((item, i) => {
    const node = row(item, `nodes[${i}]`);
    nodeName(node['node_id'] ?? node['node'], `nodes[${i}]`);
    builder.node({ ...(node as GraphNode) });
  });
  rows(document['channels'], 'channels').forEach((item, i) => {
    const where = `channels[${i}]`;
    const channel = row(item, where);
    const scid = text(channel, 'short_channel_id');
    if (scid !== undefined && !scidBytes(scid)) refuse(`${where}.short_channel_id`, 'a short channel id');
    const capacity = small(channel, 'capacity_sat', where);
    const features = text(channel, 'features');
    builder.channel({
      ...(scid !== undefined && { short_channel_id: scid }),
      node_1: nodeName(channel['node_1'], `${where}.node_1`),
      node_2: nodeName(channel['node_2'], `${where}.node_2`),
      ...(capacity !== undefined && { capacity_sat: capacity }),
      ...(features !== undefined && { features }),
      one_to_two: ownPolicy(channel['one_to_two'], `${where}.one_to_two`),
      two_to_one: ownPolicy(channel['two_to_one'], `${where}.two_to_one`),
    });
  });
  return builder.build(text(document, 'source') ?? 'gossip-graph');
}

function ownPolicy(value: unknown, where: string): Policy | null {
  if (value === null || value === undefined) return null;
  const from = row(value, where);
  return policyOf(from, where, {
    base: 'fee_base_msat',
    millionths: 'fee_proportional_millionths',
    delta: 'cltv_expiry_delta',
    least: 'htlc_minimum_msat',
    most: 'htlc_maximum_msat',
    time: 'timestamp',
    disabled: from['disabled'] === true,
  });
}

/** The names of a policy's fields in a dump. */
interface Names {
  base: string;
  millionths: string;
  delta: string;
  least: string;
  most: string;
  time: string;
  disabled: boolean;
}
function policyOf(from: Row, where: string, names: Names): Policy {
  const most = number(from, names.most, where);
  const time = small(from, names.time, where);
  const height = small(from, 'block_height', where);
  return {
    fee_base_msat: small(from, names.base, where) ?? refuse(`${where}.${names.base}`, 'a whole number'),
    fee_proportional_millionths:
      small(from, names.millionths, where) ?? refuse(`${where}.${names.millionths}`, 'a whole number'),
    cltv_expiry_delta: small(from, names.delta, where) ?? refuse(`${where}.${names.delta}`, 'a whole number'),
    htlc_minimum_msat: number(from, names.least, where) ?? 0,
    ...(most !== undefined && { htlc_maximum_msat: most }),
    disabled: names.disabled,
    ...(time !== undefined && { timestamp: time }),
    ...(height !== undefined && { block_height: height }),
  };
}

function describeGraph(document: Row): Graph {
  const builder = new GraphBuilder();
  rows(document['nodes'], 'nodes').forEach((item, i) => {
    const node = row(item, `nodes[${i}]`);
    const time = small(node, 'last_update', `nodes[${i}]`);
    const addresses = rows(node['addresses'], `nodes[${i}].addresses`).map(
      (each) => text(row(each, `nodes[${i}].addresses`), 'addr') ?? refuse(`nodes[${i}].addresses`, 'addr'),
    );
    const features = featureBits(node['features']);
    builder.node({
      node_id: String(nodeName(node['pub_key'], `nodes[${i}].pub_key`)),
      ...(time !== undefined && time > 0 && { alias: text(node, 'alias') ?? '', addresses, timestamp: time }),
      ...(features !== undefined && { features }),
    });
  });
  rows(document['edges'], 'edges').forEach((item, i) => {
    const where = `edges[${i}]`;
    const edge = row(item, where);
    const id = number(edge, 'channel_id', where) ?? refuse(`${where}.channel_id`, 'a number as text');
    if (typeof id === 'bigint' && id >> 64n) refuse(`${where}.channel_id`, 'a number of 64 bits');
    const policy = (name: string): Policy | null => {
      if (edge[name] === null || edge[name] === undefined) return null;
      const from = row(edge[name], `${where}.${name}`);
      return policyOf(from, `${where}.${name}`, {
        base: 'fee_base_msat',
        millionths: 'fee_rate_milli_msat',
        delta: 'time_lock_delta',
        least: 'min_htlc',
        most: 'max_htlc_msat',
        time: 'last_update',
        disabled: from['disabled'] === true,
      });
    };
    const capacity = small(edge, 'capacity', where);
    builder.channel({
      short_channel_id: scidOf(BigInt(id)),
      node_1: nodeName(edge['node1_pub'], `${where}.node1_pub`),
      node_2: nodeName(edge['node2_pub'], `${where}.node2_pub`),
      ...(capacity !== undefined && { capacity_sat: capacity }),
      one_to_two: policy('node1_policy'),
      two_to_one: policy('node2_policy'),
    });
  });
  return builder.build('describegraph');
}

/** A short channel id from its 64 bits. */
const scidOf = (id: bigint): string =>
  `${Number(id >> 40n)}x${Number((id >> 16n) & 0xffffffn)}x${Number(id & 0xffffn)}`;

/** lnd's features, an object with the bits as names, in hex. */
function featureBits(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  let set = 0n;
  for (const bit of Object.keys(value)) if (/^\d{1,4}$/.test(bit)) set |= 1n << BigInt(bit);
  if (set === 0n) return undefined;
  const hex = set.toString(16);
  return hex.length % 2 === 1 ? `0${hex}` : hex;
}

function listChannels(list: readonly unknown[]): Graph {
  const builder = new GraphBuilder();
  list.forEach((item, i) => {
    const where = `channels[${i}]`;
    const from = row(item, where);
    const [source, destination] = [
      nodeName(from['source'], `${where}.source`),
      nodeName(from['destination'], `${where}.destination`),
    ];
    const scid = text(from, 'short_channel_id') ?? '';
    if (!scidBytes(scid)) refuse(`${where}.short_channel_id`, 'a short channel id');
    const capacity = number(from, 'amount_msat', where) ?? 0;
    const features = text(from, 'features');
    const forth = source < destination;
    const channel: Channel = {
      short_channel_id: scid,
      node_1: forth ? source : destination,
      node_2: forth ? destination : source,
      ...(capacity !== 0 && { capacity_sat: Math.floor(Number(capacity) / 1000) }),
      ...(features !== undefined && features !== '' && { features }),
      one_to_two: null,
      two_to_one: null,
    };
    builder.channel(channel);
    const flags = small(from, 'channel_flags', where) ?? (from['active'] === false ? 2 : 0);
    builder.policy(
      scid,
      forth ? 0 : 1,
      policyOf(from, where, {
        base: 'base_fee_millisatoshi',
        millionths: 'fee_per_millionth',
        delta: 'delay',
        least: 'htlc_minimum_msat',
        most: 'htlc_maximum_msat',
        time: 'last_update',
        disabled: (flags & 2) !== 0,
      }),
    );
  });
  return builder.build('listchannels');
}
