/**
 * Networks as lists of peers, for simulations: of a graph, or drawn at random. Not here: capacities
 * and policies (`graph.ts`).
 */
import type { Draws } from '../protocol/draws.ts';
import { Refusal } from '../protocol/refusal.ts';
import { nodeIndexes, type Graph } from './graph.ts';

/** Peers of each node, by index. */
export type Topology = readonly (readonly number[])[];

/** Collects pairs of peers; duplicates count once. */
function joined(nodes: number, pairs: (join: (a: number, b: number) => void, peers: Set<number>[]) => void): Topology {
  const peers = Array.from({ length: nodes }, () => new Set<number>());
  pairs((a, b) => {
    peers[a]!.add(b);
    peers[b]!.add(a);
  }, peers);
  return peers.map((set) => [...set]);
}

/** Draws a network: each node gets a channel to an earlier one; the rest join random pairs. */
export const drawTopology = (nodes: number, channels: number, draws: Draws): Topology =>
  joined(nodes, (join, peers) => {
    for (let node = 1; node < nodes; node++) join(node, draws.below(node));
    const most = (nodes * (nodes - 1)) / 2;
    for (let count = nodes - 1; count < Math.min(channels, most);) {
      const [a, b] = [draws.below(nodes), draws.below(nodes)];
      if (a === b || peers[a]!.has(b)) continue;
      join(a, b);
      count += 1;
    }
  });

/** Returns the peers of each node of a graph, in node order. */
export function topologyOf({ nodes, channels }: Graph): Topology {
  const places = nodeIndexes(nodes);
  return joined(nodes.length, (join) => {
    for (const { node_1: one, node_2: two } of channels) join(places.get(one)!, places.get(two)!);
  });
}

/** Refuses a network without a pair of peers. @throws Refusal `malformed-message` */
export function needPeers(topology: Topology): void {
  if (!topology.some((peers) => peers.length > 0))
    throw new Refusal('malformed-message', 'no two peers found, a network with channels expected');
}
