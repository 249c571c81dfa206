/**
 * Standing: what the chain made of a contract and of its payments. `status`, `liquidity`, the
 * metrics and `exit-credit --due` give this one answer.
 *
 *   live      its coin is not spent, as far as is known: what was paid is held
 *   absent    its funding is not on the chain
 *   dead      its funding never will be: a final transaction has taken one of its inputs
 *   pending   its coin is spent, by what is not deep enough yet, or not known: nothing is settled
 *   settled   the transaction that spent it is final, and pays what was paid
 *   lost      it is final, and pays this home less than it was paid
 *
 * The end is in the record once `watch` has seen it; before, a node's answer counts. Not here: when
 * something is due (`exit.ts`, `watch.ts`).
 */
import { isFinal, outcome, type OutcomeTx, type TrackedCoin, type ChainFacts } from '../contract/outcome.ts';
import type { Facts } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { mayLapse, owesNothing, paidOf, type FundedCredit, type Settled } from './states.ts';
import { payoutScript } from './terms.ts';
import { shortOf, strangersWay, waysOf } from './watched.ts';

/** Known facts of the chain; `spends` as far as coins are gone. */
export type ExitFacts = Pick<Facts, 'tip'> & ChainFacts;

export const STANDING_LIMITS = {
  /** Last second in which an opening is funded that a payee waits for. */
  funded: { unit: 'Unix seconds', most: (until: number) => until },
} satisfies Limits;

/** Outcome of a contract's coin on the chain. */
export interface Standing {
  is: 'live' | 'absent' | 'dead' | 'pending' | 'settled' | 'lost';
  /** Sort of transaction that spent it. */
  by?: Settled['by'];
  settledSat: bigint;
  lostSat: bigint;
}

const NOTHING = { settledSat: 0n, lostSat: 0n } as const;

/** Returns the contract's coin with known spenders and funding. `ended`: needs no search. */
export const followed = (c: FundedCredit): TrackedCoin & { ended: boolean } => ({
  outpoint: c.outpoint,
  // Computed on use, because each commit derives a standing and most have no chain facts to compare txids with.
  get ways() {
    return c.settled ? [] : [...waysOf(c).keys()];
  },
  funding: 'funding' in c && c.funding ? c.funding.template.inputs : [],
  ended: c.settled !== undefined,
});

/** Returns the standing of a contract from the outcome of its coin. */
export function standingOf(c: FundedCredit, facts: ExitFacts): Standing {
  const found = outcome(followed(c), facts);
  const isThere = found.is === 'live' || found.is === 'unconfirmed';
  // A stored settlement stands unless the chain shows the coin as unspent again.
  if (c.settled && !isThere) return ended(c, c.settled);
  if (isThere || (found.is === 'unseen' && found.why === 'not-checked')) return { is: 'live', ...NOTHING };
  if (found.is === 'replaced') return { is: isFinal(found) ? 'dead' : 'absent', ...NOTHING };
  if (found.is === 'unseen') return { is: found.why === 'absent' ? 'absent' : 'pending', ...NOTHING };
  const way = wayOf(c, found);
  if (way && isFinal(found)) return ended(c, { ...way, txid: found.txid! });
  return { is: 'pending', ...(way && { by: way.by }), ...NOTHING };
}

/**
 * Returns the known way by which a coin was spent. A payer cannot tell its sum in an unknown
 * transaction.
 */
function wayOf(c: FundedCredit, { txid, hex }: OutcomeTx) {
  const known = txid === null ? undefined : waysOf(c).get(txid);
  if (known || hex === null) return known;
  return strangersWay({ contract: c, role: c.role, script: payoutScript(c.terms, c.role), paidSat: paidOf(c) }, hex);
}

function ended(c: FundedCredit, { by, paysSat }: Settled): Standing {
  const paidSat = c.role === 'payee' ? paidOf(c) : 0n;
  const lostSat = shortOf({ role: c.role, paidSat }, paysSat);
  // A payer may close for more than the payee's last exit, if the message of its last update was lost.
  const settledSat = c.role === 'payee' && (by === 'close' || by === 'rollover') ? paysSat : paidSat - lostSat;
  return { is: lostSat > 0n ? 'lost' : 'settled', by, settledSat, lostSat };
}

/**
 * Returns whether a contract has expired with nothing paid and no coin seen: it can be deleted.
 * @param now Unix seconds; given, an opening ends too that was not funded in time and whose coin
 * the node does not show
 */
export function hasLapsed(c: FundedCredit, facts: ExitFacts, now?: number): boolean {
  const { tip, coins } = facts;
  if (!mayLapse(c)) return false;
  const expired = tip !== 'not-checked' && tip >= c.terms.expiry;
  const late = now !== undefined && !c.funded && c.until !== undefined && now > STANDING_LIMITS.funded.most(c.until);
  // A mint may owe sums that this home has not seen, unless the contract was never funded.
  const known = owesNothing(c);
  if (coins === 'not-checked') return expired && known;
  if (!expired && !late) return false;
  const { is, by } = standingOf(c, facts);
  // A node without an index does not tell a coin that never existed from a spent one; neither pays this party.
  return is === 'absent' || is === 'dead' || (known && is === 'pending' && by === undefined);
}
