/**
 * Sums of a campaign: the worth of each pledge, whether the goal is reached, which pledges to take.
 *
 * The outputs are fixed, so there is no change: an excess becomes fee. A pledge is worth its coin
 * less the fee of its input at the campaign's feerate. Not here: the transaction (`complete.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import { outputSize, scriptType } from '../bitcoin/script.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { CAMPAIGN_LIMITS, goalOf, campaignOutputs, PLEDGER, type Campaign } from './campaign.ts';

export const SUM_LIMITS = {
  /** Largest relayed transaction. Source: Bitcoin Core, policy.h, MAX_STANDARD_TX_WEIGHT. */
  weight: { unit: 'WU', most: 400_000 },
  /** Fee above the campaign's own, unless more is allowed. */
  excess: { unit: 'sat', most: (goal: bigint) => maxSat(330n, goal / 100n) },
  /** Steps of the search for the least excess. */
  tries: { unit: 'items', most: 100_000 },
} satisfies Limits;

/** Returns the weight of a pledge's input: 41 bytes, and a witness of 65, or at most 72 and 33. */
export const inputWeight = (script: string): number => (scriptType(script) === 'p2tr' ? TAPROOT_WEIGHT : 272);
const TAPROOT_WEIGHT = 231;

/** Returns the fee of a weight, rounded up. @param feerate satoshis per 1,000 vbytes */
const feeOfWeight = (weight: number, feerate: number): bigint => (BigInt(weight) * BigInt(feerate) + 3_999n) / 4_000n;

/** Returns what a coin is worth to a campaign, in satoshis. */
export const pledgeWorth = (
  { sat, script }: Pick<Spent, 'sat' | 'script'>,
  { feerate }: Pick<Campaign, 'feerate'>,
): bigint => sat - feeOfWeight(inputWeight(script), feerate);

/** Checks that a coin is worth taking. @throws Refusal `below-minimum` */
export function checkWorth(coin: Pick<Spent, 'sat' | 'script'>, campaign: Campaign): bigint {
  const net = pledgeWorth(coin, campaign);
  const refuse = (words: string): never => {
    throw new Refusal('below-minimum', words, { blame: PLEDGER });
  };
  if (coin.sat < campaign.min_sat) refuse(`a coin of ${coin.sat} sat found, at least ${campaign.min_sat} sat expected`);
  if (!allows(CAMPAIGN_LIMITS.net, net))
    refuse(`${net} sat after the fee of the input found, at least ${CAMPAIGN_LIMITS.net.least} expected`);
  return net;
}

/** Returns the taproot coin that is worth `netSat`, and worth taking, in satoshis. */
export const taprootCoin = (netSat: bigint, { feerate }: Pick<Campaign, 'feerate'>): bigint =>
  maxSat(netSat, CAMPAIGN_LIMITS.net.least) + feeOfWeight(TAPROOT_WEIGHT, feerate);

/** Running sum of pledges. */
export interface RunningSum {
  count: number;
  /** Weight of the inputs. */
  weight: number;
  netSat: bigint;
}
export const NOTHING: RunningSum = { count: 0, weight: 0, netSat: 0n };
/** Pledge as sums see it. */
export interface PledgeSum {
  weight: number;
  netSat: bigint;
}
export const plus = (sum: RunningSum, { weight, netSat }: PledgeSum, by: 1 | -1 = 1): RunningSum => ({
  count: sum.count + by,
  weight: sum.weight + by * weight,
  netSat: sum.netSat + BigInt(by) * netSat,
});
export const sumOfPledges = (all: readonly PledgeSum[]): RunningSum =>
  all.reduce<RunningSum>((sum, one) => plus(sum, one), NOTHING);
export const bySize = (a: PledgeSum, b: PledgeSum): number => (a.netSat > b.netSat ? 1 : a.netSat < b.netSat ? -1 : 0);

/** Goal of a campaign: sums that reach it, and that fit into one transaction. */
export class CampaignGoal {
  readonly sat: bigint;
  readonly #campaign: Campaign;
  readonly #outputWeight: number;

  constructor(campaign: Campaign, network: Network) {
    this.#campaign = campaign;
    this.sat = goalOf(campaign);
    this.#outputWeight = campaignOutputs(campaign, network).reduce(
      (sum, { script }) => sum + 4 * outputSize(script),
      0,
    );
  }

  /** Weight without inputs: version, locktime, marker, flag, counts and outputs. */
  bareWeight(count: number): number {
    return (count > 252 ? 50 : 42) + this.#outputWeight;
  }

  /** Returns the sum that `count` pledges must reach, in satoshis. */
  target(count: number): bigint {
    return this.sat + feeOfWeight(this.bareWeight(count), this.#campaign.feerate);
  }

  /** Returns the missing satoshis; negative for an excess. */
  missing({ count, netSat }: RunningSum): bigint {
    return this.target(count) - netSat;
  }

  /** Fee that may be paid above the campaign's own, unless more is allowed. */
  get mostExcess(): bigint {
    return SUM_LIMITS.excess.most(this.sat);
  }

  isReached(sum: RunningSum): boolean {
    return this.missing(sum) <= 0n;
  }

  fits({ count, weight }: RunningSum): boolean {
    return allows(SUM_LIMITS.weight, this.bareWeight(count) + weight);
  }
}

