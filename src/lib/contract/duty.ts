/**
 * Duties over a contract: which transaction must be in a block, from when, by when, and what it
 * is worth. A family states its duties as data. The watcher (`engine/watch.ts`) asks the chain and
 * does what `decideDuty` says.
 *
 *   not yet       nothing is sent before its first moment
 *   unspent       the transaction is sent, with a child if its feerate is too low;
 *                 it is sent again while no mempool has it
 *   in a mempool  a payment to this party gets a child; one that takes its money is outbid,
 *                 up to the budget
 *   in a block    deep enough it is settled, or lost; until then the watcher waits
 *
 * Stateless: a restart, a reorganisation or a second watcher changes no decision. A missing coin
 * alone decides nothing. Not here: fees (`fees.ts`), queries of the chain (`chain/spends.ts`).
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';
import { feeFor, feerateOf, feerateText } from '../bitcoin/fee.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { childrenOf, replacementFee, withChildren, type Evicted, type Paid } from '../bitcoin/replacement.ts';
import type { Output } from '../bitcoin/transaction.ts';
import type { Claim, Hand, Hex, SpentBy } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import type { ErrorCode } from '../protocol/refusal.ts';
import {
  CHILD_FEE_LIMITS,
  helpOf,
  sendingOf,
  type Fees,
  type ChildFee,
  type ReadyTx,
  type Rules,
  type Short,
} from './fees.ts';
import type { Moment } from './moment.ts';

/** A transaction that spends a watched coin, as the party that watches sees it. */
export interface Way<By extends string = string> {
  /** Sort of transaction, as events name it; other: none that is known here. */
  by: By;
  /** Satoshis that it pays to the party that watches. */
  paysSat: bigint;
  /** Satoshis that the party loses if it confirms; 0n if as good as its own, or agreed on. */
  lostSat: bigint;
}

/** A watched coin and the transactions that may spend it. */
export interface WatchedCoin {
  outpoint: Outpoint;
  /** Transactions that may spend it, by txid. */
  ways: ReadonlyMap<Hex, Way>;
  /**
   * Classifies a spender that is not in `ways`; undefined if the record cannot tell.
   * Absent if the record never can: then no blocks are searched.
   */
  judge?: (hex: Hex) => Way | undefined;
  /** True where blocks are not searched for its spender all the same. */
  unsearched?: boolean;
  /** Last block not to search for its spender. Absent: only the newest blocks are searched. */
  after?: number;
  /** Coins that an own finished transaction spends beside it. */
  beside?: readonly Outpoint[];
}

/** Transaction that spends a watched coin. */
export interface CoinSpend extends SpentBy {
  by: string;
  /** Satoshis paid to the watching party; null if the record cannot tell. */
  paysSat: bigint | null;
  lostSat: bigint | null;
  /** Fees in the mempool: its own, and with all its children; null where the node does not say. */
  paying: { all: Paid; own: Paid } | null;
}

/** State of a watched coin on the chain. */
export interface CoinSeen {
  /**
   * spent: by a transaction in a block or the mempool · absent: not on the chain, or not any more ·
   * unclear: one of both
   */
  coin: 'unspent' | 'spent' | 'absent' | 'unclear';
  /** Confirmations of an unspent coin; 0 in the mempool, and where no duty or goal counts them. */
  depth: number;
  /**
   * Seconds since the coin's block by median time past (BIP68). Absent if no duty has a relative
   * lock in seconds, or the coin is in no block.
   */
  age?: number;
  /** Transaction that spends the coin; null for a spent coin whose spender was not found. */
  spend: CoinSpend | null;
  /** Result of searching older blocks for the spender; absent if no search was needed. */
  searched?: Searched;
  /** True if the coin is unspent but a coin of `beside` is not among the unspent ones. */
  conflicted?: boolean;
}
/** Exact outputs, in order, that another transaction may pay without spending `without`. */
export interface Goal {
  outputs: readonly Output[];
  without: Outpoint;
  /** Height of the last block that need not be read; null: the one before the coin's own. */
  after: number | null;
}
export interface Payment {
  /** Transaction in a block. */
  by: { txid: Hex; confirmations: number } | null;
  /** Height of the last block that was read. */
  upTo: number;
  /** True if the search stopped because the node has pruned the next block. */
  pruned: boolean;
}
/** Search of blocks for a transaction that is read whole. */
export interface Searched extends Payment {
  by: { txid: Hex; hex: Hex; confirmations: number } | null;
}
/** Chain facts of one look at a record's coins, with the node's fees. */
export interface ChainView extends Fees {
  /** Payment of the `goal`; present if the record has a goal whose coin `without` is unspent. */
  payment?: Payment;
  tip: number;
  /** Median time of the last eleven blocks, Unix seconds (BIP113). */
  medianTime: number;
  /** Watched coins by `TXID:VOUT`. */
  coins: ReadonlyMap<string, CoinSeen>;
}

