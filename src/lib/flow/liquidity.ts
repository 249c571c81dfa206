/**
 * Payments with the present balances: the most that all routes together can pay is a smallest cut.
 *
 * All balances with the same wealth have the same cut. Source: arXiv 2601.04835. Not here: which
 * wealth can be held (`wealth.ts`).
 */
import type { NodeName } from '../gossip/graph.ts';
import { flowNetwork, type FlowNetwork } from './max-flow.ts';
import { sum, type ChannelNetwork } from './network.ts';

/** Part of each channel that each member holds, in the order of its members. */
export type ChannelLiquidity = readonly (readonly number[])[];

/**
 * Returns the edges of a flow network over the members: what a member holds of a channel can go to
 * the others.
 * @param free part of each channel and member that may move
 * @returns `nodes`: number of nodes; those after the members stand for channels
 */
export function edgesOf(
  { channels, members }: ChannelNetwork,
  free: ChannelLiquidity,
): { edges: number[]; nodes: number } {
  const edges: number[] = [];
  let nodes = members.length;
  channels.forEach(({ members: of }, i) => {
    if (of.length === 2) return void edges.push(of[0]!, of[1]!, free[i]![0]!, free[i]![1]!);
    // With more members any may pay any other, through a node of the channel's own.
    const [through, all] = [nodes++, sum(free[i]!)];
    of.forEach((member, place) => edges.push(member, through, free[i]![place]!, all));
  });
  return { edges, nodes };
}

/** Members on the payer's side of a cut. Only their part of channels across it can leave. */
export interface Cut {
  reason: 'cut';
  set: NodeName[];
  outgoing_sat: number;
}

/** Balances of a network, for queries about many pairs. */
export class NetworkBalances {
  readonly #network: ChannelNetwork;
  readonly #flow: FlowNetwork;

  /** @param liquidity part of each channel that each member holds; only that above least moves */
  constructor(network: ChannelNetwork, liquidity: ChannelLiquidity) {
    this.#network = network;
    const free = network.channels.map(({ least }, i) =>
      liquidity[i]!.map((sat, place) => Math.max(0, sat - least[place]!)),
    );
    const { edges, nodes } = edgesOf(network, free);
    this.#flow = flowNetwork(nodes, Float64Array.from(edges));
  }

  /** Returns the most that the payer can pay. */
  most(payer: number, payee: number): number {
    return this.#flow.maxFlow(payer, payee);
  }
  /** Returns the cut that proves it. */
  cut(payer: number, payee: number): Cut {
    const outgoing_sat = this.most(payer, payee);
    const set = this.#network.members.filter((_, member) => this.#flow.isBefore(member));
    return { reason: 'cut', set, outgoing_sat };
  }
}
