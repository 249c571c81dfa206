/**
 * Payment channel networks as in theory: channels of two or more members, each with a capacity.
 *
 * Each member of a channel has a least that it may hold: a reserve, or, below zero, a credit.
 * Source: arXiv 2601.04835, "A Mathematical Theory of Payment Channel Networks". Amounts are
 * satoshis below 2^53.
 */
import { nodeIndexes, type Graph, type NodeName } from '../gossip/graph.ts';
import { Fields } from '../protocol/document.ts';
import type { Json } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface FlowChannel {
  id: string;
  /** Indexes in the list of members. */
  members: readonly number[];
  capacity: number;
  /** Least that each member holds, in the order of `members`: reserve less credit. */
  least: readonly number[];
  /** Part that each member holds now, if known. */
  liquidity?: readonly number[];
}
/** Nodes and channels with their capacities. */
export interface ChannelNetwork {
  members: readonly NodeName[];
  channels: readonly FlowChannel[];
  /** Sum of all capacities. */
  capacity: number;
}
/** Wealth of each member over all its channels, in the order of `members`. */
export type Wealth = readonly number[];

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
/** Returns the unreserved part of each channel; below 0 if more is reserved than it holds. */
export const freeOf = ({ channels }: ChannelNetwork): number[] =>
  channels.map(({ capacity, least }) => capacity - sum(least));
/** Returns what the channels of each member reserve for it; below 0 for credit. */
export function reservedOf({ members, channels }: ChannelNetwork): number[] {
  const reserved = members.map(() => 0);
  for (const { members: of, least } of channels) of.forEach((member, i) => (reserved[member]! += least[i]!));
  return reserved;
}

export const NETWORK_LIMITS = {
  total: { unit: 'sat', most: Number.MAX_SAFE_INTEGER },
  members: { unit: 'items', least: 2, most: 1000 },
} satisfies Limits;

/** Reads an amount in satoshis. */
const satIn = (from: Fields, name: string): number | undefined => {
  const sat = from.whole(name, BigInt(NETWORK_LIMITS.total.most));
  return sat === undefined ? undefined : Number(sat);
};

type MemberIndexes = Map<NodeName, number>;
/** Returns the index of a member; a new one gets the next. */
function placeOf(name: NodeName, members: MemberIndexes): number {
  if (!members.has(name)) members.set(name, members.size);
  return members.get(name)!;
}

function network(members: MemberIndexes, channels: readonly FlowChannel[]): ChannelNetwork {
  const capacity = sum(channels.map((channel) => channel.capacity));
  // Sums the free parts: less than the capacity for reserves, more for credits.
  const most = capacity + sum(channels.flatMap(({ least }) => least.map(Math.abs)));
  if (!allows(NETWORK_LIMITS.total, most))
    throw new Refusal('malformed-message', `channels: ${most} sat found in all, less than 2^53 expected`);
  if (new Set(channels.map(({ id }) => id)).size !== channels.length)
    throw new Refusal('malformed-message', 'channels: an id found twice');
  return { members: [...members.keys()], channels, capacity };
}

/** Returns a graph's channels of known capacity, nothing reserved; `unknown` counts the others. */
export function networkOfGraph(graph: Graph): { network: ChannelNetwork; unknown: number } {
  const members = nodeIndexes(graph.nodes);
  const known = graph.channels.filter(({ capacity_sat: sat }) => sat !== undefined);
  const channels = known.map((channel, i) => ({
    id: channel.short_channel_id ?? String(i),
    members: [members.get(channel.node_1)!, members.get(channel.node_2)!],
    capacity: channel.capacity_sat!,
    least: [0, 0],
  }));
  return { network: network(members, channels), unknown: graph.channels.length - known.length };
}

/**
 * Reads `{channels: [{id, members, capacity_sat, reserve_sat?, credit_sat?, liquidity_sat?}]}`.
 * @throws Refusal `malformed-message`
 */
export function parseNetwork(from: Fields): ChannelNetwork {
  const members: MemberIndexes = new Map();
  const channels = from.objects('channels', (each): FlowChannel => {
    const names = each.list('members', nameOf) ?? each.refuse('members', 'a list');
    if (!allows(NETWORK_LIMITS.members, names.length) || new Set(names).size !== names.length)
      each.refuse('members', `${NETWORK_LIMITS.members.least} to ${NETWORK_LIMITS.members.most} different names`);
    const capacity = each.need('capacity_sat', satIn(each, 'capacity_sat'), 'satoshis');
    const reserve = perMember(each, 'reserve_sat', names);
    const credit = perMember(each, 'credit_sat', names);
    const liquidity = each.has('liquidity_sat') ? perMember(each, 'liquidity_sat', names) : undefined;
    if (liquidity && sum(liquidity) !== capacity) each.refuse('liquidity_sat', `${capacity} in all`);
    return {
      id: String(each.json('id') ?? each.where),
      members: names.map((name) => placeOf(name, members)),
      capacity,
      least: reserve.map((sat, i) => sat - credit[i]!),
      ...(liquidity && { liquidity }),
    };
  });
  from.skip('type', 'version');
  return network(members, channels ?? from.refuse('channels', 'a list of channels'));
}

function nameOf(value: Json, where: string): NodeName {
  if (typeof value === 'string' || (typeof value === 'number' && value >= 0)) return value;
  throw new Refusal('malformed-message', `${where}: a name expected`);
}

/** Reads a number for all members, or an object with one for some; 0 for the rest. */
function perMember(from: Fields, name: string, members: readonly NodeName[]): number[] {
  const value = from.has(name) ? from.json(name) : 0;
  if (typeof value !== 'object' || value === null) {
    const all = satIn(new Fields({ [name]: value as Json }, from.where), name)!;
    return members.map(() => all);
  }
  const object = from.object(name)!;
  const made = members.map((member) => satIn(object, String(member)) ?? 0);
  object.end();
  return made;
}

/** Reads `{member: sat}`, else 0. @throws Refusal `malformed-message` for unknown members */
export function parseWealth(from: Fields, { members }: ChannelNetwork): Wealth {
  const wealth = members.map((member) => satIn(from, String(member)) ?? 0);
  const others = from.names().filter((name) => !members.some((member) => String(member) === name));
  if (others.length > 0) from.refuse(others[0]!, 'a member of the network');
  return wealth;
}

/** Indexes of two different members. */
export interface MemberPair {
  payer: number;
  payee: number;
}
/** Returns the indexes of two different members. @throws Refusal `malformed-message` */
export function memberPair({ members }: ChannelNetwork, payer: string, payee: string): MemberPair {
  const place = (name: string, what: string): number => {
    const found = members.findIndex((member) => String(member) === name);
    if (found >= 0) return found;
    throw new Refusal('malformed-message', `${what}: ${name} found, a member of the network expected`);
  };
  const pair = { payer: place(payer, 'payer'), payee: place(payee, 'payee') };
  if (pair.payer !== pair.payee) return pair;
  throw new Refusal('malformed-message', `payer and payee: ${payer} found, two different members expected`);
}
