/**
 * Whether members can own so much each, and so whether a payment can be made at all, in whatever way the channels are
 * balanced: exact, with one way to do it or a set of members that proves there is none.
 *
 * Members own `wealth` exactly where a flow from the channels to them uses every channel up. Else a smallest cut names a set
 * S that would own less than the channels inside S hold. Source: arXiv 2601.04835; the decision by flows is this project's.
 */
import { FlowNetwork } from './max-flow.ts';
import type { Network, Wealth } from './network.ts';

/** Why there is no way. Each can be checked by adding up what it names. */
export type Certificate =
  /** All that members own is not all that channels hold. */
  | { reason: 'sum'; wealth: number; capacity: number }
  /** A channel's reserves, less its credits, are above its capacity. */
  | { reason: 'channel'; channel: string; least: number; capacity: number }
  /** A member owns less than its channels reserve. */
  | { reason: 'reserve'; member: number; wealth: number; least: number }
  /** A set owns less than the channels inside it hold, both without what is reserved. */
  | { reason: 'set'; set: number[]; wealth: number; inside: number };

/** What each member holds of each channel, in the order of its members. */
export type Liquidity = readonly (readonly number[])[];
export type Verdict = { feasible: true; liquidity: Liquidity } | { feasible: false; certificate: Certificate };

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** Decides a distribution of wealth over all members. */
export function decideWealth(network: Network, wealth: Wealth): Verdict {
  const { channels, capacity } = network;
  const no = (certificate: Certificate): Verdict => ({ feasible: false, certificate });
  if (sum(wealth) !== capacity) return no({ reason: 'sum', wealth: sum(wealth), capacity });
  const free = channels.map((channel) => channel.capacity - sum(channel.least));
  const tight = free.findIndex((sat) => sat < 0);
  if (tight >= 0) {
    const { id, least, capacity: held } = channels[tight]!;
    return no({ reason: 'channel', channel: id, least: sum(least), capacity: held });
  }
  const reserved = wealth.map(() => 0);
  for (const { members, least } of channels) members.forEach((member, i) => (reserved[member]! += least[i]!));
  const rest = wealth.map((sat, member) => sat - reserved[member]!);
  const poor = rest.findIndex((sat) => sat < 0);
  if (poor >= 0) return no({ reason: 'reserve', member: poor, wealth: wealth[poor]!, least: reserved[poor]! });
  return byFlow(network, free, rest);
}

function byFlow({ channels, members }: Network, free: readonly number[], rest: Wealth): Verdict {
  const source = channels.length + members.length;
  const edges: number[] = [];
  free.forEach((sat, i) => edges.push(source, i, sat, 0));
  channels.forEach(({ members: of }, i) =>
    of.forEach((member) => edges.push(i, channels.length + member, free[i]!, 0)),
  );
  rest.forEach((sat, member) => edges.push(channels.length + member, source + 1, sat, 0));
  const flow = new FlowNetwork(source + 2, Float64Array.from(edges));
  if (flow.maxFlow(source, source + 1) === sum(free)) {
    let edge = channels.length;
    const liquidity = channels.map(({ least }) => least.map((sat) => sat + flow.flowOver(edge++)));
    return { feasible: true, liquidity };
  }
  const set = members.flatMap((_, member) => (flow.isBefore(channels.length + member) ? [member] : []));
  const within = new Set(set);
  const inside = sum(free.filter((_, i) => channels[i]!.members.every((member) => within.has(member))));
  return {
    feasible: false,
    certificate: { reason: 'set', set, wealth: sum(set.map((member) => rest[member]!)), inside },
  };
}

/** Wealth after a payment. */
export const paid = (wealth: Wealth, payer: number, payee: number, amount: number): Wealth =>
  wealth.map((sat, member) => sat - (member === payer ? amount : 0) + (member === payee ? amount : 0));
