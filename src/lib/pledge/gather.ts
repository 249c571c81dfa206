/**
 * Admission of a pledge to a campaign: its signature, its worth, its coin on the chain, and its room
 * in the transaction. One rule for whoever gathers, with a home or without.
 *
 * A transaction holds about 1,700 pledges. Beyond that the largest are kept, so that no dust keeps
 * others out.
 * Not here: where pledges are kept (`records.ts`), which of them complete (`sums.ts`).
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
  Goal,
  inputWeight,
  largest,
  netOf,
  NOTHING,
  plus,
  type PledgeSum,
  type Sum,
} from './sums.ts';

/** Facts of the chain about a pledge. */
export type PledgeFacts = Pick<Facts, 'tip' | 'coins'>;

/** Permission to go on without facts that no node tells. */
export interface Trust {
  /** A test chain, or a person who says so. */
  unchecked: boolean;
}

/** Returns which unchecked facts are accepted: on regtest, or by --unchecked. */
export const trustIn = (network: string, unchecked: boolean | undefined): Trust => ({
  unchecked: unchecked === true || network === 'regtest',
});

/** Campaign with values computed once for all its pledges. */
export class Gate {
  readonly campaign: Campaign;
  readonly network: Network;
  readonly goal: Goal;
  readonly hashes: PledgeHashes;

  /** @throws Refusal as `outputsOf` */
  constructor(campaign: Campaign, network: Network) {
    this.campaign = campaign;
    this.network = network;
    this.goal = new Goal(campaign, network);
    this.hashes = new PledgeHashes(campaign, network);
  }

  /** Returns a pledge as sums see it. */
  offered<P extends Pledge>(pledge: P): PledgeSum & { pledge: P } {
    return { weight: inputWeight(pledge.script), netSat: netOf(pledge, this.campaign), pledge };
  }

  /** Checks a pledge's value and signature. @throws Refusal `below-minimum`, as `PledgeHashes.check` */
  checkSigned(pledge: Pledge): void {
    checkWorth(pledge, this.campaign);
    this.hashes.check(pledge);
  }

  /**
   * Checks a pledge, except for its room in the transaction. @returns result of the coin check
   * @throws Refusal `expired`, `tip-required`, `funding-unchecked`, as `checkSigned`, and what `lackOf` returns
   */
  check(pledge: Pledge, { tip, coins }: PledgeFacts, trust: Trust): string {
    checkTime(this.campaign, tip, trust);
    this.checkSigned(pledge);
    if (coins === 'not-checked' && !trust.unchecked)
      throw new Refusal('funding-unchecked', `no node says that the coin ${outpointText(pledge)} is there`, {
        hint: 'give --chain URL; --unchecked counts what nobody has looked at',
      });
    const lack = lackOf(pledge, coins);
    if (lack) throw lack;
    return coins === 'not-checked' ? coins : 'confirmed';
  }
}

/** Checks the height where a campaign has one. @throws Refusal `expired`, `tip-required` */
export function checkTime(campaign: Campaign, tip: Facts['tip'], { unchecked }: Trust): void {
  checkOpen(campaign, tip);
  if (campaign.until !== null && tip === 'not-checked' && !unchecked)
    throw new Refusal('tip-required', `the campaign ends at height ${campaign.until}, and no height is known`, {
      hint: 'give --chain URL or --tip HEIGHT; --unchecked goes on without',
    });
}

/** Returns why the coin of a pledge does not count: `inputs-spent`, `funding-unconfirmed`, `unsafe-funding`; undefined where nobody looked. */
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
 * Returns the sum with a pledge; where they do not all fit, without the smallest ones whose place it
 * takes.
 * @param seats those that are there; asked for only where they do not all fit
 * @throws Refusal `too-many-pledges`
 */
export function withRoom<P extends Pledge>(
  { goal, campaign }: Gate,
  sum: Sum,
  one: PledgeSum,
  seats: () => readonly (PledgeSum & { pledge: P })[],
): { sum: Sum; left: readonly P[] } {
  let next = plus(sum, one);
  if (goal.fits(next)) return { sum: next, left: [] };
  const left: P[] = [];
  let lost = 0n;
  for (const small of [...largest(goal, seats())].sort(bySize)) {
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

/** Returns whether two pledges are the same bytes. @throws Refusal `pledge-known` for another one of the same coin */
export function isSame(known: Pledge, offered: Pledge): boolean {
  if (known.signature === offered.signature && known.pubkey === offered.pubkey) return true;
  throw new Refusal('pledge-known', `another pledge of the coin ${outpointText(offered)} is there`, {
    blame: PLEDGER,
    hint: 'the one that came first counts',
  });
}

/** Sums of a campaign, as documents say them. */
export function standing({ goal, campaign }: Gate, sum: Sum) {
  const missing = goal.missing(sum);
  return {
    campaign: campaign.id,
    pledges: sum.count,
    have_sat: sum.netSat,
    of_sat: goal.target(sum.count),
    missing_sat: missing > 0n ? missing : 0n,
  };
}

/** Reply to a pledge that counts. */
export const gathered = (gate: Gate, sum: Sum, pledge: Pledge) => ({
  step: 'gathered' as const,
  network: gate.network,
  ...standing(gate, sum),
  coin: outpointText(pledge),
  worth_sat: netOf(pledge, gate.campaign),
});

/** Pledges gathered in memory beside the stored ones, at most as many as one transaction holds. */
export class Gathering {
  readonly gate: Gate;
  readonly #known = new Map<string, Pledge>();
  readonly #added = new Map<string, PledgeSum & { pledge: Pledge }>();
  /** Stored pledges, read only if not all fit. */
  before: readonly Pledge[] = [];
  sum: Sum;

  /** @param sum of the pledges kept elsewhere */
  constructor(gate: Gate, sum = NOTHING) {
    this.gate = gate;
    this.sum = sum;
  }

  get isReached(): boolean {
    return this.gate.goal.isReached(this.sum);
  }
  /** Pledges that were added, in the order in which they came. */
  get pledges(): readonly Pledge[] {
    return [...this.#added.values()].map(({ pledge }) => pledge);
  }
  /** Notes a stored pledge as known, without adding it to the sum. */
  note(pledge: Pledge): void {
    this.#known.set(outpointText(pledge), pledge);
  }

  /** Adds a pledge that was checked, once. @throws Refusal `pledge-known`, `too-many-pledges` */
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
