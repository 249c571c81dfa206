/**
 * A family's part of `watch`: how the records of one kind are read, watched and kept.
 * Not here: duties (`duty.ts`), how a home is looked over (`engine/`).
 */
import type { Claim, Utxo, Facts, Hex, Kind } from '../protocol/action.ts';
import type { Figures } from '../protocol/figures.ts';
import type { Act, ChainView, Watched } from './duty.ts';
import type { ReadyTx } from './fees.ts';
import type { ChainFacts, TrackedCoin } from './outcome.ts';

/**
 * Meaning of a figure's value as a height from which its record is due.
 *
 *   now     none: all of its records are due
 *   height  from there on it is due
 *   wakes   likewise; before it the record is not even read, unless the home may lack records
 *   never   none: nothing falls due of it by itself
 */
export type Falls = 'now' | 'height' | 'wakes' | 'never';

/** Facts of a home beside the record. */
export interface About<R> {
  /** Output scripts of this home among those that `scripts` returned. */
  ours: ReadonlySet<Hex>;
  /** The record that `beside` names; null: it cannot be read. */
  beside: R | null | undefined;
  /** True where the home was restored and has not read its journal, which may know of more. */
  restored: boolean;
}

/** A record by itself. */
export const ALONE: About<never> = { ours: new Set(), beside: undefined, restored: false };

/** Facts that no duty states: which records nobody has funded, and what coins make of sums. */
export interface Upkeep<R> {
  /** Figures from which on a record may lapse: heights, or seconds to keep it after a time. */
  lapses: Readonly<Record<string, 'height' | number>>;
  /** Returns the lapsed record, or the same record if it was used meanwhile. */
  lapsed(record: R): R;
  /** Returns whether a record has lapsed. @param now Unix seconds */
  hasLapsed(record: R, facts: CoinFacts, now: number): boolean;
  /** Returns the coin that tells how a record stands; undefined if none does. */
  coin(record: R): (TrackedCoin & { ended: boolean }) | undefined;
  /** Returns the figures of a record with what the chain shows. */
  figures(record: R, facts: CoinFacts): Figures;
  /** Figure of the records that wait for the coin that their `funding:` claim names. */
  unfunded: string;
  /**
   * Returns an unfunded record by what the chain shows of its coin; undefined if nothing changes.
   * @param mined output there of a transaction in a block; undefined if none is known to be in one
   */
  funded(record: R, coins: Facts['coins'], mined: Utxo | 'missing' | undefined, restored: boolean): R | undefined;
}
/** Height, and what the chain shows of coins. */
export type CoinFacts = Pick<Facts, 'tip'> & ChainFacts;

/** A family's part of `watch`, for the records of one kind. */
export interface Watcher<R> {
  kind: Kind<R>;
  /** Figures of the kind by which its records are read. */
  order: Readonly<Record<string, Falls>>;
  /** Returns the output scripts to look up in the home's wallet. Absent: none. */
  scripts?(record: R): readonly Hex[];
  /** Returns the claim of another record of the kind that tells of this one's transactions. */
  beside?(record: R): Claim | undefined;
  /** Returns the view of a record; undefined if it is not watched. Costly parts are made on use. */
  watched(record: R, about: About<R>): Watched | undefined;
  /** Returns the record with new facts of a scan that must be stored; undefined without any. */
  learnt?(record: R, seen: ChainView): R | undefined;
  /** Returns the record after a final transaction has ended it. */
  ended(record: R, end: Extract<Act, { do: 'end' }>): R;
  /** Absent: no record of the kind lapses, or waits for its coin. */
  upkeep?: Upkeep<R>;
  /**
   * Returns the record to store before its own transaction is first sent. Absent: no change.
   * @throws Refusal `state-moved-on` where it may not be sent any more
   */
  sent?(record: R, tx: ReadyTx): R;
  /** Returns the transaction as the stored record now has it. Absent: it never changes. */
  newest?(record: R, tx: ReadyTx): ReadyTx;
}
