/**
 * A credit contract as `watch` sees it: its coin, its duties, and what is due over it.
 *
 *   margin before it  a merchant warns: invoices are paid no more, take what is owed
 *   freeze            both warn: payments have ended, roll over or close
 *   halfway           both offer a close; not before, since an offered close blocks a rollover
 *   deadline          the payee exits; a rollover or close that hangs is paid for by a child
 *   half the margin   the payee exits also against a rollover or close that hangs,
 *                     or from a store that may be behind
 *   expiry            the payer takes its refund
 *   always            a spender that pays the payee less than it was paid is outbid;
 *                     one that pays as much is left alone, and gets a child
 *
 * The payer replaces nothing, for it has signed whatever else spends the coin. An exit is never
 * proposed against a transaction that is in a block. Not here: which transactions can spend the
 * coin, and what they pay to whom (`watched.ts`), documents (`bundle.ts`), how a duty is sent and
 * helped (`contract/duty.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { withChildren } from '../bitcoin/replacement.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import {
  help,
  minedOf,
  overtaken,
  sending,
  SPENT_OTHERWISE,
  type Act,
  type ChainView,
  type CoinSeen,
  type Due,
  type Duty,
  type CoinSpend,
  type Watched,
} from '../contract/duty.ts';
import type { About, Watcher } from '../contract/watcher.ts';
import { readyTxOf, type ReadyTx, type Rules } from '../contract/fees.ts';
import type { Moment } from '../contract/moment.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { deadlineHeight, freezeHeight, type Heights } from './checks.ts';
import {
  creditKind,
  exitingAs,
  FUNDED,
  inState,
  isOpening,
  mayLapse,
  rollingOf,
  settledAs,
  type Credit,
  type FundedCredit,
  type Settled,
} from './records.ts';
import { isReverse } from './terms.ts';
import { creditUpkeep } from './upkeep.ts';
import { finishedOf, strangersWay, warnsAt, watchedOf, type WatchedCredit } from './watched.ts';

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
} satisfies Limits;

/** A duty whose transaction is signed. */
type ReadyDuty = Duty & { tx: ReadyTx };

/** Returns a contract's duties: a finished rollover or close, and its exit or refund. */
function dutiesOf(w: WatchedCredit): { pending: ReadyDuty | undefined; own: ReadyDuty | undefined } {
  const { id, role, outpoint, own, pending, terms, paidSat } = w;
  const isPayee = role === 'payee';
  const duty = (tx: ReadyTx, does: string, why: string, from: Moment, worth: () => bigint): ReadyDuty => ({
    id: `${id} ${does} ${outpointText(outpoint)}`,
    does,
    why,
    outpoint,
    tx,
    from,
    by: isPayee ? terms.expiry : null,
    get worthSat() {
      return worth();
    },
    heights: { expiry: terms.expiry },
    sent: isPayee && w.exiting,
  });
  const from = { height: dueAt(w) + 1 };
  const why = isPayee ? 'the payer can take a refund at the expiry' : 'the contract has expired';
  return {
    pending: pending ? duty(pending, 'rebroadcast', `the ${pending.by} was signed`, null, () => paidSat) : undefined,
    own: own ? duty(own, isPayee ? 'exit' : 'refund', why, from, () => (isPayee ? paidSat : own.paysSat)) : undefined,
  };
}

const REST: Due = { do: 'rest' };
const IN_MEMPOOL: Due = { do: 'tell', event: 'in-mempool' };

/** Decides what is due over a contract at one look. */
export function decide(w: WatchedCredit, seen: ChainView, rules: Rules): Due {
  const found = seen.coins.get(outpointText(w.outpoint))!;
  const { coin, spend } = found;
  if (spend && spend.confirmations > 0) return unlessCopy(w, minedOf(spend, rules));
  const nobody = coin === 'absent' || (w.lapses === true && coin !== 'unspent');
  if (nobody && !spend && w.lapses && seen.tip >= w.terms.expiry) return { do: 'lapse' };
  if (coin === 'absent')
    return w.own ? { do: 'tell', event: 'unfunded', ...(w.role === 'payee' && { short: true }) } : REST;
  if (coin === 'unclear') return w.own ? unlessCopy(w, { do: 'tell', event: 'not-found', short: true }) : REST;
  if (spend) return onPending(w, spend, seen, rules);
  return coin === 'spent' ? unlessCopy(w, SPENT_OTHERWISE) : onUnspent(w, found, seen, rules);
}

/** Returns a report, for the copy of a refund without an alarm: it knows of no other payment. */
const unlessCopy = (w: WatchedCredit, act: Act): Act =>
  w.contract === null && act.do === 'tell' ? { do: 'tell', event: act.event } : act;

