/**
 * Kinds of records, as the store sees them. A kind says how a record is read and found, what the
 * schema guards of it, and what of it counts in sums. It also says what becomes of it when a store
 * was restored. A family exports one `Kind` for each.
 * Not here: the actions that write records (`action.ts`), the store (`home/`).
 */
import type { Gone } from '../bitcoin/outpoint.ts';
import type { Figures } from './figures.ts';

export type Hex = string;

/**
 * A name by which a record is found and that no second record of this home may hold.
 * `coin:TXID:VOUT` is a reservation and ends when the record stops naming it; `share:NAME` is a file with a secret that
 * the store must never hold, and is destroyed when no record names it any more. A claim of one family alone is called
 * `FAMILY:NAME`.
 */
export type Claim = `${string}:${string}`;

/** A sort of record that a family keeps. Its `parse` reads what `store` wrote. */
export interface Kind<R> {
  name: string;
  parse(json: unknown): R;
  claims(record: R): readonly Claim[];
  /**
   * Returns whether the counterparty has put no money behind it yet, as far as this home has seen.
   * Absent where that is known of none.
   */
  isStranger?(record: R): boolean;
  /** The signature hashes whose nonces may be open for the record: every other one ends with the commit that writes it. */
  nonces?(record: R): readonly Hex[];
  /** The claim that a record holds from first to last and no other ever does, where two records may have one name. */
  key?(record: R): Claim;
  /** Returns the columns beside the record, so that the store's schema can guard them. */
  row(record: R): RecordRow;
  /**
   * Returns the figures that count in sums over all records of the kind, which the store keeps
   * (`home/figures.ts`).
   */
  figures?(record: R): Figures;
  /** Returns the record as a restored or copied store may keep it: open offers and proposals end. */
  restored(record: R): R;
  /**
   * Merges two versions of one record, of a restored store and its journal, both as `restored` left
   * them. A value that only grows is the larger one. The second was written later, as far as can be
   * known. Absent: the one that is further, by its row.
   */
  merged?(mine: R, other: R): R;
  /** A restored record once its owner has said that nothing is missing at the end of the journal. Absent: that changes nothing. */
  completed?(record: R): R;
  /** A record that comes back from a journal where another one has taken a claim of its own since: what it is without that. */
  beside?(record: R): R;
  /** A record of the store that holds a claim of one that comes back, and is the one to yield: what it is without that claim. */
  yields?(mine: R, to: R): R | undefined;
  /** Records that were begun with this one: they end with the commit after which this one holds them no more. */
  holds?(record: R): readonly HeldRecord[];
  /** A held record once its holder has let go of it. */
  released?(record: R): R;
  /**
   * The record with which this one goes, by a claim of it, and whether nothing more can come of this one by itself; that one
   * stays while anything can. Absent: it stands by itself.
   */
  part?(record: R): { of: Claim; over: boolean };
  /** The coins that a record which is over was about: it is dropped only once the chain shows each of them spent, deep enough. */
  spent?(record: R): readonly Gone[];
}
/** A record that another one holds, by one of its claims. */
export interface HeldRecord {
  claim: Claim;
  kind: Kind<any>;
}

export interface RecordRow {
  /** The name under which people see it: a contract id, or the own key before there is one. */
  name: Hex;
  state: string;
  /** Total that the counterparty was paid, or has been signed: the store refuses to lower it. */
  highSat: bigint;
  /** The most that `highSat` may reach. */
  limitSat: bigint;
  /** Sum that was issued, or reported to its issuer, for what was paid: never above `highSat`, never lower than before. */
  issuedSat?: bigint;
  /** Issuer, fixed with the record. */
  issuer?: string;
  /**
   * Total that a payer owes, where others may raise it: never below `highSat` nor above `limitSat`,
   * never lower than before.
   */
  owedSat?: bigint;
  /** Left for good: the store refuses to leave this state for a state that is not left for good. */
  left: boolean;
  /**
   * Set once nothing more can come of a record that is left for good, so that the store may drop it
   * in time (`home/prune.ts`). `nothing`: nobody has ever paid for it, and a day is enough.
   * `ended`: it was settled, and is kept for as long as its owner says. Absent while it holds
   * money, owes any, or could be asked for again.
   */
  over?: 'nothing' | 'ended';
  /**
   * No transaction that pays to the addresses which the home gave to it was ever signed, nor will be: they are given to others.
   * Only of a record of which nothing came.
   */
  frees?: boolean;
}
