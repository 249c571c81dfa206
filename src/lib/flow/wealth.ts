/**
 * Decision whether members can own a wealth, however the channels are balanced: exact, with a
 * certificate.
 *
 * So it decides whether a payment can be made at all. Every channel is balanced in some way first.
 * Then what some members have too much flows over the channels to those who lack it. If not all of
 * it can, the smallest cut names a set S that would own less than the channels inside S hold.
 * Source: arXiv 2601.04835; the decision by flows is this project's. Not here: present balances
 * (`liquidity.ts`).
 */
import type { NodeName } from '../gossip/graph.ts';
import { edgesOf, type ChannelLiquidity } from './liquidity.ts';
import { flowNetwork } from './max-flow.ts';
import { freeOf, reservedOf, sum, type ChannelNetwork, type Wealth } from './network.ts';

/** Reason of a no; anybody can check it by adding up what it names. */
export type Certificate =
  /** Members own another sum than channels hold. */
  | { reason: 'sum'; wealth_sat: number; capacity_sat: number }
  /** Reserves of a channel, less its credits, exceed its capacity. */
  | { reason: 'channel'; channel: string; reserved_sat: number; capacity_sat: number }
  /** Channels of a member reserve more than it owns. */
  | { reason: 'reserve'; member: NodeName; wealth_sat: number; reserved_sat: number }
  /** Channels inside a set hold more than the set owns, both without reserves. */
  | { reason: 'set'; set: NodeName[]; wealth_sat: number; inside_sat: number };

export type WealthVerdict =
  { feasible: true; liquidity: ChannelLiquidity } | { feasible: false; certificate: Certificate };

/** Decides a distribution of wealth over all members. */
export function decideWealth(network: ChannelNetwork, wealth: Wealth): WealthVerdict {
  const { channels, capacity } = network;
  const no = (certificate: Certificate): WealthVerdict => ({ feasible: false, certificate });
  if (sum(wealth) !== capacity) return no({ reason: 'sum', wealth_sat: sum(wealth), capacity_sat: capacity });
  const free = freeOf(network);
  const tight = free.findIndex((sat) => sat < 0);
  if (tight >= 0) {
    const { id, least, capacity: held } = channels[tight]!;
    return no({ reason: 'channel', channel: id, reserved_sat: sum(least), capacity_sat: held });
  }
  const reserved = reservedOf(network);
  const rest = wealth.map((sat, member) => sat - reserved[member]!);
  const poor = rest.findIndex((sat) => sat < 0);
  if (poor >= 0) {
    const [member, wealth_sat, reserved_sat] = [network.members[poor]!, wealth[poor]!, reserved[poor]!];
    return no({ reason: 'reserve', member, wealth_sat, reserved_sat });
  }
  return byFlow(network, free, rest);
}

/** Gives members what they lack of each channel, in order; the rest goes to the last. */
function balanced({ channels }: ChannelNetwork, free: readonly number[], lacks: number[]): number[][] {
  return channels.map(({ members }, i) => {
    let left = free[i]!;
    return members.map((member, j) => {
      const part = j === members.length - 1 ? left : Math.min(left, Math.max(0, lacks[member]!));
      left -= part;
      lacks[member]! -= part;
      return part;
    });
  });
}

function byFlow(network: ChannelNetwork, free: readonly number[], rest: Wealth): WealthVerdict {
  const { channels, members } = network;
  // Below 0 for a member that has too much.
  const lacks = [...rest];
  const held = balanced(network, free, lacks);
  const { edges, nodes } = edgesOf(network, held);
  const [source, sink] = [nodes, nodes + 1];
  const surplus = sum(lacks.filter((sat) => sat < 0));
  lacks.forEach((sat, member) => edges.push(...(sat < 0 ? [source, member, -sat, 0] : [member, sink, sat, 0])));
  const flow = flowNetwork(nodes + 2, Float64Array.from(edges));
  if (flow.maxFlow(source, sink) === -surplus) {
    let edge = 0;
    const liquidity = channels.map(({ least }, i) => {
      const parts = held[i]!;
      const [first] = least.length === 2 ? [flow.flowOver(edge++)] : [];
      const moved = first === undefined ? parts.map(() => flow.flowOver(edge++)) : [first, -first];
      return least.map((sat, j) => sat + parts[j]! - moved[j]!);
    });
    return { feasible: true, liquidity };
  }
  const within = members.map((_, member) => flow.isBefore(member));
  const inside = free.filter((_, i) => channels[i]!.members.every((member) => within[member]));
  return {
    feasible: false,
    certificate: {
      reason: 'set',
      set: members.filter((_, member) => within[member]),
      wealth_sat: sum(rest.filter((_, member) => within[member])),
      inside_sat: sum(inside),
    },
  };
}

/** Returns the wealth after a payment. */
export const paid = (wealth: Wealth, payer: number, payee: number, amount: number): Wealth =>
  wealth.map((sat, member) => sat - (member === payer ? amount : 0) + (member === payee ? amount : 0));
