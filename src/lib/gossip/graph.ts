/**
 * A network as one document, whatever dump it came from: `gossip-graph`. Nodes in rising order of their ids, channels in
 * rising order of their short channel ids, the lesser node first.
 * Not here: the dumps (`store.ts`, `rgs.ts`, `gossmap.ts`, `graph-json.ts`), routes (`path.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { readUint } from '../wire/bigsize.ts';
import { scidText } from '../wire/fields.ts';
import { addressesOf } from './details.ts';
import { aliasText, type Message } from './message.ts';
import { plain } from './reader.ts';

/** What a node asks for in one direction, under the names of `onion-route`. */
export interface Policy {
  fee_base_msat: number;
  fee_proportional_millionths: number;
  cltv_expiry_delta: number;
  htlc_minimum_msat: number | bigint;
  htlc_maximum_msat?: number | bigint;
  disabled: boolean;
  timestamp?: number;
  block_height?: number;
}
/** The id of a node: its key in hex, or its index in a dump that holds no keys. */
export type NodeName = string | number;
export interface GraphNode {
  node_id?: string;
  node?: number;
  alias?: string;
  features?: string;
  addresses?: string[];
  timestamp?: number;
  block_height?: number;
}
export interface Channel {
  /** Not known of every dump. */
  short_channel_id?: string;
  node_1: NodeName;
  node_2: NodeName;
  capacity_sat?: number;
  features?: string;
  one_to_two: Policy | null;
  two_to_one: Policy | null;
}
export interface Graph {
  type: 'gossip-graph';
  version: 1;
  network?: Network;
  source: string;
  /** Unix seconds. */
  at?: number;
  nodes: GraphNode[];
  channels: Channel[];
}

const CHAINS: Readonly<Record<string, Network>> = {
  '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000': 'mainnet',
  '43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000': 'testnet',
  '43f08bdab050e35b567c864b91f47f50ae725ae2de53bcfbbaf284da00000000': 'testnet4',
  f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000: 'signet',
  '06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f': 'regtest',
};
/** The network of a chain hash, whose bytes stand as they do on the wire. */
export const networkOf = (chainHash: Uint8Array): Network | undefined => CHAINS[bytesToHex(chainHash)];
/** The chain hash of a network, hex. */
export const chainHashOf = (network: Network): string => Object.keys(CHAINS).find((hash) => CHAINS[hash] === network)!;

/** Gathers channels and policies in any order that gossip may come in. */
export class GraphBuilder {
  readonly #nodes = new Map<NodeName, GraphNode>();
  readonly #channels = new Map<string, Channel>();
  network: Network | undefined;
  at: number | undefined;

  /** Starts from a graph that is known, for updates that only tell what has changed. */
  static from(graph: Graph): GraphBuilder {
    const made = new GraphBuilder();
    made.network = graph.network;
    for (const node of graph.nodes) made.node(node);
    for (const channel of graph.channels) made.channel({ ...channel });
    return made;
  }

