/** What can be paid, as documents: verdicts with certificates, counts, samples, throughput. Not here: the arithmetic. */
import type { NodeName } from '../gossip/graph.ts';
import { Draws } from '../protocol/draws.ts';
import { percent, quantiles } from '../protocol/quantiles.ts';
import { Refusal } from '../protocol/refusal.ts';
import { allDistributions, countPayments, feasibleStates } from './count.ts';
import { Balances } from './liquidity.ts';
import type { Network, Wealth } from './network.ts';
import { drawSamples, wilson } from './sample.ts';
import { decideWealth, paid, type Certificate, type Liquidity, type Verdict } from './wealth.ts';

const head = (question: string) => ({ type: 'feasibility', version: 1, question });

const byName = (network: Network, liquidity: Liquidity): object[] =>
  network.channels.map(({ id, members }, i) => ({
    id,
    liquidity_sat: Object.fromEntries(members.map((member, j) => [network.members[member]!, liquidity[i]![j]!])),
  }));

function certificateDocument({ members }: Network, certificate: Certificate): object {
  switch (certificate.reason) {
    case 'sum':
      return { reason: 'sum', wealth_sat: certificate.wealth, capacity_sat: certificate.capacity };
    case 'channel': {
      const { channel, least, capacity } = certificate;
      return { reason: 'channel', channel, reserved_sat: least, capacity_sat: capacity };
    }
    case 'reserve': {
      const { member, wealth, least } = certificate;
      return { reason: 'reserve', member: members[member]!, wealth_sat: wealth, reserved_sat: least };
    }
    case 'set': {
      const { set, wealth, inside } = certificate;
      return { reason: 'set', set: set.map((member) => members[member]!), wealth_sat: wealth, inside_sat: inside };
    }
  }
}

const verdictDocument = (network: Network, verdict: Verdict): object =>
  verdict.feasible
    ? { feasible: true, channels: byName(network, verdict.liquidity) }
    : { feasible: false, certificate: certificateDocument(network, verdict.certificate) };

/** Can the members own so much each? */
export const wealthDocument = (network: Network, wealth: Wealth): object => ({
  ...head('wealth'),
  ...verdictDocument(network, decideWealth(network, wealth)),
});

/** Can the payment be made, if the channels may be balanced in any way that gives this wealth? */
export function payDocument(network: Network, wealth: Wealth, payer: number, payee: number, amount: number): object {
  const before = decideWealth(network, wealth);
  const ends = { payer: network.members[payer]!, payee: network.members[payee]!, amount_sat: amount };
  if (!before.feasible) return { ...head('pay'), ...ends, before: verdictDocument(network, before) };
  return {
    ...head('pay'),
    ...ends,
    ...verdictDocument(network, decideWealth(network, paid(wealth, payer, payee, amount))),
  };
}

/**
 * Can the payment be made as the channels are balanced now? A no names the members on the payer's side of a smallest cut:
 * what they hold of channels that lead out of the set is less than the amount.
 * @throws Refusal `malformed-message` where a channel's balance is not stated
 */
export function liquidityDocument(network: Network, payer: number, payee: number, amount: number): object {
  const liquidity = network.channels.map(
    ({ id, liquidity: held }) => held ?? refuse(`${id}: no liquidity_sat found, what each member holds expected`),
  );
  const { most, before } = new Balances(network, liquidity).cut(payer, payee);
  const ends = { payer: network.members[payer]!, payee: network.members[payee]!, amount_sat: amount };
  const set = before.map((member) => network.members[member]!);
  return {
    ...head('pay'),
    ...ends,
    feasible: amount <= most,
    most_sat: most,
    ...(amount > most && { certificate: { reason: 'cut', set, outgoing_sat: most } }),
  };
}
const refuse = (text: string): never => {
  throw new Refusal('malformed-message', text);
};

/** Distributions counted out, and the payments of each amount that cannot be made. @throws Refusal `too-many-states` */
export function countDocument(network: Network, amounts: readonly number[], pair?: readonly [number, number]): object {
  const states = feasibleStates(network);
  const all = Number(allDistributions(network.capacity, network.members.length));
  const largest = network.members.map((_, member) =>
    network.channels.reduce((sum, { members, capacity }) => sum + (members.includes(member) ? capacity : 0), 0),
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
        infeasible,
        payments,
        infeasible_percent: percent(payments === 0 ? 0 : infeasible / payments),
        funded: {
          infeasible: infeasibleFunded,
          payments: paymentsFunded,
          infeasible_percent: percent(paymentsFunded === 0 ? 0 : infeasibleFunded / paymentsFunded),
        },
      };
    }),
  };
}

export interface SampleOptions {
  pairs: number;
  seed: string;
  draw: 'liquidity' | 'wealth';
  amounts: readonly number[];
  /** Also the pairs themselves. */
  list: boolean;
}

/** Drawn pairs, and how many of them can pay each amount. @throws Refusal `sample-too-rare`, `malformed-message` */
export function sampleDocument(network: Network, { pairs, seed, draw, amounts, list }: SampleOptions): object {
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
    sum_sat: sorted.reduce((sum, most) => sum + most, 0),
    quantiles_sat: quantiles(sorted, [0.1, 0.25, 0.5, 0.75, 0.9]),
    ...(list && {
      samples: samples.map(({ payer, payee, most }) => ({ payer: name(payer), payee: name(payee), most_sat: most })),
    }),
  };
}

/**
 * Payments a second that a network delivers where each infeasible one costs `batch` transactions' room on the chain, of
 * which there is `tps`: batch · tps / ρ. With a target also the ρ that it needs.
 */
export function throughputDocument(
  { infeasible, payments }: { infeasible: number; payments: number },
  { tps, batch, target }: { tps: number; batch: number; target?: number | undefined },
): object {
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