/** Transaction that is signed when it is sent, with a fee for the mempool of that moment. */
export interface Unsigned {
  by: string;
  /** Virtual size, at most. */
  vsize: number;
  /** Sum of the coin, fee included. */
  sat: bigint;
  /** Dust limit of its output, in satoshis. */
  dustSat: bigint;
  sign(hand: Hand, feeSat: bigint): ReadyTx;
}

export interface Duty {
  /** Id made of the duty's action and coin; the same in every look. */
  id: string;
  /** Event of its sending: `exit`, `claim`, `refund`, `revoke`. */
  does: string;
  /** Reason, for people. */
  why: string;
  outpoint: Outpoint;
  tx: ReadyTx | Unsigned;
  from: Moment;
  /** Height by which it must be confirmed; null if no other party can spend the coin. */
  by: number | null;
  /** Satoshis that are lost if it does not confirm: they bound its fee. */
  worthSat: bigint;
  /** True if it was sent before. A sent transaction is rebroadcast at any height. */
  sent?: boolean;
  /** Heights that a report of a shortage names in place of the deadline. */
  heights?: object;
}

/** Start of an action, whose first message goes to the counterparty. */
export interface ActionStart {
  /** Type of the action. */
  type: string;
  /** Claim of the record that the action changes. */
  over: Claim;
  input: object;
  /** True if the action was started before; its last message is then printed again. */
  again: boolean;
  /** Codes of refusals after which the start is tried again later. */
  unless: readonly ErrorCode[];
}
/** Action or report that `watch` owes to a record. */
export type Act =
  /** No act is due yet. */
  | { do: 'rest' }
  /** Prints an event. `short`: the duty could not be done, or money is at stake. */
  | { do: 'tell'; event: string; more?: object; short?: true }
  | { do: 'send'; event: string; tx: ReadyTx; child: ChildFee | null }
  /** Signed at that fee, then sent; `event` is `bump` where it takes its own place. */
  | { do: 'sign'; event: string; tx: Unsigned; feeSat: bigint }
  | { do: 'bump'; tx: ReadyTx; child: ChildFee }
  /** Starts an action with the counterparty; does `instead` without a key or while it must wait. */
  | { do: 'propose'; event: string; opening: ActionStart; instead: Act }
  /** Ends the record: its time is over, and there never was a coin. */
  | { do: 'lapse' }
  /** A final transaction has ended the contract. */
  | { do: 'end'; event: 'settled' | 'lost'; by: string; txid: Hex; paysSat: bigint; lostSat: bigint };
/** Act with `beaten`, the mempool transaction that takes this party's money, reported first. */
export type Due = Act & { beaten?: object };

export const DUTY_LIMITS = {
  /** A transaction can be in the block after the tip. */
  height: { unit: 'height', least: (from: number) => from - 1 },
  /** BIP68: a relative lock in blocks. */
  confirmations: { unit: 'confirmations', least: (from: number) => from },
  /** BIP68: a relative lock in seconds, from the median time before the coin's block. */
  seconds: { unit: 'seconds', least: (from: number) => from },
  /** BIP113: the block after the tip compares with the tip's median time. */
  median_time: { unit: 'Unix seconds', least: (from: number) => from },
  final: { unit: 'confirmations', least: ({ confirmations }: Pick<Rules, 'confirmations'>) => confirmations },
} satisfies Limits;

