/**
 * Admission of a pledge to a campaign: signature, worth, coin on the chain, room in the
 * transaction. One rule for all who gather, with a home or without.
 *
 * A transaction has room for about 1,700 pledges. Beyond that the largest stay, so that dust keeps
 * nobody out. Not here: stored pledges (`records.ts`), which of them complete (`sums.ts`).
 */
import type { Network } from '../bitcoin/network.ts';
import { checkCoin, COIN_LIMITS } from '../bitcoin/coin-checks.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Facts } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkOpen, PLEDGER, type Campaign } from './campaign.ts';
import { PledgeHashes, type Pledge } from './pledge.ts';
import {
  bySize,
  checkWorth,
  CampaignGoal,
  inputWeight,
  largestFitting,
  pledgeWorth,
  NOTHING,
  plus,
  type PledgeSum,
  type RunningSum,
} from './sums.ts';

/** Facts of the chain about a pledge. */
export type PledgeFacts = Pick<Facts, 'tip' | 'coins'>;

/** Returns whether facts that no node tells may be missing: on regtest, or with --unchecked. */
export const mayTrust = (network: string, unchecked: boolean | undefined): boolean =>
  unchecked === true || network === 'regtest';

/** Campaign, with values computed once for all its pledges. */
export class Gate {
  readonly campaign: Campaign;
  readonly network: Network;
  readonly goal: CampaignGoal;
  readonly hashes: PledgeHashes;

  /** Prepares a campaign's checks. @throws Refusal as `campaignOutputs` */
  constructor(campaign: Campaign, network: Network) {
    this.campaign = campaign;
    this.network = network;
    this.goal = new CampaignGoal(campaign, network);
    this.hashes = new PledgeHashes(campaign, network);
  }

  /** Returns a pledge as sums see it. */
  offered<P extends Pledge>(pledge: P): PledgeSum & { pledge: P } {
    return { weight: inputWeight(pledge.script), netSat: pledgeWorth(pledge, this.campaign), pledge };
  }

  /** Checks value and signature. @throws Refusal `below-minimum`; as `PledgeHashes.check` */
  checkSigned(pledge: Pledge): void {
    checkWorth(pledge, this.campaign);
    this.hashes.check(pledge);
  }

  /**
   * Checks a pledge, except for room in the transaction.
   * @returns result of the coin check
   * @throws Refusal `expired`, `tip-required`, `funding-unchecked`; as `checkSigned` and `lackOf`
   */
  check(pledge: Pledge, { tip, coins }: PledgeFacts, unchecked: boolean): string {
    checkLastHeight(this.campaign, tip, unchecked);
    this.checkSigned(pledge);
    if (coins === 'not-checked' && !unchecked)
      throw new Refusal('funding-unchecked', `no node says that the coin ${outpointText(pledge)} is there`, {
        hint: 'give --chain URL; --unchecked counts what nobody has looked at',
      });
    const lack = lackOf(pledge, coins);
    if (lack) throw lack;
    return coins === 'not-checked' ? coins : 'confirmed';
  }
}

/** Checks a campaign's last height, if it has one. @throws Refusal `expired`, `tip-required` */
export function checkLastHeight(campaign: Campaign, tip: Facts['tip'], unchecked: boolean): void {
  checkOpen(campaign, tip);
  if (campaign.until !== null && tip === 'not-checked' && !unchecked)
    throw new Refusal('tip-required', `the campaign ends at height ${campaign.until}, and no height is known`, {
      hint: 'give --chain URL or --tip HEIGHT; --unchecked goes on without',
    });
}

/**
 * Returns the refusal of a pledge whose coin does not count; undefined if it does, or was not
 * looked up. Its codes: `inputs-spent`, `funding-unconfirmed`, `unsafe-funding`.
 */