export type Choice<T> = { chosen: readonly T[]; excess: bigint } | { missing: bigint };

/** Returns the largest pledges that one transaction holds, in the given order. */
export function largestFitting<T extends PledgeSum>(goal: CampaignGoal, all: readonly T[]): readonly T[] {
  if (goal.fits(sumOfPledges(all))) return all;
  const kept = new Set<T>();
  let sum = NOTHING;
  for (const one of [...all].sort((a, b) => bySize(b, a))) {
    const next = plus(sum, one);
    if (!goal.fits(next)) break;
    sum = next;
    kept.add(one);
  }
  return all.filter((one) => kept.has(one));
}

/**
 * Chooses pledges in the order in which they came: all if the excess may become fee. Otherwise the
 * earliest, and in place of the last of them those that leave the least excess.
 */
export function choosePledges<T extends PledgeSum>(goal: CampaignGoal, offered: readonly T[]): Choice<T> {
  const all = largestFitting(goal, offered);
  const excess = -goal.missing(sumOfPledges(all));
  if (excess < 0n) return { missing: -excess };
  const allowed = goal.mostExcess;
  if (excess <= allowed) return { chosen: all, excess };
  const best = leastExcess(goal.target(all.length), all, allowed);
  return { chosen: best, excess: -goal.missing(sumOfPledges(best)) };
}

/** Searches ever more of the earlier pledges until the excess is small or no try is left. */
function leastExcess<T extends PledgeSum>(target: bigint, all: readonly T[], allowed: bigint): readonly T[] {
  let before = 0n;
  const crossing = all.findIndex(({ netSat }) => (before += netSat) >= target);
  let best: { chosen: readonly T[]; excess: bigint } = { chosen: all.slice(0, crossing + 1), excess: before - target };
  let tries = SUM_LIMITS.tries.most;
  for (let back = 0; best.excess > allowed && tries > 0; back = back === 0 ? 1 : 2 * back) {
    const from = Math.max(crossing - back, 0);
    const early = all.slice(0, from);
    const rest = target - sumOfPledges(early).netSat;
    // Grants half of the remaining tries, so that a fruitless search leaves some for wider ones.
    const granted = from === 0 ? tries : Math.ceil(tries / 2);
    const found = search(rest, all.slice(from), best.excess, granted);
    tries -= found.tries;
    if (found.chosen) best = { chosen: [...early, ...found.chosen], excess: found.excess };
    if (from === 0) break;
  }
  return best.chosen;
}

/** Finds, by branch and bound, a small subset worth `rest` with an excess below `bound`. */
function search<T extends PledgeSum>(
  rest: bigint,
  late: readonly T[],
  bound: bigint,
  granted: number,
): { chosen?: readonly T[]; excess: bigint; tries: number } {
  const order = late.map((one, i) => ({ one, i })).sort((a, b) => bySize(b.one, a.one));
  const after: bigint[] = [...order.map(() => 0n), 0n];
  for (let i = order.length - 1; i >= 0; i--) after[i] = after[i + 1]! + order[i]!.one.netSat;
  const taken: number[] = [];
  let best: readonly number[] | undefined;
  let excess = bound;
  let tries = 0;
  let sum = 0n;
  for (let i = 0; tries < granted && excess > 0n;) {
    tries += 1;
    const over = sum - rest;
    if (over >= 0n && over < excess) {
      best = [...taken];
      excess = over;
    }
    if (over < 0n && i < order.length && sum + after[i]! >= rest) {
      taken.push(i);
      sum += order[i]!.one.netSat;
      i += 1;
      continue;
    }
    // Backtracks: drops the last chosen pledge and skips those of its size.
    const last = taken.pop();
    if (last === undefined) break;
    const { netSat } = order[last]!.one;
    sum -= netSat;
    i = last + 1;
    while (i < order.length && order[i]!.one.netSat === netSat) i += 1;
  }
  const chosen = best
    ?.map((at) => order[at]!)
    .sort((a, b) => a.i - b.i)
    .map(({ one }) => one);
  return { ...(chosen && { chosen }), excess, tries };
}
