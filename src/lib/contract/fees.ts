/**
 * Fees of a contract's transaction and its child: enough to confirm soon, at least what a node asks
 * for the place of what must go, and never more than the budget.
 *
 * A TRUC transaction has one child: a new one evicts the one that is there, whoever made it, and
 * pays for that (`bitcoin/replacement.ts`). Not here: when something is sent at all (`duty.ts`).
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';
import { feeFor, feerateOf, MIN_FEERATE } from '../bitcoin/fee.ts';
import { childVsize, isAnchor } from '../bitcoin/package.ts';
import { replacementFee, type Evicted } from '../bitcoin/replacement.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { parseFinished, sumSat } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';

/** Child that was signed beforehand, for a watcher without keys. */
export interface Child {
  hex: Hex;
  fee: bigint;
  /** Feerate of parent and child together, satoshis for 1000 vB. */
  feerate: number;
}
/** A finished transaction that the watcher can send, or pay for. */
export interface ReadyTx<By extends string = string> {
  /** Sort of transaction, as events name it. */
  by: By;
  hex: Hex;
  txid: Hex;
  vsize: number;
  fee: bigint;
  /** Sum that it pays to the party that watches. */
  paysSat: bigint;
  /** Part of it that a child can spend on fees without leaving dust, in satoshis. */
  spareSat: bigint;
  /** Virtual bytes of a child that spends that output to its own script. */
  childVsize: number;
  /** The only children that there are; null: the watcher can sign any. */
  children: readonly Child[] | null;
}
/**
 * Returns a finished transaction as its fees are weighed. Its child spends the largest output of
 * the script, and an anchor.
 * @param inputsSat sum of the coins that it spends
 * @param script of the party that watches, hex
 * @param children all that there are; null: the party can sign any
 */
export function readyTxOf<By extends string>(
  by: By,
  hex: Hex,
  inputsSat: bigint,
  script: Hex,
  children: readonly Child[] | null,
): ReadyTx<By> {
  const { txid, vsize, outputs } = parseFinished(hex);
  const own = outputs.filter((o) => o.script === script);
  const largest = own.map(({ sat }) => sat).reduce(maxSat, 0n);
  const anchors = outputs.filter(isAnchor).map((o) => o.script);
  return {
    by,
    hex,
    txid,
    vsize,
    fee: inputsSat - sumSat(outputs),
    paysSat: sumSat(own),
    spareSat: maxSat(largest - dustLimit(script), 0n),
    childVsize: childVsize([...anchors, script], script),
    children,
  };
}
/** Returns a transaction of which `read` is called once more is asked for than its hex. */
export function readyLater<By extends string>(by: By, hex: Hex, read: () => ReadyTx<By>): ReadyTx<By> {
  let found: ReadyTx<By> | undefined;
  const it = (): ReadyTx<By> => (found ??= read());
  return {
    by,
    hex,
    get txid() {
      return it().txid;
    },
    get vsize() {
      return it().vsize;
    },
    get fee() {
      return it().fee;
    },
    get paysSat() {
      return it().paysSat;
    },
    get spareSat() {
      return it().spareSat;
    },
    get childVsize() {
      return it().childVsize;
    },
    get children() {
      return it().children;
    },
  };
}
/** Limits set by the operator of `watch`. */
export interface Rules {
  /** Depth at which a spend is final. */
  confirmations: number;
  /**
   * Highest fee of a child, or of a transaction signed when it is sent, for each contract, in
   * satoshis. Null: a tenth of the sum that its parent pays this party, or of the duty's worth; or
   * any child signed beforehand.
   */
  feeBudgetSat: bigint | null;
}
/** Satoshis for 1000 vB. */
export interface Fees {
  /** Feerate to confirm soon. */
  feerate: number;
  /** Minimum feerate of the node's mempool. */
  least: number;
  /** Incremental relay feerate of the node (BIP125, rule 4). */
  relay: number;
}
/** Fee of a child, and the feerate of both, satoshis for 1000 vB. */
export interface ChildFee {
  feeSat: bigint;
  feerate: number;
}
export type Short = { do: 'over-budget'; wanted: number; needsSat: bigint } | { do: 'needs-bump'; wanted: number };

/** A child that raises the feerate by less is not worth making, satoshis for 1000 vB. */
const STEP = 1_000;

export const CHILD_FEE_LIMITS = {
  child: { unit: 'sat', most: (tx: ReadyTx, rules: Pick<Rules, 'feeBudgetSat'>) => budgetOf(tx, rules) },
  /** Feerate that is wanted, where parent and children pay so much now. */
  wanted: { unit: 'sat/kvB', least: (now: number) => now + STEP },
} satisfies Limits;

