/**
 * What a home has in its credit contracts, when it falls due, and how new contracts are spread so that no day has more
 * exits than the chain takes.
 *
 * A day is 144 blocks that begin at a multiple of 144; an exit belongs to the day of its deadline, not of its expiry.
 * All exits are TRUC: each takes one child, which cannot pay for a second exit. So a mass exit needs one coin for each
 * exit whose own output is too small to pay for itself. Not here: making the children (`bitcoin/package.ts`).
 */
import { childFee, childVsize } from '../bitcoin/package.ts';
import { dustLimit } from '../bitcoin/script.ts';
import type { Hex } from '../protocol/action.ts';
import { deadlineHeight } from './checks.ts';
import { isDead } from './exit.ts';
import { isFunded, issuedOf, type Credit, type PayeeCredit, type PayerCredit } from './records.ts';
import { hasLapsed, standingOf, type ExitFacts } from './standing.ts';
import { payoutScript, type Policy } from './terms.ts';
import { exitFee, settlementVsize } from './transactions.ts';

export const DAY = 144;
const dayOf = (height: number): number => Math.floor(height / DAY) * DAY;

export interface Day {
  /** Deadlines from here to 143 blocks later. */
  from_height: number;
  exits: number;
  paid_sat: bigint;
}
export interface Liquidity {
  type: 'liquidity';
  version: 1;
  network: string;
  tip: number | null;
  /** Contracts over which this home is paid and whose coin is not known to be spent. */
  contracts: number;
  /** What they lock, and what of it was paid to this home: its exits bring that. */
  locked_sat: bigint;
  holds_sat: bigint;
  /** What of it exits would bring that a node takes now: the coin is there. */
  settle_now_sat: bigint;
  /** What was paid over contracts whose coin is spent: not finally yet or not known by what, paid out for good, and lost. */
  pending_sat: bigint;
  settled_sat: bigint;
  lost_sat: bigint;
  /** Ecash over all contracts: issued or reported, and paid for but not yet issued. */
  issued_sat: bigint;
  unissued_sat: bigint;
  /** As payer: signed away, owed beyond that (reverse contracts), and what comes back at expiry. */
  signed_sat: bigint;
  owed_sat: bigint;
  left_sat: bigint;
  days: Day[];
}

const total = <C>(all: readonly C[], of: (c: C) => bigint): bigint => all.reduce((sum, c) => sum + of(c), 0n);

/** Is anything of it still to be settled, as far as record and chain say? */
function isLive(c: PayeeCredit | PayerCredit, facts: ExitFacts): boolean {
  if (hasLapsed(c, facts)) return false;
  const { is } = standingOf(c, facts);
  return is === 'live' || (is === 'absent' && !isDead(c, facts));
}

/** The contracts over which the home is paid and that have something to exit with. */
export const exitable = (records: readonly Credit[], facts: ExitFacts): PayeeCredit[] =>
  records
    .filter(isFunded)
    .filter((c): c is PayeeCredit => c.role === 'payee')
    .filter((c) => c.paidSat > 0n && isLive(c, facts));

export function liquidity(network: string, records: readonly Credit[], facts: ExitFacts): Liquidity {
  const funded = records.filter(isFunded);
  const payee = funded.filter((c): c is PayeeCredit => c.role === 'payee');
  const payer = funded.filter((c): c is PayerCredit => c.role === 'payer' && isLive(c, facts));
  const live = payee.filter((c) => isLive(c, facts));
  const there = live.filter((c) => standingOf(c, facts).is !== 'absent');
  const withEcash = payee.filter((c) => c.terms.ecash !== 'none');
  return {
    type: 'liquidity',
    version: 1,
    network,
    tip: facts.tip === 'not-checked' ? null : facts.tip,
    contracts: live.length,
    locked_sat: total(live, (c) => c.terms.capacity_sat),
    holds_sat: total(live, (c) => c.paidSat),
    settle_now_sat: total(there, (c) => c.paidSat),
    pending_sat: total(payee, (c) => (standingOf(c, facts).is === 'pending' ? c.paidSat : 0n)),
    settled_sat: total(payee, (c) => standingOf(c, facts).settledSat),
    lost_sat: total(payee, (c) => standingOf(c, facts).lostSat),
    issued_sat: total(withEcash, issuedOf),
    unissued_sat: total(withEcash, (c) => c.paidSat - issuedOf(c)),
    signed_sat: total(payer, (c) => c.signedMaxSat),
    owed_sat: total(payer, (c) => (c.owedSat === null ? 0n : c.owedSat - c.signedMaxSat)),
    left_sat: total(payer, (c) => c.terms.capacity_sat - c.signedMaxSat),
    days: daysOf(exitable(records, facts)),
  };
}

function daysOf(live: readonly PayeeCredit[]): Day[] {
  const days = Map.groupBy(live, (c) => dayOf(deadlineHeight(c.terms)));
  return [...days]
    .map(([from_height, of]) => ({ from_height, exits: of.length, paid_sat: total(of, (c) => c.paidSat) }))
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
 * Expiries for `count` new contracts within the policy, so that no day has more than `most` exits: the emptiest days first,
 * the nearer of two alike. Fewer come back where all days of the policy are full.
 * @param deadlines of the contracts that are there; one of which nothing was paid yet may still be paid over
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

export const crowded = (days: readonly Day[], most: number): Crowded[] =>
  days
    .filter(({ exits }) => exits > most)
    .map(({ from_height, exits }) => ({ from_height, exits, over: exits - most }));

export interface MassExit {
  /** sat/vB that each exit reaches with its child. */
  feerate: string;
  exits: number;
  /** Exits that need no child at that feerate. */
  alone: number;
  children: number;
  child_fees_sat: bigint;
  /** Children that need a coin beside the exit's own output, and the least that it must hold: never one coin for two. */
  coins: { contract: Hex; at_least_sat: bigint }[];
}

/** What all exits at once take at a feerate (satoshis for 1000 vB); `text`: the same for people. */
export function massExit(live: readonly PayeeCredit[], feerate: number, text: string): MassExit {
  const coins: MassExit['coins'] = [];
  let [alone, fees] = [0, 0n];
  for (const c of live) {
    const script = payoutScript(c.terms, 'payee');
    const parent = { vsize: settlementVsize(c.terms), fee: exitFee(c.terms) };
    if (parent.fee * 1000n >= BigInt(feerate) * BigInt(parent.vsize)) {
      alone += 1;
      continue;
    }
    const single = childFee(parent, childVsize([script], script), feerate);
    const enough = c.paidSat - single >= dustLimit(script);
    const fee = enough ? single : childFee(parent, childVsize([script, TAPROOT], script), feerate);
    if (!enough) coins.push({ contract: c.id, at_least_sat: fee + dustLimit(script) - c.paidSat });
    fees += fee;
  }
  return { feerate: text, exits: live.length, alone, children: live.length - alone, child_fees_sat: fees, coins };
}
/** The script of a coin of the home's own wallet, as sizes need it. */
const TAPROOT = '5120' + '00'.repeat(32);