export function lackOf(pledge: Spent, coins: Facts['coins'] = 'not-checked'): Refusal | undefined {
  const at = outpointText(pledge);
  if (coins !== 'not-checked' && (coins.get(at) ?? 'missing') === 'missing')
    return new Refusal('inputs-spent', `the pledged coin ${at} is not among the unspent ones`, { blame: PLEDGER });
  try {
    checkCoin(coins, pledge, { minConf: COIN_LIMITS.own.least, blame: PLEDGER });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/**
 * Returns the sum with a pledge; if not all fit, without the smallest ones, which it replaces.
 * @param seats reads the accepted pledges; called only if not all fit
 * @throws Refusal `too-many-pledges`
 */
export function withRoom<P extends Pledge>(
  { goal, campaign }: Gate,
  sum: RunningSum,
  one: PledgeSum,
  seats: () => readonly (PledgeSum & { pledge: P })[],
): { sum: RunningSum; left: readonly P[] } {
  let next = plus(sum, one);
  if (goal.fits(next)) return { sum: next, left: [] };
  const left: P[] = [];
  let lost = 0n;
  for (const small of [...largestFitting(goal, seats())].sort(bySize)) {
    lost += small.netSat;
    if (lost >= one.netSat) break;
    left.push(small.pledge);
    next = plus(next, small, -1);
    if (goal.fits(next)) return { sum: next, left };
  }
  throw new Refusal('too-many-pledges', `${sum.count} pledges are there for ${campaign.id}, none of them smaller`, {
    hint: 'spillway pledge complete --chain URL frees the seats of coins that are spent',
  });
}

/**
 * Returns whether pledges are the same bytes.
 * @throws Refusal `pledge-known` if only the coin is
 */
export function isSame(known: Pledge, offered: Pledge): boolean {
  if (known.signature === offered.signature && known.pubkey === offered.pubkey) return true;
  throw new Refusal('pledge-known', `another pledge of the coin ${outpointText(offered)} is there`, {
    blame: PLEDGER,
    hint: 'the one that came first counts',
  });
}

/** Returns the sums of a campaign as documents state them. */
export function standing({ goal, campaign }: Gate, sum: RunningSum) {
  const missing = goal.missing(sum);
  return {
    campaign: campaign.id,
    pledges: sum.count,
    have_sat: sum.netSat,
    of_sat: goal.target(sum.count),
    missing_sat: missing > 0n ? missing : 0n,
  };
}

/** Returns the reply to a pledge that counts. */
export const gathered = (gate: Gate, sum: RunningSum, pledge: Pledge) => ({
  step: 'gathered' as const,
  network: gate.network,
  ...standing(gate, sum),
  coin: outpointText(pledge),
  worth_sat: pledgeWorth(pledge, gate.campaign),
});

/** Pledges gathered in memory besides stored ones, at most as many as a transaction holds. */
export class Gathering {
  readonly gate: Gate;
  readonly #known = new Map<string, Pledge>();
  readonly #added = new Map<string, PledgeSum & { pledge: Pledge }>();
  /** Stored pledges; read only if not all fit. */
  before: readonly Pledge[] = [];
  sum: RunningSum;

  /** @param sum sum of the pledges stored elsewhere */
  constructor(gate: Gate, sum = NOTHING) {
    this.gate = gate;
    this.sum = sum;
  }

  get isReached(): boolean {
    return this.gate.goal.isReached(this.sum);
  }
  /** Returns the added pledges in the order in which they came. */
  get pledges(): readonly Pledge[] {
    return [...this.#added.values()].map(({ pledge }) => pledge);
  }
  /** Marks a stored pledge as known, without adding it to the sum. */
  note(pledge: Pledge): void {
    this.#known.set(outpointText(pledge), pledge);
  }

  /** Adds a checked pledge once. @throws Refusal `pledge-known`, `too-many-pledges` */
  add(pledge: Pledge): void {
    const { gate } = this;
    const at = outpointText(pledge);
    const known = this.#known.get(at) ?? this.#added.get(at)?.pledge;
    if (known && isSame(known, pledge)) return;
    const one = gate.offered(pledge);
    const seats = () => [...this.before.map((earlier) => gate.offered(earlier)), ...this.#added.values()];
    const { sum, left } = withRoom(gate, this.sum, one, seats);
    for (const small of left) this.#added.delete(outpointText(small));
    this.#added.set(at, one);
    this.sum = sum;
  }
}
