/**
 * What is due for a credit contract, as data: a pure function of what is watched, what the chain shows and what fees may
 * cost. Whoever watches acts on it (`cli/watch.ts`) and asks again: nothing here remembers, so that a restart, a
 * reorganisation or a second watchtower changes nothing.
 *
 *   freeze            both warn: payments have ended, roll over or close
 *   halfway           both offer a close. Not before: an offered close keeps a rollover out, which is made until the deadline
 *   deadline          the payee exits; a rollover or close that hangs is paid for by a child
 *   half the margin   the payee exits also against a rollover or close that hangs, or from a store that may be behind
 *   expiry            the payer takes its refund
 *
 * Whatever is sent is sent again while it is in no mempool, and paid for by a child while its feerate is too low. The
 * chain has settled a contract once its coin is spent by a known transaction that is deep enough; an exit is never
 * proposed against a transaction that is in a block. Not here: which transactions can spend the coin (`watched.ts`).
 */
import { feeFor, feerateOf } from '../bitcoin/fee.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import type { Hex } from '../protocol/action.ts';
import { deadlineHeight, freezeHeight, type Heights } from './checks.ts';
import type { Settled } from './records.ts';
import type { Role } from './terms.ts';

/** `other`: a transaction that the watcher does not know. */
export type Way = Settled['by'] | 'other';

/** A child that was signed beforehand, for whoever has no key. */
export interface Child {
  hex: Hex;
  fee: bigint;
  /** What parent and child pay together, satoshis for 1000 vB. */
  feerate: number;
}
/** A finished transaction that the watcher can send. */
export interface Ready {
  by: Settled['by'];
  hex: Hex;
  txid: Hex;
  vsize: number;
  fee: bigint;
  /** What it pays to the party that watches. */
  paysSat: bigint;
  /** How much of that a child can spend on fees: what is left of it is no dust. */
  spareSat: bigint;
  /** Virtual bytes of a child that spends that output to its own script. */
  childVsize: number;
  /** The only children that there are; null: the watcher can sign any. */
  children: readonly Child[] | null;
}
export interface Watched {
  id: Hex;
  role: Role;
  terms: Heights;
  outpoint: Outpoint;
  /** Exit or refund; null: nothing was paid. */
  own: Ready | null;
  /** A rollover or close that this party has finished: it goes first. */
  pending: Ready | null;
  /** The exit was printed or sent: it is right at any height. */
  exiting: boolean;
  /** Can this party offer a close? */
  offers: boolean;
  /** What may spend the coin, by txid. */
  ways: ReadonlyMap<Hex, Settled['by']>;
  /** Whether a rollover or close would be among them. */
  knowsAll: boolean;
  /** The payee's home was restored and has not read its journal, which may know an exit that pays more. */
  behind: boolean;
}

/** What spends the coin. */
export interface Spend {
  by: Way;
  /** null: the node does not say. */
  txid: Hex | null;
  /** 0: in the mempool. */
  confirmations: number;
  /** In the mempool: what it and its children pay, in satoshis and in satoshis for 1000 vB; null where the node does not say. */
  paying: { feeSat: bigint; feerate: number } | null;
}
export interface Seen {
  tip: number;
  /** spent: by a transaction in a block or the mempool · absent: not on the chain, or not any more */
  coin: 'unspent' | 'spent' | 'absent';
  /** null for a coin that is spent: by a transaction in a block that the watcher does not know. */
  spend: Spend | null;
  /** Another input of `pending` is spent by another transaction. */
  conflicted: boolean;
  /** To confirm soon, satoshis for 1000 vB. */
  feerate: number;
}
export interface Rules {
  /** From so many on a spend is final. */
  confirmations: number;
  /** The most that a child may pay, for each contract; null: a tenth of what its parent pays this party, or any that was signed beforehand. */
  feeBudgetSat: bigint | null;
}

export type Waiting =
  | 'early'
  | 'in-mempool'
  | 'confirming'
  | 'spent-otherwise'
  | 'unfunded'
  | 'nothing-to-exit'
  /** For its journal: the exit that is known may be an older one. */
  | 'restored';
export type Due =
  | { do: 'wait'; why: Waiting }
  /** Payments have ended: roll over, or close. */
  | { do: 'warn' }
  | { do: 'propose-close' }
  /** `feerate`: together with a child; null: alone. */
  | { do: 'exit' | 'refund' | 'rebroadcast'; tx: Ready; feerate: number | null }
  | { do: 'bump'; tx: Ready; feerate: number }
  /** It should be bumped, and the budget, or the last child that was signed, is spent. */
  | { do: 'over-budget'; tx: Ready; wanted: number }
  /** It should be bumped, and there is neither key nor child. */
  | { do: 'needs-bump'; tx: Ready; wanted: number }
  | { do: 'settled'; by: Settled['by']; txid: Hex };

/** More than a replacement must pay for its own relay (BIP125, rule 4), in satoshis for 1000 vB. */
const STEP = 1_000;

/** Halfway from the freeze height to the deadline. */
const offerAt = (t: Heights): number => deadlineHeight(t) - Math.floor((t.freeze_blocks - t.margin_blocks) / 2);
/** When the party sends what is its own: the payee at the deadline, the payer once nodes take the refund. */
export const dueAt = (w: Pick<Watched, 'role' | 'terms'>): number =>
  w.role === 'payee' ? deadlineHeight(w.terms) : w.terms.expiry;
/** From here on the payee waits for no rollover, no close and no journal. */
export const lastAt = (t: Heights): number => t.expiry - Math.floor(t.margin_blocks / 2);

