/**
 * Liquidity: what a home has in its credit contracts and when it falls due. New contracts are
 * spread so that no day has more exits than the chain takes.
 *
 * A day is 144 blocks that begin at a multiple of 144; an exit belongs to the day of its deadline,
 * not of its expiry. All exits are TRUC: each takes one child, which cannot pay for a second exit.
 * So a mass exit needs one coin for each exit whose own output is too small to pay for itself. Not
 * here: making the children (`bitcoin/package.ts`).
 */
import { childFee } from '../bitcoin/package.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { ANY_SCRIPT, childOfSize } from '../contract/quote.ts';
import type { Hex } from '../protocol/action.ts';
import { Tally, totalOf, type Figures, type Totals } from '../protocol/figures.ts';
import { DAY, dayOf, figuresOf, isLive } from './figures.ts';
import { isFunded, type Credit, type PayeeCredit } from './records.ts';
import type { ExitFacts } from './standing.ts';
import { payoutScript, type Policy } from './terms.ts';
import { exitFee, settlementVsize } from './transactions.ts';

export interface Day {
  /** Deadlines from here to 143 blocks later. */
  from_height: number;
  exits: number;
  paid_sat: bigint;
}
/** Report of `liquidity`; sums in satoshis. */
export interface Liquidity {
  type: 'liquidity';
  version: 1;
  network: string;
  tip: number | null;
  /** Contracts that pay this home and whose coin is not known to be spent. */
  contracts: number;
  /** Sums that these contracts lock, and that were paid to this home in them. */
  locked_sat: bigint;
  holds_sat: bigint;
  /** Sum that exits would pay now, of contracts whose coin the node shows. */
  settle_now_sat: bigint;
  /** Sums paid over spent coins: not finally or by unknowns, paid out for good, and lost. */
  pending_sat: bigint;
  settled_sat: bigint;
  lost_sat: bigint;
  /** Ecash over all contracts: issued or reported, and paid for but not yet issued. */
  issued_sat: bigint;
  unissued_sat: bigint;
  /** Sums of a payer: signed away, owed beyond that, and coming back at expiry. */
  signed_sat: bigint;
  owed_sat: bigint;
  left_sat: bigint;
  days: Day[];
}

/** Returns whether a contract pays this home and has a finished exit. */
export const isExitable = (c: Credit, facts: ExitFacts): c is PayeeCredit =>
  isFunded(c) && c.role === 'payee' && c.paidSat > 0n && isLive(c, facts);

/** Returns the live contracts of a payee that have a finished exit. */
export const exitable = (records: readonly Credit[], facts: ExitFacts): PayeeCredit[] =>
  records.filter((c) => isExitable(c, facts));

/** @param more figures of the records beside these, by which ecash is counted */
export const liquidity = (
  network: string,
  records: readonly Credit[],
  facts: ExitFacts,
  more: readonly Figures[] = [],
): Liquidity => {
  const tally = new Tally();
  for (const figures of more) tally.add(figures);
  for (const c of records) tally.add(figuresOf(c, facts));
  return liquidityOf(network, facts.tip, tally.totals());
};

/** Returns the liquidity that the figures of its contracts come to (`figures.ts`). */
export function liquidityOf(network: string, tip: ExitFacts['tip'], totals: Totals): Liquidity {
  const sum = (name: string): bigint => totalOf(totals, name).sum;
  const days = daysOf(totals);
  const holdsSat = days.reduce((all, { paid_sat: sat }) => all + sat, 0n);
  const { records: contracts, sum: lockedSat } = totalOf(totals, 'locked_sat');
  return {
    type: 'liquidity',
    version: 1,
    network,
    tip: tip === 'not-checked' ? null : tip,
    contracts,
    locked_sat: lockedSat,
    holds_sat: holdsSat,
    settle_now_sat: holdsSat - sum('absent_sat'),
    pending_sat: sum('pending_sat'),
    settled_sat: sum('settled_sat'),
    lost_sat: sum('lost_sat'),
    issued_sat: sum('issued_sat'),
    unissued_sat: sum('unissued_sat'),
    signed_sat: sum('signed_sat'),
    owed_sat: sum('owed_sat'),
    left_sat: sum('left_sat'),
    days,
  };
}