  /** Adds a node, or what is newly known of it. */
  node(node: GraphNode): void {
    const name = node.node_id ?? node.node!;
    const known = this.#nodes.get(name);
    if (!known) this.#nodes.set(name, node);
    else if ((node.timestamp ?? 0) >= (known.timestamp ?? 0)) Object.assign(known, node);
  }
  /** Adds a channel that is not known yet. Its ends become nodes. */
  channel(channel: Channel): void {
    const id = channel.short_channel_id ?? `#${this.#channels.size}`;
    const known = this.#channels.get(id);
    if (known) {
      known.capacity_sat ??= channel.capacity_sat!;
      known.features ??= channel.features!;
      return;
    }
    this.#channels.set(id, channel);
    for (const name of [channel.node_1, channel.node_2])
      if (!this.#nodes.has(name)) this.#nodes.set(name, typeof name === 'number' ? { node: name } : { node_id: name });
  }
  get(scid: string): Channel | undefined {
    return this.#channels.get(scid);
  }
  /** Sets the policy of a direction, 0 from node 1 to node 2, where it is newer than the one that is known. */
  policy(scid: string, direction: number, policy: Policy): void {
    const channel = this.#channels.get(scid);
    if (!channel) return;
    const side = direction === 0 ? 'one_to_two' : 'two_to_one';
    const known = channel[side];
    const age = ({ timestamp = 0, block_height: height = 0 }: Policy) => timestamp + height;
    if (!known || age(policy) > age(known)) channel[side] = policy;
  }
  capacity(scid: string, sat: bigint): void {
    const channel = this.#channels.get(scid);
    if (channel) channel.capacity_sat = Number(sat);
  }
  remove(scid: string): void {
    this.#channels.delete(scid);
  }

  /** Adds what a message says, whether it is signed or not. */
  message({ type, parts, kind: _ }: Message): void {
    const scid = parts['short_channel_id'] && scidText(parts['short_channel_id']);
    const hex = (name: string): string => bytesToHex(parts[name]!);
    const number = (name: string): number => Number(readUint(parts[name]!));
    if (type === 256) {
      this.network ??= networkOf(parts['chain_hash']!);
      this.channel({
        short_channel_id: scid!,
        node_1: hex('node_id_1'),
        node_2: hex('node_id_2'),
        ...(parts['features']!.length > 0 && { features: hex('features') }),
        one_to_two: null,
        two_to_one: null,
      });
    } else if (type === 257) {
      const alias = aliasText(parts['alias']!);
      this.node({
        node_id: hex('node_id'),
        ...(alias !== undefined && { alias }),
        ...(parts['features']!.length > 0 && { features: hex('features') }),
        addresses: addressesOf(parts['addresses']!).map(({ address }) => address),
        timestamp: number('timestamp'),
      });
    } else if (type === 258) {
      const flags = number('channel_flags');
      this.policy(scid!, flags & 1, {
        fee_base_msat: number('fee_base_msat'),
        fee_proportional_millionths: number('fee_proportional_millionths'),
        cltv_expiry_delta: number('cltv_expiry_delta'),
        htlc_minimum_msat: plain(readUint(parts['htlc_minimum_msat']!)),
        ...(parts['htlc_maximum_msat'] && { htlc_maximum_msat: plain(readUint(parts['htlc_maximum_msat'])) }),
        disabled: (flags & 2) !== 0,
        timestamp: number('timestamp'),
      });
    }
  }

  /** The graph, in its order. */
  build(source: string): Graph {
    const channels = [...this.#channels.values()].map(inOrder);
    const numbered = channels.map((channel, i) => [channel, ...scidNumbers(channel.short_channel_id, i)] as const);
    numbered.sort((a, b) => a[1] - b[1] || a[2] - b[2]);
    const nodes = [...this.#nodes.values()].sort((a, b) => ((a.node_id ?? a.node!) < (b.node_id ?? b.node!) ? -1 : 1));
    return {
      type: 'gossip-graph',
      version: 1,
      ...(this.network && { network: this.network }),
      source,
      ...(this.at !== undefined && { at: this.at }),
      nodes,
      channels: numbered.map(([channel]) => channel),
    };
  }
}

/** Two numbers that order short channel ids; a channel without one keeps its place. */
function scidNumbers(scid: string | undefined, i: number): [number, number] {
  if (scid === undefined) return [i, 0];
  const [block, transaction, output] = scid.split('x').map(Number);
  return [block! * 2 ** 24 + transaction!, output!];
}

/** The lesser node first, and the fields in one order. */
function inOrder(channel: Channel): Channel {
  const { short_channel_id: scid, node_1: one, node_2: two, capacity_sat: sat, features } = channel;
  const turned = typeof one === 'string' && one > two;
  return {
    ...(scid !== undefined && { short_channel_id: scid }),
    node_1: turned ? two : one,
    node_2: turned ? one : two,
    ...(sat !== undefined && { capacity_sat: sat }),
    ...(features !== undefined && { features }),
    one_to_two: turned ? channel.two_to_one : channel.one_to_two,
    two_to_one: turned ? channel.one_to_two : channel.two_to_one,
  };
}
