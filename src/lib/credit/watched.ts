/**
 * A contract as the watcher sees it, from a home's record: what this party can send, and every
 * transaction that may spend the coin. Any other is classified by what it pays to whom: an update
 * or close follows from terms and outputs, so an older one is known too.
 * Not here: the same from documents, without a home (`bundle.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { outputsOf, sumSat, txidOf, txidOfHex, type Output, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { mayLapse, owesNothing, paidOf, type FundedCredit, type Settled } from './states.ts';
import { freezeHeight, meltsEndHeight, type Heights } from './checks.ts';
import { isReverse, payoutScript, type Contract, type Role } from './terms.ts';
import { close, maxPaid, refund, update } from './transactions.ts';
import type { Way } from '../contract/duty.ts';
import { readyLater, readyTxOf, type ReadyTx } from '../contract/fees.ts';

/** A transaction that spends a contract's coin. */
export type CreditWay = Way<Settled['by']>;
/** Contract as `watch` decides over it: terms, sums, every transaction that can spend its coin. */
export interface WatchedCredit {
  id: Hex;
  role: Role;
  terms: Heights;
  outpoint: Outpoint;
  /** Whole contract, which identifies its transactions; null if only a refund is known. */
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
  /** True if the payee's home was restored without its journal, which may have a larger exit. */
  behind: boolean;
}

/** Returns the part of the payee's money that a transaction leaves out. */
export const shortOf = (w: Pick<WatchedCredit, 'role' | 'paidSat'>, paysSat: bigint): bigint =>
  w.role === 'payee' ? maxSat(w.paidSat - paysSat, 0n) : 0n;

const ownOf = (c: FundedCredit): Hex | null => (c.role === 'payer' ? c.refund : c.exit);
export const finishedOf = (c: FundedCredit): Hex | null => {
  const { tx } = c as { tx?: Hex };
  return (c.state === 'closed' || c.state === 'rolled') && tx !== undefined ? tx : null;
};
const isBehind = (c: FundedCredit, restored: boolean): boolean =>
  restored && c.role === 'payee' && c.state !== 'exiting';

/** Returns the height of the warning: for a merchant, when nothing more is paid to it. */
export const warnsAt = ({ role, terms }: FundedCredit): number =>
  role === 'payee' && isReverse(terms) ? meltsEndHeight(terms) : freezeHeight(terms);

/**
 * Returns the watcher's view of a contract. Its transactions are parsed on first use, for most
 * contracts never.
 * @param next contract into which it is rolled over, if there is one: the rollover is its funding
 * @param restored true where the home has not read its journal yet
 * @param knowsAll false where `next` could not be read
 */
export function watchedOf(
  c: FundedCredit,
  next: Contract | undefined,
  { restored = false, knowsAll = true }: { restored?: boolean; knowsAll?: boolean } = {},
): WatchedCredit {
  const own = ownOf(c);
  const by = c.role === 'payer' ? 'refund' : 'exit';
  const finished = finishedOf(c);
  const topUps = c.state === 'rolled' && c.rolling ? sumSat(c.rolling.topUps) : 0n;
  const script = () => payoutScript(c.terms, c.role);
  const ready = (by: Settled['by'], hex: Hex, inputsSat: bigint) =>
    readyLater(by, hex, () => readyTxOf(by, hex, inputsSat, script(), null));
  return {
    id: c.id,
    role: c.role,
    terms: c.terms,
    outpoint: c.outpoint,
    contract: c,
    get script() {
      return script();
    },
    paidSat: c.role === 'payee' ? c.paidSat : 0n,
    own: own === null ? null : ready(by, own, c.terms.capacity_sat),
    pending: finished === null ? null : ready(finishedAs(c, finished), finished, c.terms.capacity_sat + topUps),
    exiting: c.state === 'exiting',
    offers: offerOf(c),
    get ways() {
      return waysOf(c, next);
    },
    knowsAll,
    lapses: mayLapse(c) && (owesNothing(c) || 'absent'),
    warnsAt: warnsAt(c),
    behind: isBehind(c, restored),
  };
}

/** Every known transaction that spends the coin, by txid, and what it pays to this home. */
export function waysOf(c: FundedCredit, next?: Contract): ReadonlyMap<Hex, CreditWay> {
  const script = payoutScript(c.terms, c.role);
  const { tx } = c as { tx?: Hex };
  const ways = new Map<Hex, CreditWay>();
  const add = (by: Settled['by'], txid: Hex, paysSat: bigint): void =>
    void ways.set(txid, { by, paysSat, lostSat: shortOf({ role: c.role, paidSat: paidOf(c) }, paysSat) });
  const made = (by: Settled['by'], template: Template): void =>
    add(by, txidOf(template), paysTo(template.outputs, script));
  const shown = (by: Settled['by'], hex: Hex): void => add(by, txidOfHex(hex), paysTo(outputsOf(hex), script));
  made('refund', refund(c));
  if (c.role === 'payer' && c.signedMaxSat > 0n) made('exit', update(c, c.signedMaxSat));
  if (c.role === 'payee' && c.exit !== null) shown('exit', c.exit);
  // A close at the exit's feerate is the exit, but for its signature: then the later word holds.
  if (c.signedClose) made('close', close(c, c.signedClose.paidSat, c.signedClose.feeSat));
  // The payee is paid by a rollover what it was paid; what comes back to the payer is in the next contract.
  if (next) add('rollover', next.outpoint.txid, c.role === 'payee' ? (c.rolling?.paidSat ?? c.paidSat) : 0n);
  if (tx !== undefined) shown(finishedAs(c, tx), tx);
  return ways;
}

/**
 * Returns the sort of a transaction that spends the contract's coin, by its outputs alone, and the
 * sum that it pays to that script.
 */
export function judged(c: Contract, hex: Hex, script: Hex): Pick<CreditWay, 'by' | 'paysSat'> {
  const outputs = outputsOf(hex);
  const txid = txidOfHex(hex);
  const paysSat = paysTo(outputs, script);
  if (txid === txidOf(refund(c))) return { by: 'refund', paysSat };
  const paid = paysTo(outputs, payoutScript(c.terms, 'payee'));
  const fee = c.terms.capacity_sat - sumSat(outputs);
  if (paid <= maxPaid(c.terms) && txid === txidOf(update(c, paid))) return { by: 'exit', paysSat };
  return { by: fee >= 0n && txid === txidOf(close(c, paid, fee)) ? 'close' : 'other', paysSat };
}

/** Returns an unknown spender as a way; undefined where the party cannot say what was due to it. */
export function strangersWay(
  w: Pick<WatchedCredit, 'contract' | 'role' | 'script' | 'paidSat'>,
  hex: Hex,
): CreditWay | undefined {
  const way = w.contract && judged(w.contract, hex, w.script);
  return !way || (way.by === 'other' && w.role === 'payer') ? undefined : { ...way, lostSat: shortOf(w, way.paysSat) };
}

/** A transaction that this home has finished itself is a close, or else a rollover. */
const finishedAs = (c: Contract, hex: Hex): 'close' | 'rollover' =>
  judged(c, hex, '').by === 'other' ? 'rollover' : 'close';

/**
 * Returns whether a close may be proposed. An own proposal is printed again; a rollover under way
 * is left to the operator.
 */
function offerOf(c: FundedCredit): WatchedCredit['offers'] {
  if (c.state === 'closing' && c.closing && !c.signedClose) return 'again';
  return (c.state === 'open' || c.state === 'accepted') && !c.closing && !c.rolling && !c.signedClose;
}

const paysTo = (outputs: readonly Output[], script: Hex): bigint => sumSat(outputs.filter((o) => o.script === script));