function onUnspent(w: WatchedCredit, { conflicted }: CoinSeen, seen: ChainView, rules: Rules): Due {
  const { tip } = seen;
  const { role, terms } = w;
  const { own, pending } = dutiesOf(w);
  const isDue = allows({ least: WATCH_LIMITS.own.least(w) }, tip);
  const waits = allows({ most: WATCH_LIMITS.waits.most(terms) }, tip);
  const givenUp = role === 'payee' ? !waits || (isDue && conflicted) : isDue;
  if (pending && !givenUp) {
    if (tip >= deadlineHeight(terms)) return sending(pending, null, seen, rules);
    return { do: 'send', event: pending.does, tx: pending.tx, child: null };
  }
  if (w.behind && tip >= freezeHeight(terms) && (!own || waits))
    return { do: 'tell', event: 'restored', short: true, more: { exits_at: lastAt(terms) } };
  if (own && (isDue || own.sent)) return sending(own, null, seen, rules);
  if (role === 'payee' && !own) return takesMore(w, tip) ? warning(w, tip) : REST;
  const { least, most } = WATCH_LIMITS.offer;
  if (allows({ least: least(terms), most: most(terms) }, tip) && w.offers)
    return { do: 'propose', event: 'propose-close', opening: closing(w), instead: warning(w, tip) };
  return tip >= w.warnsAt ? warning(w, tip) : REST;
}

/** Returns whether a merchant that has taken nothing may still be owed something. */
const takesMore = ({ terms, warnsAt }: WatchedCredit, tip: number): boolean =>
  warnsAt < freezeHeight(terms) && tip >= warnsAt && tip < terms.expiry;

/** Decides over a contract whose coin is spent by a transaction in the mempool. */
function onPending(w: WatchedCredit, spend: CoinSpend, seen: ChainView, rules: Rules): Due {
  const { own, pending } = dutiesOf(w);
  const mine = [own, pending].find((duty) => duty?.tx.txid === spend.txid);
  const isEnough = spend.lostSat === 0n;
  const { by, hex } = spend;
  // The counterparty's transaction, as this party can pay for it with a child.
  const shown = hex === null ? undefined : readyTxOf(by, hex, 0n, w.script, w.own?.children === null ? null : []);
  const others = shown && own && { ...own, tx: { ...shown, fee: spend.paying?.own.feeSat ?? 0n } };
  const helped = mine ?? (w.role === 'payee' && isEnough ? others : undefined);
  const isPatient = mine !== own && seen.tip < deadlineHeight(w.terms) && !w.exiting;
  const evicted = spend.paying && withChildren(spend.paying.all, spend.paying.own);
  const helping = (): Due => {
    if (!helped || isPatient) return IN_MEMPOOL;
    const { fee: feeSat, vsize } = helped.tx;
    const paying = spend.paying ?? { all: { feeSat, vsize }, own: { feeSat, vsize } };
    return help(helped, { ...spend, paying }, evicted, seen, rules);
  };
  const isOutbid = w.role === 'payee' && own && mine !== own && seen.tip >= outbidAt(w, own.tx, spend);
  let due = isOutbid ? sending(own, evicted, seen, rules) : helping();
  // Too dear: what pays as much is rather helped than left.
  if (isOutbid && due.do === 'tell' && due.event === 'over-budget' && helped && isEnough) due = helping();
  return spend.lostSat !== null && spend.lostSat > 0n ? { ...due, beaten: overtaken(spend) } : due;
}

/**
 * Returns the height from which the exit takes the place of what is in the mempool. That is at once
 * where it pays less than was paid, and never where it pays more than the exit. Where it pays as
 * much and does not confirm, it is half the margin.
 */
function outbidAt({ terms, role, paidSat, knowsAll, behind }: WatchedCredit, own: ReadyTx, spend: CoinSpend): number {
  const hangs = behind ? Infinity : lastAt(terms);
  // Not shown: a rollover or close, it may be, where such are not known.
  if (spend.paysSat === null) return knowsAll && !behind ? dueAt({ role, terms }) : hangs;
  if (spend.paysSat < paidSat) return 0;
  return spend.paysSat > own.paysSat ? Infinity : hangs;
}

/** Tells a merchant until when it can take what its mint owes. */
const warning = (w: WatchedCredit, tip: number): Act => ({
  do: 'tell',
  event: 'warn',
  more: {
    deadline_height: dueAt(w),
    ...(w.warnsAt < freezeHeight(w.terms) &&
      tip < freezeHeight(w.terms) && { take_owed_before: freezeHeight(w.terms) }),
  },
});