/** Returns the highest fee of a child: the budget, and never so much that its output is dust. */
function budgetOf(tx: ReadyTx, { feeBudgetSat }: Pick<Rules, 'feeBudgetSat'>): bigint {
  const most = feeBudgetSat ?? (tx.children ? tx.spareSat : tx.paysSat / 10n);
  return minSat(most, tx.spareSat);
}

const together = (tx: ReadyTx, feeSat: bigint): ChildFee => ({
  feeSat,
  feerate: feerateOf(tx.fee + feeSat, tx.vsize + tx.childVsize),
});
/** Returns the fee of a child with which both reach a feerate. */
const feeAt = (tx: ReadyTx, feerate: number): bigint => feeFor(feerate, tx.vsize + tx.childVsize) - tx.fee;

/** Returns the affordable child of at least `leastSat`, nearest to `wantedSat`; null: none. */
function childWithin(tx: ReadyTx, leastSat: bigint, wantedSat: bigint, rules: Rules): ChildFee | null {
  const most = CHILD_FEE_LIMITS.child.most(tx, rules);
  if (!tx.children) {
    if (!allows({ most }, leastSat)) return null;
    return together(tx, minSat(wantedSat, most));
  }
  const fit = tx.children
    .filter(({ fee }) => allows({ least: leastSat, most }, fee))
    .sort((a, b) => Number(a.fee - b.fee));
  const chosen = fit.find(({ fee }) => fee >= wantedSat) ?? fit.at(-1);
  return chosen ? { feeSat: chosen.fee, feerate: chosen.feerate } : null;
}

/**
 * Returns how a transaction is sent: alone if it pays enough, or if the budget allows no child and
 * a node takes it as it is; else with a child. A `Short` says what is lacking for that.
 * @param evicted transactions whose place it takes
 */
export function sendingOf(
  tx: ReadyTx,
  evicted: Evicted | null,
  { feerate, least, relay }: Fees,
  rules: Rules,
): { child: ChildFee | null } | Short {
  const wanted = Math.max(feerate, least);
  const taken = tx.fee >= feeFor(least, tx.vsize) && (!evicted || tx.fee >= replacementFee(evicted, tx.vsize, relay));
  if (taken && tx.fee >= feeFor(wanted, tx.vsize)) return { child: null };
  // A node takes both together only where the child pays the higher feerate.
  const better = (tx.fee * BigInt(tx.childVsize)) / BigInt(tx.vsize) + 1n;
  const relayed = feeFor(Math.max(MIN_FEERATE, least), tx.childVsize);
  const both = evicted ? replacementFee(evicted, tx.vsize + tx.childVsize, relay) - tx.fee : 0n;
  const leastSat = [better, relayed, both, feeAt(tx, least)].reduce(maxSat);
  const wantedSat = maxSat(leastSat, feeAt(tx, wanted));
  const child = childWithin(tx, leastSat, wantedSat, rules);
  if (child || taken) return { child };
  if (tx.children?.length === 0) return { do: 'needs-bump', wanted: together(tx, wantedSat).feerate };
  return { do: 'over-budget', wanted: together(tx, wantedSat).feerate, needsSat: wantedSat };
}

/**
 * Returns the child for a transaction in the mempool, or what it lacks; null if none is worth its
 * fee.
 * @param now what it pays with its children, satoshis for 1000 vB
 * @param evicted the child that is there
 */
export function helpOf(
  tx: ReadyTx,
  now: number,
  evicted: Evicted | null,
  { feerate, least, relay }: Fees,
  rules: Rules,
): ({ do: 'bump'; child: ChildFee } | Short) | null {
  const wanted = Math.max(feerate, least);
  // The other party pays for transactions that pay this party nothing.
  if (!allows({ least: CHILD_FEE_LIMITS.wanted.least(now) }, wanted) || tx.paysSat === 0n) return null;
  if (tx.children?.length === 0) return { do: 'needs-bump', wanted };
  const relayed = feeFor(Math.max(MIN_FEERATE, least), tx.childVsize);
  const instead = evicted ? replacementFee(evicted, tx.childVsize, relay) : 0n;
  const leastSat = [relayed, instead, feeAt(tx, now + STEP)].reduce(maxSat);
  const wantedSat = maxSat(leastSat, feeAt(tx, wanted));
  const child = childWithin(tx, leastSat, wantedSat, rules);
  return child ? { do: 'bump', child } : { do: 'over-budget', wanted, needsSat: wantedSat };
}
