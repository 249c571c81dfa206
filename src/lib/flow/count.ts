/**
 * Exact counts in small networks: feasible distributions of wealth, and payments that cannot be
 * made. Source: arXiv 2601.04835. Not here: larger networks (`sample.ts`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { freeOf, reservedOf, sum, type ChannelNetwork, type MemberPair } from './network.ts';

export const COUNT_LIMITS = { states: { unit: 'number', most: 10_000_000n } } satisfies Limits;

/** Distributions as numbers: digit i is what member i owns above its reserves. */
export interface Distributions {
  feasible: ReadonlySet<number>;
  /** Weight of a satoshi of each member in such a number. */
  places: readonly number[];
  base: number;
  /** Sum that each member's channels reserve for it; below 0 for credit. */
  reserved: readonly number[];
}

/** Returns C(capacity + n − 1, n − 1), the number of ways to share a capacity among n. */
export function allDistributions(capacity: number, members: number): bigint {
  let count = 1n;
  for (let i = 1; i < members; i++) count = (count * BigInt(capacity + i)) / BigInt(i);
  return count;
}

/**
 * Lists the distributions that the channels can hold. Each channel adds its capacity, satoshi by
 * satoshi, to any of its members.
 * @throws Refusal `too-many-states` if there are more than 10^7 distributions
 */
export function feasibleStates(network: ChannelNetwork): Distributions {
  const { members, channels, capacity } = network;
  const free = freeOf(network);
  const base = sum(free.map((sat) => Math.max(0, sat))) + 1;
  const all = allDistributions(Math.max(capacity, base - 1), members.length);
  const places = members.map((_, i) => base ** i);
  if (!allows(COUNT_LIMITS.states, all) || !Number.isSafeInteger(base ** members.length))
    throw new Refusal('too-many-states', `${all} distributions found, at most ${COUNT_LIMITS.states.most} expected`, {
      hint: 'feasibility sample estimates',
    });
  let states = new Set(free.some((sat) => sat < 0) ? [] : [0]);
  channels.forEach((channel, i) => {
    for (let sat = 0; sat < free[i]!; sat++) {
      const next = new Set<number>();
      for (const state of states) for (const member of channel.members) next.add(state + places[member]!);
      states = next;
    }
  });
  return { feasible: states, places, base, reserved: reservedOf(network) };
}

export interface PaymentCounts {
  /** Payments that cannot be made, and all: over feasible distributions and ordered pairs. */
  infeasible: number;
  payments: number;
  /** Infeasible payments whose payer owns the amount. */
  infeasibleFunded: number;
  paymentsFunded: number;
}

/** Tries a payment of the amount in every distribution, between all members or one pair. */
export function countPayments(
  { feasible, places, base, reserved }: Distributions,
  amount: number,
  pair?: MemberPair,
): PaymentCounts {
  const counts: PaymentCounts = { infeasible: 0, payments: 0, infeasibleFunded: 0, paymentsFunded: 0 };
  const all = places.flatMap((_, payer) => places.map((_, payee) => ({ payer, payee })));
  const pairs = pair ? [pair] : all.filter(({ payer, payee }) => payer !== payee);
  for (const state of feasible)
    for (const { payer, payee } of pairs) {
      const free = Math.floor(state / places[payer]!) % base;
      const funded = free + reserved[payer]! >= amount;
      const fails = free < amount || !feasible.has(state + amount * (places[payee]! - places[payer]!));
      counts.payments += 1;
      if (fails) counts.infeasible += 1;
      if (funded) counts.paymentsFunded += 1;
      if (funded && fails) counts.infeasibleFunded += 1;
    }
  return counts;
}
