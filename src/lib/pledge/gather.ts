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
import { checkWorth, Goal, inputWeight, largest, netOf, NOTHING, plus, type Offered, type Sum } from './sums.ts';

/** Facts of the chain about a pledge. */
export type Looked = Pick<Facts, 'tip' | 'coins'>;

/** Permission to go on without facts that no node tells. */
export interface Trust {
  /** A test chain, or a person who says so. */
  unchecked: boolean;
}

/** Returns what a chain of one's own, or a person, takes without a look. */
export const trustIn = (network: string, unchecked: boolean | undefined): Trust => ({
  unchecked: unchecked === true || network === 'regtest',
});

/** A campaign with what is worked out of it once. */
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

  /** Returns pledges as sums see them. */
  offered<P extends Pledge>(pledges: readonly P[]): (Offered & { pledge: P })[] {
    return pledges.map((pledge) => ({
      weight: inputWeight(pledge.script),
      netSat: netOf(pledge, this.campaign),
      pledge,
    }));
  }

  /** Checks what a pledge is worth, and its signature. @throws Refusal `below-minimum`, as `PledgeHashes.check` */
  worth(pledge: Pledge): bigint {
    const netSat = checkWorth(pledge, this.campaign);
    this.hashes.check(pledge);
    return netSat;
  }

  /**
   * Checks everything of a pledge but its room.
   * @returns what it is worth, and how its coin was judged
   * @throws Refusal `expired`, `tip-required`, `funding-unchecked`, as `worth`, and what `lackOf` returns
   */
  check(pledge: Pledge, { tip, coins }: Looked, trust: Trust): { netSat: bigint; coin: string } {
    checkTime(this.campaign, tip, trust);
    const netSat = this.worth(pledge);
    if (coins === 'not-checked' && !trust.unchecked)
      throw new Refusal('funding-unchecked', `no node says that the coin ${outpointText(pledge)} is there`, {
        hint: 'give --chain URL; --unchecked counts what nobody has looked at',
      });
    const lack = lackOf(pledge, coins);
    if (lack) throw lack;
    return { netSat, coin: coins === 'not-checked' ? coins : 'confirmed' };
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

const offeredBy = (pledge: Pledge, netSat: bigint): Offered => ({ weight: inputWeight(pledge.script), netSat });

const bySize = (a: Offered, b: Offered): number => (a.netSat < b.netSat ? -1 : a.netSat > b.netSat ? 1 : 0);

/**
 * Returns the sum with a pledge; where they do not all fit, without the smallest ones whose place it
 * takes.
 * @param kept those of the sum; asked for only where they do not all fit
 * @throws Refusal `too-many-pledges`
 */
export function withRoom(
  { goal, campaign }: Gate,
  sum: Sum,
  pledge: Pledge,
  netSat: bigint,
  kept: () => readonly Offered[],
): { sum: Sum; left: readonly Offered[] } {
  let next = plus(sum, pledge, netSat);
  if (goal.fits(next)) return { sum: next, left: [] };
  const left: Offered[] = [];
  let lost = 0n;
  for (const small of [...kept()].sort(bySize)) {
    lost += small.netSat;
    if (lost >= netSat) break;
    left.push(small);
    next = { count: next.count - 1, weight: next.weight - small.weight, netSat: next.netSat - small.netSat };
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
export const gathered = (gate: Gate, sum: Sum, pledge: Pledge, netSat: bigint) => ({
  step: 'gathered' as const,
  network: gate.network,
  ...standing(gate, sum),
  coin: outpointText(pledge),
  worth_sat: netSat,
});

/** Returns the largest pledges that one transaction holds, as sums see them. */
export const keptOf = (gate: Gate, seats: readonly { pledge: Pledge; netSat: bigint }[]): readonly Offered[] =>
  largest(
    gate.goal,
    seats.map(({ pledge, netSat }) => offeredBy(pledge, netSat)),
  );

/** Pledges that are gathered in memory: no more of them than one transaction holds. */
export class Gathering {
  readonly gate: Gate;
  readonly #kept = new Map<string, Offered & { pledge: Pledge }>();
  #sum: Sum = NOTHING;

  constructor(gate: Gate) {
    this.gate = gate;
  }

  get sum(): Sum {
    return this.#sum;
  }
  get isReached(): boolean {
    return this.gate.goal.isReached(this.#sum);
  }
  /** Pledges in the order in which they came. */
  get pledges(): readonly Pledge[] {
    return [...this.#kept.values()].map(({ pledge }) => pledge);
  }
  /** Returns the pledge of a coin, where it is kept. */
  knows(pledge: Pledge): Pledge | undefined {
    return this.#kept.get(outpointText(pledge))?.pledge;
  }

  /** Adds a pledge that was checked and is not there. @throws Refusal `too-many-pledges` */
  add(pledge: Pledge, netSat: bigint): Sum {
    const { sum, left } = withRoom(this.gate, this.#sum, pledge, netSat, () => [...this.#kept.values()]);
    const gone = new Set(left);
    if (gone.size > 0) for (const [at, one] of this.#kept) if (gone.has(one)) this.#kept.delete(at);
    this.#kept.set(outpointText(pledge), { ...offeredBy(pledge, netSat), pledge });
    this.#sum = sum;
    return sum;
  }
}
