/**
 * Decisions over a credit contract, as data: a pure function of what is watched, what the chain shows
 * and what fees may cost. Whoever watches acts on it (`watcher.ts`) and asks again. Nothing
 * here remembers: a restart, a reorganisation or a second watchtower changes nothing.
 *
 *   margin before it  a merchant warns: invoices are paid no more, take what is owed
 *   freeze            both warn: payments have ended, roll over or close
 *   halfway           both offer a close. Not before: an offered close keeps a rollover out until the deadline
 *   deadline          the payee exits; a rollover or close that hangs is paid for by a child
 *   half the margin   the payee exits also against a rollover or close that hangs, or from a store that may be behind
 *   expiry            the payer takes its refund
 *   always            what pays the payee less than it was paid is outbid; what pays as much is left alone, and helped
 *
 * A transaction is sent again while it is in no mempool, and paid for by a child while its feerate
 * is too low. One that takes the place of another pays for that too (`contract/fees.ts`); where the budget
 * does not reach so far, it is said and nothing is given up. The chain has settled a contract once
 * a transaction that is deep enough spends its coin; what that pays too little is lost. An exit is
 * never proposed against a transaction that is in a block. Not here: which transactions can spend
 * the coin, and what they pay to whom (`watched.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import { feerateOf } from '../bitcoin/fee.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { childrenOf, withChildren, type Evicted } from '../bitcoin/replacement.ts';
import type { Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { deadlineHeight, freezeHeight, type Heights } from './checks.ts';
import type { CoinSeen, CoinSpend } from '../contract/duty.ts';
import { helpOf, sendingOf, type Fees, type ChildFee, type ReadyTx, type Rules } from '../contract/fees.ts';
import type { Settled } from './states.ts';
import type { Contract, Role } from './terms.ts';

/** Sort of a transaction, and the sum that it pays to the party that watches; other: none that is known here. */
export type CreditWay = Omit<Settled, 'txid'>;
/** Contract as `watch` decides over it: terms, sums, and every transaction that can spend its coin. */
export interface WatchedCredit {
  id: Hex;
  role: Role;
  terms: Heights;
  outpoint: Outpoint;
  /** The whole contract, by which its transactions are told; null where only a refund is known of it. */
  contract: Contract | null;
  /** The script that pays the party that watches. */
  script: Hex;
  /** Sum that the payee was paid: a transaction that pays it less loses money. */
  paidSat: bigint;
  /** Exit or refund; null: nothing was paid. */
  own: ReadyTx | null;
  /** A rollover or close that this party has finished: it goes first. */
  pending: ReadyTx | null;
  /** The exit was printed or sent: it is right at any height. */
  exiting: boolean;
  /** Possibility of this party to offer a close; `again`: it has, and nothing came back. */
  offers: boolean | 'again';
  /** Transactions that may spend the coin, by txid. */
  ways: ReadonlyMap<Hex, CreditWay>;
  /** True if a rollover or close would be among them. */
  knowsAll: boolean;
  /**
   * True if nothing was paid over it: never funded, it ends at its expiry. absent: only if nobody
   * has funded it for sure.
   */
  lapses: boolean | 'absent';
  /** Height from which its owner is told that payments have ended, or soon end. */
  warnsAt: number;
  /** The payee's home was restored and has not read its journal, which may know an exit that pays more. */
  behind: boolean;
}

/** Transaction that spends the coin. */
export interface CreditSpend extends Omit<CoinSpend, 'by' | 'hex' | 'lostSat'> {
  by: Settled['by'];
  /** The transaction as this party can pay for it with a child; null where it cannot be read. */
  tx: ReadyTx | null;
}
/** State of a contract's coin on the chain, and the fees of the node. */
export interface Seen extends Fees, Pick<CoinSeen, 'coin'> {
  tip: number;
  /** null for a coin that is spent: by a transaction in a block that nobody can name. */
  spend: CreditSpend | null;
  /** Another input of `pending` is spent by another transaction. */
  conflicted: boolean;
}

export type Waiting =
  | 'early'
  | 'in-mempool'
  | 'confirming'
  | 'spent-otherwise'
  | 'unfunded'
  /** The coin is gone, and neither its funding nor what spends it can be found. */
  | 'not-found'
  | 'nothing-to-exit'
  /** Waits for the journal: the exit that is known may be an older one. */
  | 'restored';