export function decide(w: Watched, seen: Seen, rules: Rules): Due {
  const { spend, coin } = seen;
  if (spend && spend.confirmations > 0) {
    if (spend.by === 'other' || spend.txid === null) return wait('spent-otherwise');
    return spend.confirmations < rules.confirmations
      ? wait('confirming')
      : { do: 'settled', by: spend.by, txid: spend.txid };
  }
  if (coin === 'absent') return wait(w.own ? 'unfunded' : 'nothing-to-exit');
  if (spend) return onPending(w, seen, spend, rules);
  if (coin === 'spent') return wait('spent-otherwise');
  return onUnspent(w, seen, rules);
}

const wait = (why: Waiting): Due => ({ do: 'wait', why });

function onUnspent(w: Watched, seen: Seen, rules: Rules): Due {
  const { tip, conflicted } = seen;
  const { own, pending, role, terms } = w;
  const due = tip >= dueAt(w);
  const late = tip >= deadlineHeight(terms);
  const givenUp = role === 'payee' ? tip >= lastAt(terms) || (due && conflicted) : due;
  if (pending && !givenUp)
    return { do: 'rebroadcast', tx: pending, feerate: late ? withChild(pending, seen.feerate, rules) : null };
  if (w.behind && tip >= freezeHeight(terms) && (!own || tip < lastAt(terms))) return wait('restored');
  if (own && (due || (w.exiting && role === 'payee'))) return sendOwn(w, own, seen.feerate, rules);
  if (role === 'payee' && !own) return wait('nothing-to-exit');
  if (tip >= offerAt(terms) && !late && w.offers) return { do: 'propose-close' };
  if (tip >= freezeHeight(terms)) return { do: 'warn' };
  return wait('early');
}

/** Something in the mempool spends the coin. */
function onPending(w: Watched, seen: Seen, spend: Spend, rules: Rules): Due {
  const { tip } = seen;
  const { own, pending } = w;
  const mine = [own, pending].find((tx) => tx?.txid === spend.txid);
  // The payer replaces nothing: whatever else spends the coin was signed by it.
  if (w.role === 'payee' && own && mine !== own) {
    // A rollover or close may hang until margin/2; a refund, or what can be neither, is outbid from the deadline on.
    const patient = spend.by === 'other' ? !w.knowsAll : spend.by !== 'refund';
    if (tip >= (patient ? lastAt(w.terms) : dueAt(w)))
      return sendOwn(w, own, Math.max(seen.feerate, outbidding(spend, own)), rules);
  }
  if (!mine || (mine === pending && tip < deadlineHeight(w.terms))) return wait('in-mempool');
  return bumped(mine, spend.paying?.feerate ?? null, seen.feerate, rules);
}

/** A replacement pays a higher feerate, and more in all than what it replaces, with its own relay on top. */
function outbidding({ paying }: Spend, { vsize, childVsize }: Ready): number {
  if (!paying) return 0;
  return Math.max(Math.ceil((paying.feerate * 5) / 4), feerateOf(paying.feeSat, vsize + childVsize) + STEP) + STEP;
}

const sendOwn = (w: Watched, tx: Ready, wanted: number, rules: Rules): Due => ({
  do: w.role === 'payer' ? 'refund' : w.exiting ? 'rebroadcast' : 'exit',
  tx,
  feerate: withChild(tx, wanted, rules),
});

/** The feerate of a child that goes along; null where the transaction pays enough, or nothing more may be paid. */
function withChild(tx: Ready, wanted: number, rules: Rules): number | null {
  const alone = feerateOf(tx.fee, tx.vsize);
  if (wanted <= alone) return null;
  const feerate = reachable(tx, wanted, rules);
  return feerate > alone ? feerate : null;
}

/** A transaction in the mempool. Each child replaces the one before, which takes a step. */
function bumped(tx: Ready, found: number | null, wanted: number, rules: Rules): Due {
  const now = found ?? feerateOf(tx.fee, tx.vsize);
  // What pays this party nothing is the other's to pay for.
  if (wanted < now + STEP || tx.paysSat === 0n) return wait('in-mempool');
  if (tx.children?.length === 0) return { do: 'needs-bump', tx, wanted };
  const feerate = reachable(tx, wanted, rules);
  return feerate >= now + STEP ? { do: 'bump', tx, feerate } : { do: 'over-budget', tx, wanted };
}

/** What a child may pay: never so much that nothing is left of the output that it spends. */
function budgetOf(tx: Ready, { feeBudgetSat }: Rules): bigint {
  const most = feeBudgetSat ?? (tx.children ? tx.spareSat : tx.paysSat / 10n);
  return most < tx.spareSat ? most : tx.spareSat;
}

/** The feerate that parent and child reach within the budget: the wanted one, or what comes nearest to it; 0: none. */
function reachable(tx: Ready, wanted: number, rules: Rules): number {
  const budget = budgetOf(tx, rules);
  if (tx.children) {
    const rates = tx.children.filter(({ fee }) => fee <= budget).map(({ feerate }) => feerate);
    const enough = rates.filter((feerate) => feerate >= wanted);
    return enough.length > 0 ? Math.min(...enough) : Math.max(0, ...rates);
  }
  // A child that cannot pay for its own relay is none.
  if (budget < feeFor(STEP, tx.childVsize)) return 0;
  return Math.min(wanted, feerateOf(tx.fee + budget, tx.vsize + tx.childVsize));
}
