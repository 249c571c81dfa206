/**
 * What the chain made of a contract, and of what was paid over it: the one answer that `status`, `liquidity`, the metrics
 * and `exit-credit --due` give.
 *
 *   live      its coin is not spent, as far as is known: what was paid is held
 *   absent    its funding is not on the chain
 *   pending   its coin is spent, by what is not deep enough yet, or not known: nothing is settled
 *   settled   the transaction that spent it is final, and pays what was paid
 *   lost      it is final, and pays this home less than it was paid
 *
 * Once `watch` has seen the end it is in the record; before, a node's answer counts. Not here: when something is due
 * (`exit.ts`, `watch.ts`).
 */
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Facts } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import type { SpentBy } from '../protocol/ports.ts';
import { mayLapse, owesNothing, paidOf, type FundedCredit, type Settled } from './states.ts';
import { payoutScript } from './terms.ts';
import { shortOf } from './watch.ts';
import { judged, waysOf } from './watched.ts';

export const STANDING_LIMITS = {
  /** From then on a transaction is final, where nothing else is said. */
  final: { unit: 'confirmations', least: 6 },
} satisfies Limits;

export interface ExitFacts extends Pick<Facts, 'tip' | 'coins' | 'known'> {
  /** What spends the contracts' coins that are gone, by outpoint. */
  spends?: ReadonlyMap<string, SpentBy>;
}

export interface Standing {
  is: 'live' | 'absent' | 'pending' | 'settled' | 'lost';
  /** What spent it. */
  by?: Settled['by'];
  settledSat: bigint;
  lostSat: bigint;
}

const NOTHING = { settledSat: 0n, lostSat: 0n } as const;

export function standingOf(c: FundedCredit, { coins, known, spends }: ExitFacts): Standing {
  const at = outpointText(c.outpoint);
  const coin = coins === 'not-checked' ? undefined : coins.get(at);
  // What has settled it stands, unless the chain shows the coin again.
  if (c.settled && (coin === undefined || coin === 'missing')) return ended(c, c.settled);
  if (coin !== 'missing') return { is: 'live', ...NOTHING };
  if (known !== 'not-checked' && known.get(c.outpoint.txid) === false) return { is: 'absent', ...NOTHING };
  const spend = spends?.get(at);
  const way = spend && wayOf(c, spend);
  if (spend && way && allows(STANDING_LIMITS.final, spend.confirmations))
    return ended(c, { ...way, txid: spend.txid! });
  return { is: 'pending', ...(way && { by: way.by }), ...NOTHING };
}

/** Of a transaction that it does not know, a payer cannot say what was due to it. */
function wayOf(c: FundedCredit, { txid, hex }: SpentBy) {
  const known = txid === null ? undefined : waysOf(c).get(txid);
  if (known || hex === null) return known;
  const way = judged(c, hex, payoutScript(c.terms, c.role));
  return way.by === 'other' && c.role === 'payer' ? undefined : way;
}

function ended(c: FundedCredit, { by, paysSat }: Settled): Standing {
  const paidSat = c.role === 'payee' ? paidOf(c) : 0n;
  // A record of 0.1.0 knew by what it was settled: its own exit, a close, a rollover, or nothing for it.
  const paysHome = paysSat ?? (by === 'refund' ? 0n : paidSat);
  const lostSat = shortOf({ role: c.role, paidSat }, paysHome);
  // A payer may close for more than the payee has finished: what it signed last, and whose message was lost.
  const settledSat = c.role === 'payee' && (by === 'close' || by === 'rollover') ? paysHome : paidSat - lostSat;
  return { is: lostSat > 0n ? 'lost' : 'settled', by, settledSat, lostSat };
}

/** Has it come to its expiry with nothing paid, and with no coin that anybody has seen? Then nothing can come of it. */
export function hasLapsed(c: FundedCredit, facts: ExitFacts): boolean {
  const { tip, coins } = facts;
  if (!mayLapse(c) || tip === 'not-checked' || tip < c.terms.expiry) return false;
  // A mint may owe what nobody here has seen, unless nobody ever funded the contract.
  const known = owesNothing(c);
  if (coins === 'not-checked') return known;
  const { is, by } = standingOf(c, facts);
  // Without an index a node does not tell what never was from what is gone: neither pays.
  return is === 'absent' || (known && is === 'pending' && by === undefined);
}

/** Did another transaction take what funds the contract, so that it never will be? */
export function isDead(c: FundedCredit, { coins }: ExitFacts): boolean {
  const inputs = 'funding' in c && c.funding ? c.funding.template.inputs : [];
  return coins !== 'not-checked' && inputs.some((i) => coins.get(outpointText(i)) === 'missing');
}