/** Act that is due for a contract, or the reason why none is. */
export type CreditDue =
  | { do: 'wait'; why: Waiting }
  /** Payments have ended: roll over, or close. */
  | { do: 'warn' }
  | { do: 'propose-close' }
  /** Ends the record: it has expired, nothing was paid, and there is no coin. */
  | { do: 'lapse' }
  /** `child`: what it pays, and what both pay together; null: alone. */
  | { do: 'exit' | 'refund' | 'rebroadcast'; tx: ReadyTx; child: ChildFee | null }
  | { do: 'bump'; tx: ReadyTx; child: ChildFee }
  /** Asks for money: a child for `needsSat` is needed, more than the budget or the last one. */
  | { do: 'over-budget'; tx: ReadyTx; wanted: number; needsSat: bigint }
  /** Asks for a key: it should be bumped, and there is neither key nor child. */
  | { do: 'needs-bump'; tx: ReadyTx; wanted: number }
  /** Tells of a loss: a transaction in a block pays this party too little; `lost`: finally. */
  | { do: 'overtaken' | 'lost'; by: Settled['by']; txid: Hex; paysSat: bigint; lostSat: bigint }
  | { do: 'settled'; by: Settled['by']; txid: Hex; paysSat: bigint };

/** Halfway from the freeze height to the deadline. */
const offerAt = (t: Heights): number => deadlineHeight(t) - Math.floor((t.freeze_blocks - t.margin_blocks) / 2);
/** Returns when the party sends its own: payees at the deadline, payers once nodes take it. */
export const dueAt = (w: Pick<WatchedCredit, 'role' | 'terms'>): number =>
  w.role === 'payee' ? deadlineHeight(w.terms) : w.terms.expiry;
/** Returns the height from which the payee waits for no rollover, no close and no journal. */
export const lastAt = (t: Heights): number => t.expiry - Math.floor(t.margin_blocks / 2);

export const WATCH_LIMITS = {
  /** A close is offered: from halfway on, and not once the payee exits. */
  offer: { unit: 'height', least: (t: Heights) => offerAt(t), most: (t: Heights) => deadlineHeight(t) - 1 },
  /** The party sends what is its own. */
  own: { unit: 'height', least: (w: Pick<WatchedCredit, 'role' | 'terms'>) => dueAt(w) },
  /** The payee waits for a rollover, a close or its journal. */
  waits: { unit: 'height', most: (t: Heights) => lastAt(t) - 1 },
  /** A spend is final. */
  final: { unit: 'confirmations', least: ({ confirmations }: Pick<Rules, 'confirmations'>) => confirmations },
} satisfies Limits;

/** Decides what is due for a contract at one look; pure. */
export function decide(w: WatchedCredit, seen: Seen, rules: Rules): CreditDue {
  const { spend, coin } = seen;
  if (spend && spend.confirmations > 0) return onMined(w, spend, rules);
  const nobody = coin === 'absent' || (w.lapses === true && coin !== 'unspent');
  if (nobody && !spend && w.lapses && seen.tip >= w.terms.expiry) return { do: 'lapse' };
  if (coin === 'absent') return wait(w.own ? 'unfunded' : 'nothing-to-exit');
  if (coin === 'unclear') return wait(w.own ? 'not-found' : 'nothing-to-exit');
  if (spend) return onPending(w, seen, spend, rules);
  if (coin === 'spent') return wait('spent-otherwise');
  return onUnspent(w, seen, rules);
}

const wait = (why: Waiting): CreditDue => ({ do: 'wait', why });

/** Returns the part of the payee's money that a transaction leaves out. */
export const shortOf = (w: Pick<WatchedCredit, 'role' | 'paidSat'>, paysSat: bigint): bigint =>
  w.role === 'payee' ? maxSat(w.paidSat - paysSat, 0n) : 0n;

function onMined(w: WatchedCredit, { by, txid, paysSat, confirmations }: CreditSpend, rules: Rules): CreditDue {
  // Of another transaction a payer cannot say what was due to it.
  if (txid === null || paysSat === null || (by === 'other' && w.role === 'payer')) return wait('spent-otherwise');
  const final = allows({ least: WATCH_LIMITS.final.least(rules) }, confirmations);
  const lostSat = shortOf(w, paysSat);
  if (lostSat > 0n) return { do: final ? 'lost' : 'overtaken', by, txid, paysSat, lostSat };
  return final ? { do: 'settled', by, txid, paysSat } : wait('confirming');
}

