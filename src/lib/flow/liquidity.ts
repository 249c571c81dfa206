/**
 * The most that one member can pay another, over all routes at once, as the channels are balanced now: a smallest cut.
 * Whatever balance of the channels gives the same wealth, the cut is the same. Source: arXiv 2601.04835.
 */
import { FlowNetwork } from './max-flow.ts';
import type { Network } from './network.ts';
import type { Liquidity } from './wealth.ts';

export interface Cut {
  /** The most that can be paid. */
  most: number;
  /** Members on the payer's side: what they hold of channels that leave the set is all that can leave it. */
  before: number[];
}

/** Balances of a network, to be asked about many pairs. */
export class Balances {
  readonly #network: Network;
  readonly #flow: FlowNetwork;

  /** What a member holds above its least can leave it. */
  constructor(network: Network, liquidity: Liquidity) {
    this.#network = network;
    const { channels, members } = network;
    const edges: number[] = [];
    let nodes = members.length;
    channels.forEach(({ members: of, least }, i) => {
      const free = liquidity[i]!.map((sat, place) => Math.max(0, sat - least[place]!));
      if (of.length === 2) return void edges.push(of[0]!, of[1]!, free[0]!, free[1]!);
      // Of more members any may pay any other: through a node of the channel's own.
      const [through, all] = [nodes++, free.reduce((sum, sat) => sum + sat, 0)];
      of.forEach((member, place) => edges.push(member, through, free[place]!, all));
    });
    this.#flow = new FlowNetwork(nodes, Float64Array.from(edges));
  }

  /** The most that the payer can pay. */
  most(payer: number, payee: number): number {
    return this.#flow.maxFlow(payer, payee);
  }
  /** The same, with the set that proves it. */
  cut(payer: number, payee: number): Cut {
    const most = this.most(payer, payee);
    return {
      most,
      before: this.#network.members.flatMap((_, member) => (this.#flow.isBefore(member) ? [member] : [])),
    };
  }
}
