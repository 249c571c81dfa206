/**
 * Figures of a credit contract: what of it counts in the sums of `liquidity`, of the metrics and of
 * `status`.
 *
 * The store adds up what follows from the records alone. A node knows more of some: a coin that is
 * spent, and not finally yet. The same function says what such a contract counts then, and a report
 * puts the one in place of the other.
 *
 *   ROLE STATE      1: how many contracts there are
 *   locked_sat      capacity of contracts that pay this home, of coins not known to be spent
 *   exits DAY       sum paid over these, by deadline; absent_sat: the part without a coin
 *   pending_sat, settled_sat, lost_sat, signed_sat, owed_sat, left_sat   as `Liquidity` has them
 *   deadline        a height: the contract has something to exit with until then
 *   expiry          a height: any other contract that may yet be settled
 *   unfunded        a height: where the contract ends unless somebody funds it; it counts in no sum
 *   waits           a time (Unix seconds): where it ends before that
 *   offered         a time (Unix seconds): where an offer ends that nobody has answered
 */
import type { Figures } from '../protocol/figures.ts';
import { deadlineHeight } from './checks.ts';
import { maxSat } from '../bitcoin/amount.ts';
import {
  coveredSat,
  isFunded,
  isUnfunded,
  type Credit,
  type FundedCredit,
  type PayeeCredit,
  type PayerCredit,
} from './states.ts';
import { hasLapsed, standingOf, type ExitFacts } from './standing.ts';

/** Length of a day in blocks. Each begins at a multiple of it. */
export const DAY = 144;
export const dayOf = (height: number): number => Math.floor(height / DAY) * DAY;

/** Chain facts when no node was asked. */
const UNSEEN: ExitFacts = { tip: 'not-checked', coins: 'not-checked', known: 'not-checked' };

/** Returns true while the contract is not settled, by its record and the chain. */
export function isLive(c: FundedCredit, facts: ExitFacts): boolean {
  if (hasLapsed(c, facts)) return false;
  const { is } = standingOf(c, facts);
  return is === 'live' || is === 'absent';
}

export function figuresOf(c: Credit, facts: ExitFacts = UNSEEN): Figures {
  const counted = { [`${c.role} ${c.state}`]: 1n };
  if (c.state === 'offered' && c.until !== null) return { ...counted, offered: BigInt(c.until) };
  if (!isFunded(c)) return counted;
  if (isUnfunded(c))
    return {
      ...counted,
      unfunded: BigInt(c.terms.expiry),
      ...(c.until !== undefined && { waits: BigInt(c.until) }),
    };
  const figures = { ...counted, ...(c.role === 'payee' ? ofPayee(c, facts) : ofPayer(c, facts)) };
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== 0n));
}

function ofPayee(c: PayeeCredit, facts: ExitFacts): Figures {
  const { is, settledSat, lostSat } = standingOf(c, facts);
  return {
    ...(isLive(c, facts) && {
      locked_sat: c.terms.capacity_sat,
      [`exits ${dayOf(deadlineHeight(c.terms))}`]: c.paidSat,
      absent_sat: is === 'absent' ? c.paidSat : 0n,
    }),
    pending_sat: is === 'pending' ? c.paidSat : 0n,
    settled_sat: settledSat,
    lost_sat: lostSat,
    ...(c.paidSat > 0n && isLive(c, facts) ? { deadline: BigInt(deadlineHeight(c.terms)) } : untilExpiry(c)),
  };
}

function ofPayer(c: PayerCredit, facts: ExitFacts): Figures {
  return {
    ...(isLive(c, facts) && {
      signed_sat: c.signedMaxSat,
      left_sat: c.terms.capacity_sat - c.signedMaxSat,
    }),
    // A debt outlives its contract; the next contract or an on-chain payment settles it.
    owed_sat: c.owedSat === null ? 0n : maxSat(c.owedSat - coveredSat(c), 0n),
    ...untilExpiry(c),
  };
}

const untilExpiry = (c: FundedCredit): Figures => (c.settled ? {} : { expiry: BigInt(c.terms.expiry) });
