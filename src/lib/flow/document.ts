/** Answers on what can be paid, as documents: verdicts, counts, samples, throughput. */
import type { NodeName } from '../gossip/graph.ts';
import { Draws, percent, quantiles } from '../protocol/draws.ts';
import { Refusal } from '../protocol/refusal.ts';
import { allDistributions, countPayments, feasibleStates } from './count.ts';
import { NetworkBalances } from './liquidity.ts';
import { sum, type ChannelNetwork, type MemberPair, type Wealth } from './network.ts';
import { drawSamples, wilson } from './sample.ts';
import { decideWealth, paid, type WealthVerdict } from './wealth.ts';

type PairPayment = MemberPair & { amount: number };
const head = (question: string) => ({ type: 'feasibility', version: 1, question });

const verdictDocument = ({ channels, members }: ChannelNetwork, verdict: WealthVerdict): object =>
  verdict.feasible
    ? {
        feasible: true,
        channels: channels.map(({ id, members: of }, i) => ({
          id,
          liquidity_sat: Object.fromEntries(of.map((member, j) => [members[member]!, verdict.liquidity[i]![j]!])),
        })),
      }
    : verdict;

/** Answers whether the members can own this wealth. */
export const wealthDocument = (network: ChannelNetwork, wealth: Wealth): object => ({
  ...head('wealth'),
  ...verdictDocument(network, decideWealth(network, wealth)),
});

const payHead = ({ members }: ChannelNetwork, { payer, payee, amount }: PairPayment) => ({
  ...head('pay'),
  payer: members[payer]!,
  payee: members[payee]!,
  amount_sat: amount,
});

/**
 * Answers whether a payment can be made if the channels may be balanced in any way with this
 * wealth. The verdict is on the state `before` if nobody can own that, else on the state `after`.
 */
export function payDocument(network: ChannelNetwork, wealth: Wealth, payment: PairPayment): object {
  const before = decideWealth(network, wealth);
  const { payer, payee, amount } = payment;
  const verdict = before.feasible ? decideWealth(network, paid(wealth, payer, payee, amount)) : before;
  const state = before.feasible ? 'after' : 'before';
  return { ...payHead(network, payment), state, ...verdictDocument(network, verdict) };
}

/**
 * Answers whether a payment can be made with the present balances.
 * @throws Refusal `malformed-message` if a channel's balance is not stated
 */
export function liquidityDocument(network: ChannelNetwork, payment: PairPayment): object {
  const liquidity = network.channels.map(({ id, liquidity: held }) => {
    if (held) return held;
    throw new Refusal('malformed-message', `${id}: no liquidity_sat found, what each member holds expected`);
  });
  const certificate = new NetworkBalances(network, liquidity).cut(payment.payer, payment.payee);
  const most = certificate.outgoing_sat;
  const feasible = payment.amount <= most;
  return { ...payHead(network, payment), feasible, most_sat: most, ...(!feasible && { certificate }) };
}

/** Counts distributions, and payments that cannot be made. @throws Refusal `too-many-states` */
export function countDocument(network: ChannelNetwork, amounts: readonly number[], pair?: MemberPair): object {
  const states = feasibleStates(network);
  const all = Number(allDistributions(network.capacity, network.members.length));
  const largest = network.members.map((_, member) =>
    sum(network.channels.map(({ members, capacity }) => (members.includes(member) ? capacity : 0))),
  );
  return {
    ...head('count'),
    members: network.members.length,
    capacity_sat: network.capacity,
    feasible: states.feasible.size,
    distributions: all,
    feasible_percent: percent(states.feasible.size / all),
    largest_wealth_sat: Math.max(...largest),
    payments: amounts.map((amount) => {
      const { infeasible, payments, infeasibleFunded, paymentsFunded } = countPayments(states, amount, pair);
      return {
        amount_sat: amount,
        ...share(infeasible, payments),
        funded: share(infeasibleFunded, paymentsFunded),
      };
    }),
  };
}
const share = (infeasible: number, payments: number) => ({
  infeasible,
  payments,
  infeasible_percent: percent(payments === 0 ? 0 : infeasible / payments),
});

export interface SampleOptions {
  pairs: number;
  seed: string;
  draw: 'liquidity' | 'wealth';
  amounts: readonly number[];
  /** Adds the pairs to the document. */
  list: boolean;
}

/** Draws pairs, and counts who can pay. @throws Refusal `sample-too-rare`, `malformed-message` */
export function sampleDocument(network: ChannelNetwork, { pairs, seed, draw, amounts, list }: SampleOptions): object {
  const { samples, drawn } = drawSamples(network, pairs, new Draws('sample', seed), draw);
  const sorted = samples.map(({ most }) => most).sort((a, b) => a - b);
  const name = (member: number): NodeName => network.members[member]!;
  return {
    ...head('sample'),
    draw,
    seed,
    members: network.members.length,
    channels: network.channels.length,
    capacity_sat: network.capacity,
    pairs,
    ...(draw === 'wealth' && { distributions_drawn: drawn }),
    amounts: amounts.map((amount) => {
      const payable = samples.filter(({ most }) => most >= amount).length;
      const [low, high] = wilson(payable, pairs);
      return {
        amount_sat: amount,
        payable,
        payable_percent: percent(payable / pairs),
        interval_percent: [percent(Math.max(0, low)), percent(Math.min(1, high))],
      };
    }),
    sum_sat: sum(sorted),
    quantiles_sat: quantiles(sorted, [0.1, 0.25, 0.5, 0.75, 0.9]),
    ...(list && {
      samples: samples.map(({ payer, payee, most }) => ({ payer: name(payer), payee: name(payee), most_sat: most })),
    }),
  };
}

export interface Throughput {
  infeasible: number;
  payments: number;
  tps: number;
  batch: number;
  target?: number | undefined;
}

/**
 * Returns the payments a second of a network: batch · tps / ρ, with ρ the infeasible part. Each of
 * `tps` transactions repairs `batch` infeasible payments. With a target it adds the ρ that this
 * needs.
 */
export function throughputDocument({ infeasible, payments, tps, batch, target }: Throughput): object {
  const room = tps * batch;
  const [low, high] = wilson(infeasible, payments);
  const rate = (part: number): number | null => (part <= 0 ? null : Math.round(room / part));
  return {
    ...head('throughput'),
    tps,
    batch,
    infeasible,
    payments,
    infeasible_percent: percent(infeasible / payments, 4),
    payments_per_second: rate(infeasible / payments),
    interval: [rate(high), rate(low)],
    ...(target !== undefined && { target, needs_percent: percent(room / target, 4) }),
  };
}
