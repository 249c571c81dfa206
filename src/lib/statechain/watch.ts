/**
 * A statecoin as `watch` sees it, from a home's record: what spends it, what this home sends of its
 * own, and when.
 *
 *   owned, offering  the exit, once it is valid; the first owner's never: nobody can take it
 *   withdrawing      the same, while the operator has not signed
 *   closed           the withdrawal; the exit if that is stuck halfway to the deadline
 *   sent, restored   another may own it by now: its exit is sent against earlier owners only
 *   taken, restored  likewise, if it may have declined the coin: the sender's exit is only told
 *   open, frozen     nothing, as operator: what ended the coin is told, and ends the record
 *   any other        not watched: given away, given up, declined before, or not a coin yet
 *
 * An exit is a backup, which pays no fee: its child pays for both, out of anchor and payout. What
 * an owner before this one sends is outbid at any height from which the own backup is valid, and
 * told before. Not here: fees (`contract/fees.ts`), what each transaction is sent with
 * (`engine/watch.ts`), bundles without a home (`tower.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { maxSat } from '../bitcoin/amount.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { outputsOf, sumSat, txidOf } from '../bitcoin/transaction.ts';
import {
  withRival,
  decideDuty,
  isReady,
  minedOf,
  SPENT_OTHERWISE,
  type CoinSeen,
  type Due,
  type Duty,
  type ChainView,
  type CoinSpend,
  type Watched,
  type Way,
} from '../contract/duty.ts';
import type { Watcher } from '../contract/watcher.ts';
import { readyTxOf, type ReadyTx, type Rules } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { statecoinKind } from './records.ts';
import { windowOf, type Window } from './standing.ts';
import {
  atRest,
  freed,
  isOperators,
  isOwners,
  isWatched,
  mayBeAnothers,
  type OperatorRecord,
  type OwnerRecord,
  type Statecoin,
} from './states.ts';
import { locktimeAt, type Coin } from './terms.ts';
import { backup, withdraw } from './transactions.ts';

/** An owner's coin by its heights. */
interface StepWindow extends Window {
  step: number;
}
export const STATECOIN_WATCH_LIMITS = {
  /** A withdrawal hangs: its exit takes its place. */
  hangs: { unit: 'height', least: (c: StepWindow) => c.valid_from_height + Math.floor(c.step / 2) },
  /** Height from which a doubtful owner is warned: the next owner's backup is final next. */
  asked: { unit: 'height', least: (c: StepWindow) => c.valid_from_height - 1 - c.step },
} satisfies Limits;

type Watching = Exclude<OwnerRecord, { state: 'gone' }>;
const exitScript = (c: OwnerRecord): Hex => scriptOf(c.entries.at(-1)!.address, c.terms.network);
/** Returns the withdrawal that this home has completed. */
const completedOf = (c: OwnerRecord): { hex: Hex; script: Hex } | undefined => {
  const { tx } = c as { tx?: Hex };
  return c.state === 'closed' && tx !== undefined ? { hex: tx, script: outputsOf(tx)[0]!.script } : undefined;
};

/** Returns the output scripts of a record to look up in the home's wallet. */
export function scriptsIn(c: Statecoin): readonly Hex[] {
  if (!isOwners(c) || !isWatched(c)) return [];
  const addresses = [...c.entries, ...c.withdrawals].map(({ address }) => address);
  return [...new Set(addresses.map((address) => scriptOf(address, c.terms.network)))];
}

/** @param ours scripts of `scriptsIn` that belong to this home */
export function watchedCoin(c: Statecoin, ours: ReadonlySet<Hex>): Watched | undefined {
  if (!isWatched(c)) return undefined;
  return isOwners(c) ? ownersCoin(c, ours) : operatorsCoin(c);
}

/** Returns a coin's backup as it is sent. @param script that it pays */
export function exitOf(coin: Coin, hex: Hex, script: Hex, ours: ReadonlySet<Hex>): ReadyTx {
  return readyTxOf('exit', hex, coin.terms.amount_sat, script, ours.has(script) ? null : []);
}
export function exitDuty({ id, outpoint, terms }: Coin, at: Window, tx: ReadyTx, sent: boolean): Duty {
  const { confirm_before_height: by } = at;
  return {
    id: `${id} exit ${outpointText(outpoint)}`,
    does: 'exit',
    why:
      by === null
        ? 'nobody had the coin before: it is helped where it was sent'
        : `from height ${by} on the owner before can take the coin with its own backup`,
    outpoint,
    tx,
    from: { height: at.valid_from_height },
    by,
    worthSat: terms.amount_sat,
    ...(sent && { sent }),
  };
}

