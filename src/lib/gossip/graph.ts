/**
 * A network as one document, whatever dump it came from: `gossip-graph`. Nodes rise by id, channels
 * by short channel id; of a channel's nodes the lesser comes first. Not here: dumps (`store.ts`,
 * `rgs.ts`, `gossmap.ts`, `graph-json.ts`), routes (`path.ts`).
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { networkOfChain, type Network } from '../bitcoin/network.ts';
import { Refusal } from '../protocol/refusal.ts';
import { addressesOf } from './details.ts';
import type { GossipMessage, GossipValues } from './message.ts';

/** Terms of a node in one direction, with the names of `onion-route`. */
export interface GossipPolicy {
  fee_base_msat: number;
  fee_proportional_millionths: number;
  cltv_expiry_delta: number;
  htlc_minimum_msat: number | bigint;
  htlc_maximum_msat?: number | bigint | undefined;
  disabled: boolean;
  timestamp?: number | undefined;
  block_height?: number | undefined;
}
/** Id of a node: its key in hex, or its index in a dump without keys. */
export type NodeName = string | number;
export interface GraphNode {
  node_id?: string | undefined;
  node?: number | undefined;
  alias?: string | undefined;
  features?: string | undefined;
  addresses?: string[] | undefined;
  timestamp?: number | undefined;
  block_height?: number | undefined;
}
/** Channel of a graph. */
export interface GossipChannel {
  /** Missing in dumps that have no ids. */
  short_channel_id?: string | undefined;
  node_1: NodeName;
  node_2: NodeName;
  capacity_sat?: number | undefined;
  features?: string | undefined;
  one_to_two: GossipPolicy | null;
  two_to_one: GossipPolicy | null;
}
/** Nodes and channels as the network announces them. */
export interface Graph {
  type: 'gossip-graph';
  version: 1;
  network?: Network;
  source: string;
  /** Time of the dump, in Unix seconds. */
  at?: number;
  nodes: GraphNode[];
  channels: GossipChannel[];
}

/** Returns the name of a node. */
export const nodeName = ({ node_id: id, node }: GraphNode): NodeName => id ?? node!;

/** Maps the names of nodes to their indexes. */
export const nodeIndexes = (nodes: readonly GraphNode[]): Map<NodeName, number> =>
  new Map(nodes.map((node, i) => [nodeName(node), i]));

/** Collects channels and policies from gossip in any order. */
export class GraphBuilder {
  readonly #nodes = new Map<NodeName, GraphNode>();
  readonly #channels: GossipChannel[] = [];
  /** Channels by id, from the first lookup on; until then a channel may be in the list twice. */
  #index: Map<string, GossipChannel> | undefined;
  /** Short channel id of the last announcement; a store's amount belongs to it. */
  #last = '';
  network: Network | undefined;
  at: number | undefined;

  /** Returns a builder that starts with a known graph. */
  static from(graph: Graph): GraphBuilder {
    const made = new GraphBuilder();
    made.network = graph.network;
    for (const node of graph.nodes) made.node({ ...node });
    for (const channel of graph.channels) made.channel({ ...channel });
    return made;
  }

