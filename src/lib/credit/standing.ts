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
import { shortOf } from './watch.ts';
import { judged, waysOf } from './watched.ts';

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

/** The contract's coin, and what is known to spend it and its funding. `ended`: nobody needs to look for what spent it. */
export const followed = (c: FundedCredit): TrackedCoin & { ended: boolean } => ({
  outpoint: c.outpoint,
  // Each commit asks for a standing, and most without a node: transactions are hashed only for whoever has looked.
  get ways() {
    return c.settled ? [] : [...waysOf(c).keys()];
  },
  funding: 'funding' in c && c.funding ? c.funding.template.inputs : [],
  ended: c.settled !== undefined,
});

/** Returns what the chain made of a contract's coin. */
export function standingOf(c: FundedCredit, facts: ExitFacts): Standing {
  const found = outcome(followed(c), facts);
  const isThere = found.is === 'live' || found.is === 'unconfirmed';
  // What has settled it stands, unless the chain shows the coin again.
  if (c.settled && !isThere) return ended(c, c.settled);
  if (isThere || (found.is === 'unseen' && found.why === 'not-checked')) return { is: 'live', ...NOTHING };
  if (found.is === 'replaced') return { is: isFinal(found) ? 'dead' : 'absent', ...NOTHING };
  if (found.is === 'unseen') return { is: found.why === 'absent' ? 'absent' : 'pending', ...NOTHING };
  const way = wayOf(c, found);
  if (way && isFinal(found)) return ended(c, { ...way, txid: found.tx! });
  return { is: 'pending', ...(way && { by: way.by }), ...NOTHING };
}

/**
 * Returns the way in which a coin was spent. A payer cannot say of a transaction that it does not
 * know what was due to it.
 */
function wayOf(c: FundedCredit, { tx, hex }: OutcomeTx) {
  const known = tx === null ? undefined : waysOf(c).get(tx);
  if (known || hex === null) return known;
  const way = judged(c, hex, payoutScript(c.terms, c.role));
  return way.by === 'other' && c.role === 'payer' ? undefined : way;
}

function ended(c: FundedCredit, { by, paysSat }: Settled): Standing {
  const paidSat = c.role === 'payee' ? paidOf(c) : 0n;
  const lostSat = shortOf({ role: c.role, paidSat }, paysSat);
  // A payer may close for more than the payee has finished: what it signed last, and whose message was lost.
  const settledSat = c.role === 'payee' && (by === 'close' || by === 'rollover') ? paysSat : paidSat - lostSat;
  return { is: lostSat > 0n ? 'lost' : 'settled', by, settledSat, lostSat };
}

/**
 * Returns whether it has come to its end with nothing paid, and with no coin that anybody has seen:
 * nothing can come of it.
 * @param now Unix seconds, where a contract ends too that was not funded in time and whose coin a
 * node does not show
 */
export function hasLapsed(c: FundedCredit, facts: ExitFacts, now?: number): boolean {
  const { tip, coins } = facts;
  if (!mayLapse(c)) return false;
  const expired = tip !== 'not-checked' && tip >= c.terms.expiry;
  const late = now !== undefined && !c.funded && c.until !== undefined && now > STANDING_LIMITS.funded.most(c.until);
  // A mint may owe what nobody here has seen, unless nobody ever funded the contract.
  const known = owesNothing(c);
  if (coins === 'not-checked') return expired && known;
  if (!expired && !late) return false;
  const { is, by } = standingOf(c, facts);
  // Without an index a node does not tell what never was from what is gone: neither pays.
  return is === 'absent' || is === 'dead' || (known && is === 'pending' && by === undefined);
}