function ownersCoin(c: Watching, ours: ReadonlySet<Hex>): Watched {
  const at = windowOf(c);
  const done = completedOf(c);
  const { amount_sat: sat } = c.terms;
  const exit = exitDuty(c, at, exitOf(c, c.backups.at(-1)!, exitScript(c), ours), c.exiting === true);
  const withdrawal: Duty | undefined = done && {
    ...exit,
    id: `${c.id} withdraw ${outpointText(c.outpoint)}`,
    does: 'withdraw',
    why: 'the withdrawal was signed and is not in a block',
    tx: readyTxOf('withdrawal', done.hex, sat, done.script, ours.has(done.script) ? null : []),
    from: null,
    // This home has completed it, and its user may have sent it: it is sent again at any height.
    sent: true,
  };
  const threatened = at.confirm_before_height !== null;
  const sends = [...(withdrawal ? [withdrawal] : []), ...(threatened || exit.sent ? [exit] : [])];
  const doubt = doubtOf(c);
  const rests = (): number => {
    if (sends.length === 0) return Infinity;
    if (withdrawal || exit.sent) return -Infinity;
    return doubt === null ? at.valid_from_height - 1 : STATECOIN_WATCH_LIMITS.asked.least(stepWindowOf(c, at));
  };
  return {
    id: c.id,
    role: c.role,
    restsUntil: rests(),
    worthSat: sat,
    coins: [
      {
        outpoint: c.outpoint,
        // Computed on use, because it needs key aggregation.
        get ways() {
          return ownersWays(c, ours);
        },
        judge: (hex) => (doubt === null ? strangersWay(c, hex, ours) : undefined),
      },
    ],
    duties: doubt === null ? sends : sends.map((duty) => ({ ...duty, why: AGAINST })),
    decide: (seen, rules) => [decideOwners(c, { at, exit, withdrawal, sends }, seen, rules)],
  };
}

const AGAINST = 'another may own it by now: only against an owner before both';

/** Reason why another may own the coin by now, as its event says it; null: none. */
function doubtOf(c: OwnerRecord): 'restored' | 'in-transfer' | null {
  if (!mayBeAnothers(c)) return null;
  return c.state === 'sent' ? 'in-transfer' : 'restored';
}

/** Returns whether the previous owner spends a coin that this home may have declined. */
const isDoubtedSenders = (c: OwnerRecord, { by, txid }: CoinSpend): boolean =>
  c.declined === null && by === 'former-owner' && txid === txidOf(backup(c, c.entries.at(-2)!));

const stepWindowOf = (c: OwnerRecord, at: Window): StepWindow => ({ ...at, step: c.terms.step_blocks });

interface Owners {
  at: Window;
  exit: Duty;
  withdrawal: Duty | undefined;
  /** Duties that spend the coin unless another transaction does. */
  sends: readonly Duty[];
}
function decideOwners(c: Watching, { at, exit, withdrawal, sends }: Owners, seen: ChainView, rules: Rules): Due {
  const found = seen.coins.get(outpointText(c.outpoint))!;
  const { coin, spend } = found;
  const held = stepWindowOf(c, at);
  const doubt = doubtOf(c);
  if (doubt !== null && coin === 'unspent' && !exit.sent) {
    const asked = sends.length > 0 && allows({ least: STATECOIN_WATCH_LIMITS.asked.least(held) }, seen.tip);
    return asked ? { do: 'tell', event: doubt, short: true, more: heights(at) } : { do: 'rest' };
  }
  if (doubt !== null && spend && spend.lostSat === null) return SPENT_OTHERWISE;
  if (!exit.sent && spend && isDoubtedSenders(c, spend))
    return { do: 'tell', event: 'restored', short: true, more: { by: spend.by, txid: spend.txid, ...heights(at) } };
  if (coin === 'absent') return { do: 'tell', event: 'unfunded', ...(c.entries.length > 1 && { short: true }) };
  const own = [exit, withdrawal].find((duty) => duty && 'txid' in duty.tx && duty.tx.txid === spend?.txid);
  if (own === withdrawal && own && hangs(held, found, seen, rules, own)) {
    const instead = decideDuty(exit, withRival(exit, seen), rules);
    if (instead.do === 'send') return { do: 'send', event: instead.event, tx: instead.tx, child: instead.child };
  }
  const tried = own ? [own] : coin === 'unspent' ? sends : [withdrawal, exit];
  const dues = tried
    .filter((duty) => duty !== undefined)
    .filter((duty) => duty !== exit || !withdrawal || isReady(exit.from, seen, found))
    .map((duty) => decideDuty(duty, seen, rules));
  return dues.find((due) => due.do !== 'tell') ?? dues[0] ?? { do: 'rest' };
}

const heights = ({ valid_from_height, confirm_before_height }: Window): object => ({
  from_height: valid_from_height,
  deadline_height: confirm_before_height,
});

