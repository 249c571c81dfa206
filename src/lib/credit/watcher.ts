/**
 * A credit contract in the terms of `watch`, which all families share: its coin, its duties, and what `watch.ts` decides as an
 * act or a word. Not here: the decision (`watch.ts`), how a record is read (`watched.ts`), documents (`bundle.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { feerateText } from '../bitcoin/fee.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import type { About, Act, Due, Duty, ChainView, CoinSpend, Watched, Watcher } from '../contract/duty.ts';
import { readyTxOf, type ReadyTx, type Rules } from '../contract/fees.ts';
import type { From } from '../contract/moment.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { freezeHeight } from './checks.ts';
import {
  cancelled,
  creditKind,
  exitingAs,
  FUNDED,
  isOpening,
  mayLapse,
  inState,
  rollingOf,
  settledAs,
  type Credit,
  type FundedCredit,
  type Settled,
} from './records.ts';
import { isReverse } from './terms.ts';
import {
  decide,
  dueAt,
  lastAt,
  shortOf,
  type CreditDue,
  type CreditSpend,
  type Waiting,
  type WatchedCredit,
} from './watch.ts';
import { finishedOf, judged, warnsAt, watchedOf } from './watched.ts';

/** Little enough to be held of each contract: no transaction. */
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
          return new Map([...w().ways].map(([txid, way]) => [txid, { ...way, lostSat: shortOf(w(), way.paysSat) }]));
        },
        judge(hex) {
          const { contract, script } = w();
          const way = contract && judged(contract, hex, script);
          return way ? { ...way, lostSat: shortOf(w(), way.paysSat) } : undefined;
        },
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
      return dutiesOf(w());
    },
    decide: (seen, rules) => [decided(w(), seen, rules)],
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

/** A merchant that has taken nothing may be owed something. */
const idleUntil = (c: FundedCredit): number => Math.min(c.terms.expiry, isReverse(c.terms) ? warnsAt(c) : Infinity);

/** The contract into which it is rolled over makes its rollover known. */
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

/** A rollover or close that this party has finished goes first, then its exit or refund. */
function dutiesOf(w: WatchedCredit): Duty[] {
  const { id, role, outpoint, own, pending, terms, paidSat } = w;
  const by = role === 'payee' ? terms.expiry : null;
  const duty = (tx: ReadyTx, does: string, why: string, from: From, worthSat: bigint): Duty => ({
    id: `${id} ${does} ${outpointText(outpoint)}`,
    does,
    why,
    outpoint,
    tx,
    from,
    by,
    worthSat,
  });
  const from = { height: dueAt(w) + 1 };
  return [
    ...(pending ? [duty(pending, 'rebroadcast', `the ${pending.by} was signed`, null, paidSat)] : []),
    ...(own && role === 'payee' ? [duty(own, 'exit', 'the payer can take a refund at the expiry', from, paidSat)] : []),
    ...(own && role === 'payer' ? [duty(own, 'refund', 'the contract has expired', from, own.paysSat)] : []),
  ];
}

function decided(w: WatchedCredit, seen: ChainView, rules: Rules): Due {
  const { coin, spend, conflicted = false } = seen.coins.get(outpointText(w.outpoint))!;
  const found = spend && spendBy(w, spend);
  const act = actOf(w, decide(w, { ...seen, coin, spend: found, conflicted }, rules), seen.tip);
  const beaten = overtakenBy(w, found);
  return beaten ? { ...act, beaten } : act;
}

function spendBy(w: WatchedCredit, { by, txid, hex, paysSat, confirmations, paying }: CoinSpend): CreditSpend {
  const as = by as Settled['by'];
  const fee = paying?.own.feeSat ?? 0n;
  const tx = hex === null ? null : { ...readyTxOf(as, hex, 0n, w.script, w.own?.children === null ? null : []), fee };
  return { by: as, txid, paysSat, confirmations, paying, tx };
}

/** Returns the event of a spend in the mempool that pays less than was paid; the remedy is told beside. */
function overtakenBy(w: WatchedCredit, spend: CreditSpend | null): object | undefined {
  if (!spend || spend.confirmations > 0 || spend.paysSat === null || shortOf(w, spend.paysSat) === 0n) return undefined;
  const { by, txid, paysSat } = spend;
  return { by, txid, pays_sat: paysSat, short_sat: shortOf(w, paysSat) };
}

function actOf(w: WatchedCredit, due: CreditDue, tip: number): Act {
  switch (due.do) {
    case 'wait':
      return waitingFor(w, due.why);
    case 'warn':
      return warning(w, tip);
    case 'propose-close':
      return { do: 'propose', event: due.do, opening: closing(w), instead: warning(w, tip) };
    case 'settled':
    case 'lost': {
      const { do: event, by, txid, paysSat } = due;
      return { do: 'end', event, by, txid, paysSat, lostSat: shortOf(w, paysSat) };
    }
    case 'overtaken': {
      const { by, txid, paysSat, lostSat } = due;
      return { do: 'tell', event: due.do, short: true, more: { by, txid, pays_sat: paysSat, short_sat: lostSat } };
    }
    case 'over-budget':
    case 'needs-bump': {
      const { by, txid } = due.tx;
      const needs = due.do === 'over-budget' && { needs_sat: due.needsSat };
      const more = { by, txid, wanted: feerateText(due.wanted), ...needs, expiry: w.terms.expiry };
      return { do: 'tell', event: due.do, short: true, more };
    }
    case 'exit':
    case 'refund':
    case 'rebroadcast':
      return { do: 'send', event: due.do, tx: due.tx, child: due.child };
    case 'bump':
    case 'lapse':
      return due;
  }
}

function waitingFor(w: WatchedCredit, why: Waiting): Act {
  if (why === 'early' || why === 'nothing-to-exit') return { do: 'rest' };
  if (why === 'restored') return { do: 'tell', event: why, short: true, more: { exits_at: lastAt(w.terms) } };
  // The coin is gone, and nobody can say that it paid what was due. A copy of a refund can never say it.
  const alarms = why === 'not-found' || why === 'spent-otherwise' || (why === 'unfunded' && w.role === 'payee');
  return { do: 'tell', event: why, ...(alarms && w.contract !== null && { short: true }) };
}

/** A merchant is told until when it can take what its mint owes, by credit-invoice --check and sign-update. */
const warning = (w: WatchedCredit, tip: number): Act => ({
  do: 'tell',
  event: 'warn',
  more: {
    deadline_height: dueAt(w),
    ...(w.warnsAt < freezeHeight(w.terms) &&
      tip < freezeHeight(w.terms) && { take_owed_before: freezeHeight(w.terms) }),
  },
});

/** A message that was printed may have got lost in a pipe; one that showed a nonce that is gone is made anew. */
const closing = ({ id, offers }: WatchedCredit) => ({
  type: 'close-credit',
  over: idClaim(id),
  input: { contract: id },
  again: offers === 'again',
  // They are told where a close is asked for; here they are no fault, and only no offer.
  unless: ['update-in-flight', 'owed-unsettled', 'contract-restored', 'home-restored'] as const,
});

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
  lapsed: (c) => (mayLapse(c) ? cancelled(c) : c),
  sent(c, { by }) {
    if (by !== 'exit') return c;
    const payee = inState(c, 'payee', 'accepted', ...FUNDED);
    // Only an exit falls due here, and a payee that has one never loses it.
    if (payee.exit === null) throw new Refusal('bug', `contract ${payee.id} is due, and has no exit`);
    return exitingAs(payee);
  },
  newest: (c, tx) => (tx.by === 'exit' ? watchedOf(c as FundedCredit, undefined).own! : tx),
};