/** Repeats a printed message, which a pipe may have lost; made anew if its nonce is gone. */
const closing = ({ id, offers }: WatchedCredit) => ({
  type: 'close-credit',
  over: idClaim(id),
  input: { contract: id },
  again: offers === 'again',
  // They are told where a close is asked for; here they are no fault, and only no offer.
  unless: ['update-in-flight', 'owed-unsettled', 'contract-restored', 'home-restored'] as const,
});

/** The part of a contract that is kept in memory between looks; it holds no transaction. */
type Resting = Pick<Watched, 'id' | 'role' | 'restsUntil' | 'idleUntil' | 'worthSat'> & { outpoint: Outpoint };

/** A contract whose transaction is sent again never rests. */
const restsUntil = (warns: number, sends: boolean): number => (sends ? -Infinity : warns);

/** @param work works out the rest, once it is asked for */
function shared({ outpoint, ...rest }: Resting, work: () => WatchedCredit): Watched {
  let worked: WatchedCredit | undefined;
  const w = () => (worked ??= work());
  return {
    ...rest,
    coins: [
      {
        outpoint,
        get ways() {
          return w().ways;
        },
        judge: (hex) => strangersWay(w(), hex),
        // Of a copy that knows its refund only, every other end is one that it need not name.
        get unsearched() {
          return w().lapses === true || w().contract === null;
        },
        get beside() {
          const { pending } = w();
          return pending ? inputsOf(pending.hex).filter((one) => outpointText(one) !== outpointText(outpoint)) : [];
        },
      },
    ],
    get duties() {
      const { pending, own } = dutiesOf(w());
      return [pending, own].filter((duty) => duty !== undefined);
    },
    decide: (seen, rules) => [decide(w(), seen, rules)],
  };
}

const inputsOf = (hex: Hex): Outpoint[] =>
  parseTransaction(hex).inputs.map((i) => ({ txid: bytesToHex(i.txid), vout: i.index }));

/** A contract that is worked out, without a home. */
export const asShared = (w: WatchedCredit): Watched =>
  shared(
    {
      id: w.id,
      role: w.role,
      outpoint: w.outpoint,
      restsUntil: restsUntil(w.warnsAt, w.pending !== null || w.exiting),
      worthSat: maxSat(w.paidSat, w.own?.paysSat ?? 0n),
    },
    () => w,
  );

/** Returns the height below which an unpaid contract is not queried; a merchant may be owed. */
const idleUntil = (c: FundedCredit): number => Math.min(c.terms.expiry, isReverse(c.terms) ? warnsAt(c) : Infinity);

/** Returns the watch view of a record. The next contract makes a rollover into it known. */
function watchedRecord(c: Credit, { beside, restored }: About<Credit>): Watched | undefined {
  if (isOpening(c) || c.state === 'cancelled' || c.settled) return undefined;
  const next = beside && 'outpoint' in beside ? beside : undefined;
  return shared(
    {
      id: c.id,
      role: c.role,
      outpoint: c.outpoint,
      restsUntil: restsUntil(warnsAt(c), finishedOf(c) !== null || c.state === 'exiting'),
      worthSat: c.role === 'payee' ? c.paidSat : c.terms.capacity_sat,
      ...(mayLapse(c) && c.state !== 'closing' && { idleUntil: idleUntil(c) }),
    },
    () => watchedOf(c, next, { restored, knowsAll: beside !== null }),
  );
}

export const creditWatcher: Watcher<Credit> = {
  kind: creditKind,
  // Those with an exit by their deadline, all others by their expiry; one that nobody has funded comes only then.
  order: { deadline: 'height', expiry: 'height', unfunded: 'wakes' },
  beside(c) {
    const key = rollingOf(c)?.nextKey;
    return key === undefined ? undefined : keyClaim(key);
  },
  watched: watchedRecord,
  ended: (c, { by, txid, paysSat }) => settledAs(c as FundedCredit, { by: by as Settled['by'], txid, paysSat }),
  upkeep: creditUpkeep,
  sent(c, { by }) {
    if (by !== 'exit') return c;
    const payee = inState(c, 'payee', 'accepted', ...FUNDED);
    // Only an exit falls due here, and a payee that has one never loses it.
    if (payee.exit === null) throw new Refusal('bug', `contract ${payee.id} is due, and has no exit`);
    return exitingAs(payee);
  },
  newest: (c, tx) => (tx.by === 'exit' ? watchedOf(c as FundedCredit, undefined).own! : tx),
};