function daysOf(totals: Totals): Day[] {
  const exits = [...totals].filter(([name]) => name.startsWith('exits '));
  return exits
    .map(([name, { records, sum }]) => ({ from_height: Number(name.slice(6)), exits: records, paid_sat: sum }))
    .sort((a, b) => a.from_height - b.from_height);
}

export interface NewContract {
  expiry: number;
  deadline_height: number;
}
/** Days that have more exits than wanted already: roll over or close that many earlier. */
export interface Crowded {
  from_height: number;
  exits: number;
  over: number;
}

/**
 * Expiries for `count` new contracts within the policy, so that no day has more than `most` exits:
 * the emptiest days first, the nearer of two alike. Fewer come back where all days of the policy
 * are full.
 * @param deadlines of the contracts that are there; one of which nothing was paid yet may still be
 * paid over
 */
export function spread(
  deadlines: readonly number[],
  tip: number,
  policy: Policy,
  most: number,
  count: number,
): NewContract[] {
  const [first, last] = [
    tip + policy.min_blocks - policy.margin_blocks,
    tip + policy.max_blocks - policy.margin_blocks,
  ];
  const exits = new Map<number, number>();
  for (let day = dayOf(first); day <= last; day += DAY) exits.set(day, 0);
  for (const height of deadlines) {
    const day = dayOf(height);
    if (exits.has(day)) exits.set(day, exits.get(day)! + 1);
  }
  const made: NewContract[] = [];
  while (made.length < count) {
    const free = [...exits].filter(([, n]) => n < most);
    if (free.length === 0) break;
    const [day, n] = free.reduce((best, next) => (next[1] < best[1] ? next : best));
    exits.set(day, n + 1);
    // Within a day they stand apart too.
    const height = Math.min(last, Math.max(first, day + Math.floor((n * DAY) / most)));
    made.push({ expiry: height + policy.margin_blocks, deadline_height: height });
  }
  return made.sort((a, b) => a.expiry - b.expiry);
}

/** Returns the days with more than `most` exits. */
export const crowded = (days: readonly Day[], most: number): Crowded[] =>
  days
    .filter(({ exits }) => exits > most)
    .map(({ from_height, exits }) => ({ from_height, exits, over: exits - most }));

/** Cost of leaving all contracts at once. */
export interface MassExit {
  /** sat/vB that each exit reaches with its child. */
  feerate: string;
  exits: number;
  /** Exits that need no child at that feerate. */
  alone: number;
  children: number;
  child_fees_sat: bigint;
  /** Children that need one more coin each, and the least that it must hold. */
  coins: { contract: Hex; at_least_sat: bigint }[];
}

/** Cost of all exits at a feerate (satoshis for 1000 vB); `text`: the feerate in words. */
export class MassExits {
  readonly #feerate: number;
  readonly #text: string;
  readonly #coins: MassExit['coins'] = [];
  #exits = 0;
  #alone = 0;
  #fees = 0n;

  constructor(feerate: number, text: string) {
    this.#feerate = feerate;
    this.#text = text;
  }

  add(c: PayeeCredit): void {
    const script = payoutScript(c.terms, 'payee');
    const parent = { vsize: settlementVsize(c.terms), fee: exitFee(c.terms) };
    this.#exits += 1;
    if (parent.fee * 1000n >= BigInt(this.#feerate) * BigInt(parent.vsize)) {
      this.#alone += 1;
      return;
    }
    const single = childFee(parent, childOfSize(script), this.#feerate);
    const enough = c.paidSat - single >= dustLimit(script);
    const fee = enough ? single : childFee(parent, childOfSize(script, [ANY_SCRIPT]), this.#feerate);
    if (!enough) this.#coins.push({ contract: c.id, at_least_sat: fee + dustLimit(script) - c.paidSat });
    this.#fees += fee;
  }

  result(): MassExit {
    return {
      feerate: this.#text,
      exits: this.#exits,
      alone: this.#alone,
      children: this.#exits - this.#alone,
      child_fees_sat: this.#fees,
      coins: this.#coins,
    };
  }
}

/** Returns the cost of the exits of all these contracts at once. */
export function massExit(live: readonly PayeeCredit[], feerate: number, text: string): MassExit {
  const exits = new MassExits(feerate, text);
  for (const c of live) exits.add(c);
  return exits.result();
}