/** Returns whether a transaction can be in the next block. */
export function isReady(
  from: Moment,
  { tip, medianTime }: Pick<ChainView, 'tip' | 'medianTime'>,
  { depth, age = 0 }: Pick<CoinSeen, 'depth' | 'age'>,
): boolean {
  if (from === null) return true;
  if ('height' in from) return allows({ least: DUTY_LIMITS.height.least(from.height) }, tip);
  if ('confirmations' in from) return allows({ least: DUTY_LIMITS.confirmations.least(from.confirmations) }, depth);
  if ('seconds' in from) return allows({ least: DUTY_LIMITS.seconds.least(from.seconds) }, age);
  return allows({ least: DUTY_LIMITS.median_time.least(from.median_time) }, medianTime);
}

/** Decides a duty: wait, send, bump, report or end. */
export function decideDuty(duty: Duty, seen: ChainView, rules: Rules): Due {
  const found = seen.coins.get(outpointText(duty.outpoint))!;
  const { coin, spend } = found;
  if (spend && spend.confirmations > 0) return minedOf(spend, rules);
  if (spend) return onPending(duty, found, spend, seen, rules);
  if (coin === 'absent') return { do: 'tell', event: 'unfunded', short: true };
  if (coin === 'unclear') return { do: 'tell', event: 'not-found', short: true };
  if (coin === 'spent') return SPENT_OTHERWISE;
  return isReady(duty.from, seen, found) || duty.sent ? sending(duty, null, seen, rules) : { do: 'rest' };
}

/** Returns the view with the coin's spender as a loss of `worthSat`: the duty outbids it. */
export function withRival({ outpoint, worthSat }: Duty, seen: ChainView): ChainView {
  const at = outpointText(outpoint);
  const found = seen.coins.get(at)!;
  return { ...seen, coins: new Map([[at, { ...found, spend: { ...found.spend!, lostSat: worthSat } }]]) };
}

/** Reports that the coin is spent, and that it is not known whom its spender pays. */
export const SPENT_OTHERWISE: Act = { do: 'tell', event: 'spent-otherwise', short: true };

/** Decides a duty whose coin is spent by a transaction in a block. */
export function minedOf(spend: CoinSpend, rules: Rules): Act {
  const { by, txid, paysSat, lostSat, confirmations } = spend;
  if (txid === null || paysSat === null || lostSat === null) return SPENT_OTHERWISE;
  const isFinal = allows({ least: DUTY_LIMITS.final.least(rules) }, confirmations);
  if (isFinal) return { do: 'end', event: lostSat > 0n ? 'lost' : 'settled', by, txid, paysSat, lostSat };
  if (lostSat === 0n) return { do: 'tell', event: 'confirming' };
  return { do: 'tell', event: 'overtaken', short: true, more: overtaken(spend) };
}

/** Returns the loss by a transaction that takes this party's money, as an event states it. */
export const overtaken = ({ by, txid, paysSat, lostSat }: CoinSpend): object => ({
  by,
  txid,
  pays_sat: paysSat,
  short_sat: lostSat,
});

/** Decides a duty whose coin is spent by a transaction in the mempool. */
function onPending(duty: Duty, found: CoinSeen, spend: CoinSpend, seen: ChainView, rules: Rules): Due {
  const evicted = spend.paying && withChildren(spend.paying.all, spend.paying.own);
  if (spend.lostSat === 0n) return help(duty, spend, evicted, seen, rules);
  const beaten = overtaken(spend);
  if (!isReady(duty.from, seen, found)) return { do: 'tell', event: 'overtaken', more: beaten, short: true };
  const outbid = sending(duty, evicted, seen, rules);
  return 'event' in outbid && outbid.do !== 'end' ? { ...outbid, beaten } : outbid;
}