  /** Adds a node, or updates a known one if this is newer. */
  node(node: GraphNode): void {
    const known = this.#nodes.get(nodeName(node));
    if (!known) this.#nodes.set(nodeName(node), node);
    else if ((node.timestamp ?? 0) >= (known.timestamp ?? 0)) Object.assign(known, node);
  }
  known(name: NodeName): GraphNode | undefined {
    return this.#nodes.get(name);
  }
  /** Adds a channel with its nodes, or fills in what is missing of a known one. */
  channel(channel: GossipChannel): void {
    if (this.#index) add(this.#index, channel);
    else this.#channels.push(channel);
    this.#end(channel.node_1);
    this.#end(channel.node_2);
  }
  #indexed(): Map<string, GossipChannel> {
    if (!this.#index) {
      this.#index = new Map();
      for (const channel of this.#channels.splice(0)) add(this.#index, channel);
    }
    return this.#index;
  }
  #end(name: NodeName): void {
    if (!this.#nodes.has(name)) this.#nodes.set(name, typeof name === 'number' ? { node: name } : { node_id: name });
  }
  get(scid: string): GossipChannel | undefined {
    return this.#indexed().get(scid);
  }
  /** Sets the policy of a direction (0: from node 1 to node 2), unless the known one is newer. */
  policy(scid: string, direction: number, policy: GossipPolicy): void {
    const channel = this.#indexed().get(scid);
    if (!channel) return;
    const side = direction === 0 ? 'one_to_two' : 'two_to_one';
    const known = channel[side];
    const age = ({ timestamp = 0, block_height: height = 0 }: GossipPolicy) => timestamp + height;
    if (!known || age(policy) > age(known)) channel[side] = policy;
  }

  /** Adds what a message announces, signed or not; other messages have no effect. */
  message({ kind, values }: Pick<GossipMessage, 'kind' | 'values'>): void {
    const scid: string = values['short_channel_id'];
    switch (kind) {
      case 'channel_announcement':
      case 'channel_announcement_2':
        // Version 2 leaves the chain out on mainnet.
        this.network ??= values['chain_hash'] === undefined ? 'mainnet' : networkOfChain(values['chain_hash']);
        this.#last = scid;
        return this.channel({
          short_channel_id: scid,
          node_1: values['node_id_1'],
          node_2: values['node_id_2'],
          capacity_sat: values['capacity_sat'],
          features: values['features'] || undefined,
          one_to_two: null,
          two_to_one: null,
        });
      case 'channel_update':
        return this.policy(scid, values['channel_flags'] & 1, policyOf(values, (values['channel_flags'] & 2) !== 0));
      case 'channel_update_2':
        return this.policy(scid, values['second_peer'] ? 1 : 0, policyOf(values, values['disable_flags'] !== 0));
      case 'node_announcement':
      case 'node_announcement_2': {
        const { alias = '', addresses } = values;
        return this.node({
          node_id: values['node_id'],
          alias: /^[0-9a-f]{64}$/.test(alias) ? undefined : alias,
          features: values['features'] || undefined,
          addresses: addresses && addressesIn(hexToBytes(addresses)),
          timestamp: values['timestamp'],
          block_height: values['block_height'],
        });
      }
      case 'store_channel_amount': {
        const channel = this.#indexed().get(this.#last);
        if (channel) channel.capacity_sat = Number(values['capacity_sat']);
        return;
      }
      case 'store_delete_channel':
        this.#indexed().delete(scid);
    }
  }

  /** Returns the graph in its order. */
  build(source: string): Graph {
    const first = inOrder(this.#index?.values() ?? this.#channels);
    const { channels } = first.rises || this.#index ? first : inOrder(this.#indexed().values());
    const nodes = [...this.#nodes.values()].sort((a, b) => (nodeName(a) < nodeName(b) ? -1 : 1));
    return {
      type: 'gossip-graph',
      version: 1,
      ...(this.network && { network: this.network }),
      source,
      ...(this.at !== undefined && { at: this.at }),
      nodes,
      channels,
    };
  }
}

/** Returns the policy of an update's values. */
export const policyOf = (values: Readonly<GossipValues>, disabled: boolean): GossipPolicy => ({
  fee_base_msat: values['fee_base_msat'],
  fee_proportional_millionths: values['fee_proportional_millionths'],
  cltv_expiry_delta: values['cltv_expiry_delta'],
  htlc_minimum_msat: values['htlc_minimum_msat'],
  htlc_maximum_msat: values['htlc_maximum_msat'],
  disabled,
  timestamp: values['timestamp'],
  block_height: values['block_height'],
});

/** Returns addresses as text; undefined if unreadable, so that one bad node spoils no graph. */
function addressesIn(bytes: Uint8Array): string[] | undefined {
  try {
    return addressesOf(bytes).map(({ address }) => address);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return undefined;
  }
}

/** Adds a channel, or fills in what is missing of a known one. One without an id is always new. */
function add(to: Map<string, GossipChannel>, channel: GossipChannel): void {
  const id = channel.short_channel_id ?? `#${to.size}`;
  const known = to.get(id);
  if (!known) to.set(id, channel);
  else {
    known.capacity_sat ??= channel.capacity_sat;
    known.features ??= channel.features;
  }
}

/** Puts the lesser node of each channel first; `rises` tells whether they are in order already. */
function inOrder(list: Iterable<GossipChannel>): { channels: GossipChannel[]; rises: boolean } {
  const channels = Array.from(list, lesserFirst);
  const places = Float64Array.from(channels, placeOf);
  const compare = (a: number, b: number): number =>
    places[a]! - places[b]! || outputOf(channels[a]!) - outputOf(channels[b]!);
  const rises = places.every((_, i) => i === 0 || compare(i - 1, i) < 0);
  return { channels: rises ? channels : [...channels.keys()].sort(compare).map((i) => channels[i]!), rises };
}

/** Returns block and transaction of a channel as one number; without an id, its index. */
function placeOf({ short_channel_id: scid }: GossipChannel, i: number): number {
  if (scid === undefined) return i;
  const end = scid.indexOf('x');
  return Number(scid.slice(0, end)) * 2 ** 24 + Number(scid.slice(end + 1, scid.lastIndexOf('x')));
}
const outputOf = ({ short_channel_id: scid = '' }: GossipChannel): number =>
  Number(scid.slice(scid.lastIndexOf('x') + 1));

function lesserFirst(channel: GossipChannel): GossipChannel {
  const { node_1: one, node_2: two, one_to_two: forth, two_to_one: back } = channel;
  return typeof one === 'string' && one > two
    ? { ...channel, node_1: two, node_2: one, one_to_two: back, two_to_one: forth }
    : channel;
}