/** Returns whether an own withdrawal waits too long and cannot be helped. */
function hangs(held: StepWindow, { spend }: CoinSeen, seen: ChainView, rules: Rules, withdrawal: Duty): boolean {
  if (held.confirm_before_height === null || spend?.confirmations !== 0) return false;
  const late = allows({ least: STATECOIN_WATCH_LIMITS.hangs.least(held) }, seen.tip);
  const due = decideDuty(withdrawal, seen, rules);
  return late && due.do === 'tell' && due.short === true;
}
/** Returns every known spender of an owner's coin: backups of all owners, and withdrawals. */
function ownersWays(c: Watching, ours: ReadonlySet<Hex>): ReadonlyMap<Hex, Way> {
  const { amount_sat: sat, network } = c.terms;
  const last = c.entries.length - 1;
  const backups = c.entries.map((entry, i): [Hex, Way] => {
    const own = i === last || ours.has(scriptOf(entry.address, network));
    const way = own ? { by: 'exit', paysSat: sat, lostSat: 0n } : { by: 'former-owner', paysSat: 0n, lostSat: sat };
    return [txidOf(backup(c, entry)), way];
  });
  const withdrawals = c.withdrawals.map(({ address, feeSat }): [Hex, Way] => {
    const paysSat = ours.has(scriptOf(address, network)) ? sat - feeSat : 0n;
    return [txidOf(withdraw(c, address, feeSat)), { by: 'withdrawal', paysSat, lostSat: 0n }];
  });
  const next: [Hex, Way][] =
    c.state === 'sent'
      ? [
          [
            txidOf(backup(c, { address: c.to.address, locktime: locktimeAt(c.terms, last + 1) })),
            { by: 'next-owner', paysSat: 0n, lostSat: 0n },
          ],
        ]
      : [];
  return new Map([...backups, ...withdrawals, ...next]);
}

/** Classifies a spender that no owner has signed, by the operator's record. */
function strangersWay(c: OwnerRecord, hex: Hex, ours: ReadonlySet<Hex>): Way {
  const own = outputsOf(hex).filter(({ script }) => script === exitScript(c) || ours.has(script));
  const paysSat = sumSat(own);
  return { by: 'other', paysSat, lostSat: maxSat(c.terms.amount_sat - paysSat, 0n) };
}

function operatorsCoin(c: OperatorRecord): Watched {
  const last = c.entries.length - 1;
  const none = { paysSat: 0n, lostSat: 0n };
  const ways = () =>
    c.entries.map((entry, i): [Hex, Way] => [
      txidOf(backup(c, entry)),
      { by: i === last ? 'exit' : 'former-owner', ...none },
    ]);
  return {
    id: c.id,
    role: c.role,
    restsUntil: Infinity,
    worthSat: 0n,
    coins: [
      {
        outpoint: c.outpoint,
        get ways() {
          return new Map(ways());
        },
        judge: () => ({ by: 'other', ...none }),
      },
    ],
    duties: [],
    decide: ({ coins }, rules) => [decideOperators(coins.get(outpointText(c.outpoint))!, rules)],
  };
}

/** Decides an operator's coin, which holds no money of its own: spends are reported. */
function decideOperators({ spend }: CoinSeen, rules: Rules): Due {
  if (!spend) return { do: 'rest' };
  const { by, txid, confirmations } = spend;
  if (confirmations === 0) return { do: 'tell', event: 'in-mempool', more: { by, ...(txid !== null && { txid }) } };
  const due = minedOf(spend, rules);
  return due.do === 'tell' ? { do: 'tell', event: due.event, more: { by, ...(txid !== null && { txid }) } } : due;
}

/** Returns the record after its coin is finally spent. An operator's share is destroyed. */
export function settledAs(c: Statecoin, { by, txid, lostSat }: Extract<Due, { do: 'end' }>): Statecoin {
  const settled = { by, txid, lostSat };
  if (isOperators(c)) return { ...(c.state === 'frozen' ? freed(c) : c), state: 'closed', share: null, settled };
  if (!isOwners(c) || c.state === 'gone') return c;
  // A coin spent by the next owner was paid to it; the operator's receipt may still come.
  return { ...atRest(c), state: by === 'next-owner' ? 'gone' : 'closed', settled };
}

/**
 * Returns the record to store before its exit is sent. Such a coin is passed on no more.
 * @throws Refusal `state-moved-on` where it has another owner by now
 */
export function exitingAs(c: Statecoin, { by }: Pick<ReadyTx, 'by'>): Statecoin {
  if (!isOwners(c) || !isWatched(c))
    throw new Refusal('state-moved-on', `the coin is '${c.state}' in this home by now: nothing of its own is sent`);
  return by === 'exit' ? { ...c, exiting: true } : c;
}

export const statecoinWatcher: Watcher<Statecoin> = {
  kind: statecoinKind,
  // Records by the height of their exit, then those without one.
  order: { leaves: 'height', held: 'never' },
  scripts: scriptsIn,
  watched: (c, { ours }) => watchedCoin(c, ours),
  ended: settledAs,
  sent: exitingAs,
};