/** Decides whether to pay more for a mempool transaction that pays this party. */
export function help(
  duty: Duty,
  { txid, paying }: CoinSpend,
  evicted: Evicted | null,
  seen: ChainView,
  rules: Rules,
): Due {
  const { tx } = duty;
  const inMempool: Due = { do: 'tell', event: 'in-mempool' };
  if (!paying) return inMempool;
  const now = feerateOf(paying.all.feeSat, paying.all.vsize);
  if ('sign' in tx) {
    const wanted = Math.max(seen.feerate, seen.least);
    if (!evicted || !allows({ least: CHILD_FEE_LIMITS.wanted.least(now) }, wanted)) return inMempool;
    return signing(duty, tx, evicted, seen, rules, 'bump');
  }
  // Another transaction that is as good for this party is left to its maker to pay for.
  if (tx.txid !== txid) return inMempool;
  const due = helpOf({ ...tx, fee: paying.own.feeSat }, now, childrenOf(paying.all, paying.own), seen, rules);
  if (due === null) return inMempool;
  return due.do === 'bump' ? { ...due, tx } : asked(duty, due);
}

/** Decides how a transaction is sent. @param evicted transactions whose place it takes */
export function sending(duty: Duty, evicted: Evicted | null, seen: ChainView, rules: Rules): Due {
  const { tx } = duty;
  const event = duty.sent ? 'rebroadcast' : duty.does;
  if ('sign' in tx) return signing(duty, tx, evicted, seen, rules, event);
  const due = sendingOf(tx, evicted, seen, rules);
  return 'child' in due ? { do: 'send', event, tx, child: due.child } : asked(duty, due);
}

/**
 * Returns the highest fee of an unsigned transaction: the budget, or without one a tenth of the
 * duty's worth. Its output is never left as dust.
 */
export const mostFee = ({ worthSat }: Pick<Duty, 'worthSat'>, tx: Unsigned, { feeBudgetSat }: Rules): bigint =>
  minSat(feeBudgetSat ?? worthSat / 10n, tx.sat - tx.dustSat);

/** A transaction that is signed at the fee that it needs now. */
function signing(duty: Duty, tx: Unsigned, evicted: Evicted | null, fees: Fees, rules: Rules, event: string): Due {
  const wanted = Math.max(fees.feerate, fees.least);
  const most = mostFee(duty, tx, rules);
  const instead = evicted ? replacementFee(evicted, tx.vsize, fees.relay) : 0n;
  const leastSat = maxSat(instead, feeFor(fees.least, tx.vsize));
  const needsSat = maxSat(leastSat, feeFor(wanted, tx.vsize));
  if (leastSat > most) return asked(duty, { do: 'over-budget', wanted: feerateOf(needsSat, tx.vsize), needsSat });
  return { do: 'sign', event, tx, feeSat: minSat(needsSat, most) };
}

/** Reports that a transaction needs a larger budget or a key, to be sent or to confirm soon. */
const asked = ({ tx, by, heights }: Duty, { do: event, wanted, ...short }: Short): Due => ({
  do: 'tell',
  event,
  short: true,
  more: {
    by: tx.by,
    ...('txid' in tx && { txid: tx.txid }),
    wanted: feerateText(wanted),
    ...('needsSat' in short && { needs_sat: short.needsSat }),
    ...(heights ?? { deadline_height: by }),
  },
});

/** View of a record that the watcher needs: its coins, duties and heights. */
export interface Watched {
  id: Hex;
  role: string;
  /** Height below which no duty is due while its coins are unspent. */
  restsUntil: number;
  /** Height below which its coins are not queried, as nothing was paid over it. Absent: always. */
  idleUntil?: number;
  /** Satoshis at stake. Records with more at stake are served first. */
  worthSat: bigint;
  coins: readonly WatchedCoin[];
  /** Outputs that make a duty due once another transaction has paid them. */
  goal?: Goal;
  /** All duties, the nearest first, as the calendar prints them. */
  duties: readonly Duty[];
  /** Decides what is due now, in most families by `decideDuty` of one duty. */
  decide(seen: ChainView, rules: Rules): readonly Due[];
}

/** A document that is watched without home or key. */
export interface WatchedDocument {
  network: Network;
  watched: Watched;
}