function onUnspent(w: WatchedCredit, seen: Seen, rules: Rules): CreditDue {
  const { tip, conflicted } = seen;
  const { own, pending, role, terms } = w;
  const due = allows({ least: WATCH_LIMITS.own.least(w) }, tip);
  const late = tip >= deadlineHeight(terms);
  const waits = allows({ most: WATCH_LIMITS.waits.most(terms) }, tip);
  const givenUp = role === 'payee' ? !waits || (due && conflicted) : due;
  if (pending && !givenUp) {
    const sending = late ? sendingOf(pending, null, seen, rules) : { child: null };
    return 'child' in sending ? { do: 'rebroadcast', tx: pending, ...sending } : { ...sending, tx: pending };
  }
  if (w.behind && tip >= freezeHeight(terms) && (!own || waits)) return wait('restored');
  if (own && (due || (w.exiting && role === 'payee'))) return sendOwn(w, own, null, seen, rules);
  if (role === 'payee' && !own) return takesMore(w, tip) ? { do: 'warn' } : wait('nothing-to-exit');
  const { least, most } = WATCH_LIMITS.offer;
  if (allows({ least: least(terms), most: most(terms) }, tip) && w.offers) return { do: 'propose-close' };
  if (tip >= w.warnsAt) return { do: 'warn' };
  return wait('early');
}

/** Returns whether a merchant that has taken nothing may still be owed something. */
const takesMore = ({ terms, warnsAt }: WatchedCredit, tip: number): boolean =>
  warnsAt < freezeHeight(terms) && tip >= warnsAt && tip < terms.expiry;

/** Returns the duty where a transaction in the mempool spends the coin. */
function onPending(w: WatchedCredit, seen: Seen, spend: CreditSpend, rules: Rules): CreditDue {
  const { tip } = seen;
  const { own, pending, role } = w;
  const mine = [own, pending].find((tx) => tx?.txid === spend.txid) ?? null;
  const enough = shortOf(w, spend.paysSat ?? mine?.paysSat ?? 0n) === 0n;
  const helped = mine ?? (role === 'payee' && own && enough ? spend.tx : null);
  const patient = mine !== own && tip < deadlineHeight(w.terms) && !w.exiting;
  const help = (): CreditDue => (!helped || patient ? wait('in-mempool') : helpWith(helped, spend, seen, rules));
  // The payer replaces nothing: whatever else spends the coin was signed by it.
  if (role === 'payer' || !own || mine === own || tip < outbidAt(w, own, spend)) return help();
  const evicted = spend.paying && withChildren(spend.paying.all, spend.paying.own);
  const outbid = sendOwn(w, own, evicted, seen, rules);
  // Too dear: what pays as much is rather helped than left.
  return outbid.do === 'over-budget' && helped && enough ? help() : outbid;
}

/**
 * Returns the height from which the exit takes the place of what is in the mempool. That is at once
 * where it pays less than was paid, and never where it pays more than the exit. Where it pays as
 * much and does not confirm, it is half the margin.
 */
function outbidAt(
  { terms, role, paidSat, knowsAll, behind }: WatchedCredit,
  own: ReadyTx,
  { by, paysSat }: CreditSpend,
): number {
  const hangs = behind ? Infinity : lastAt(terms);
  // Not shown: by a rollover or close, it may be, where such are not known.
  if (paysSat === null)
    return by === 'refund' || (by === 'other' && knowsAll && !behind) ? dueAt({ role, terms }) : hangs;
  if (paysSat < paidSat) return 0;
  return paysSat > own.paysSat ? Infinity : hangs;
}

function sendOwn(w: WatchedCredit, tx: ReadyTx, evicted: Evicted | null, seen: Seen, rules: Rules): CreditDue {
  const sending = sendingOf(tx, evicted, seen, rules);
  if (!('child' in sending)) return { ...sending, tx };
  return { do: w.role === 'payer' ? 'refund' : w.exiting ? 'rebroadcast' : 'exit', tx, ...sending };
}

/** A transaction in the mempool, which another child may pay for already. */
function helpWith(tx: ReadyTx, { paying }: CreditSpend, seen: Seen, rules: Rules): CreditDue {
  const all = paying?.all ?? { feeSat: tx.fee, vsize: tx.vsize };
  const own = paying?.own ?? all;
  const help = helpOf({ ...tx, fee: own.feeSat }, feerateOf(all.feeSat, all.vsize), childrenOf(all, own), seen, rules);
  return help === null ? wait('in-mempool') : { ...help, tx };
}
