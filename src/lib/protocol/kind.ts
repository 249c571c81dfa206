/**
 * Kinds of records, as the store sees them. A kind defines how a record is read and found, which
 * columns the schema guards, and what counts in sums. It also defines what becomes of a record in a
 * restored store. A family exports one `Kind` for each.
 * Not here: the actions that write records (`action.ts`), the store (`home/`).
 */
import type { Gone } from '../bitcoin/outpoint.ts';
import type { Figures } from './figures.ts';

/** Bytes as lowercase hex. */
export type Hex = string;

/**
 * Unique key under which one record of a home is found. `coin:TXID:VOUT` reserves a coin while the
 * record has the claim. `share:NAME` is a file with a secret outside the store, destroyed once no
 * record claims it. A single family's claim is called `FAMILY:NAME`.
 */
export type Claim = `${string}:${string}`;

/** Type of a family's records. `parse` reads a stored record. */
export interface Kind<R> {
  name: string;
  parse(json: unknown): R;
  claims(record: R): readonly Claim[];
  /** Returns true while the record shows no money of the counterparty. Absent: no distinction. */
  isStranger?(record: R): boolean;
  /** Returns the signature hashes whose nonces stay open. The record's commit ends all others. */
  nonces?(record: R): readonly Hex[];
  /** Returns the claim that identifies the record for life, if records may share a name. */
  key?(record: R): Claim;
  /** Returns the columns that the schema guards, stored with the record. */
  row(record: R): RecordRow;
  /** Returns the figures that count in the stored sums over all records (`home/figures.ts`). */
  figures?(record: R): Figures;
  /** Returns the record for a restored or copied store: open offers and proposals end. */
  restored(record: R): R;
  /**
   * Merges two versions of a record, from a restored store and from its journal, both after
   * `restored`. Takes the larger of values that only grow. `other` is the later one, as far as
   * known. Absent: the version that is further by its row wins.
   */
  merged?(mine: R, other: R): R;
  /** Returns a record after `reconcile --complete` vouched for the journal. Absent: unchanged. */
  completed?(record: R): R;
  /** Returns a record from a journal without a claim that another record has taken since. */
  beside?(record: R): R;
  /** Returns a stored record without a claim ceded to the journal's; undefined if it keeps it. */
  yields?(mine: R, to: R): R | undefined;
  /** Returns records begun with this one. The commit that stops naming them releases them. */
  holds?(record: R): readonly HeldRecord[];
  /** Returns the record after the one that held it no longer names it. */
  released?(record: R): R;
  /**
   * Returns the claim of the record that this one is pruned with, and whether this one has ended.
   * The other record stays until it has. Absent: pruned alone.
   */
  part?(record: R): { of: Claim; over: boolean };
  /** Returns an ended record's coins: pruning waits until all are spent, deep enough. */
  spent?(record: R): readonly Gone[];
}
/** Record that another one holds, by one of its claims. */
export interface HeldRecord {
  claim: Claim;
  kind: Kind<any>;
}

/** Columns of a record that the store itself reads. */
export interface RecordRow {
  /** Name in lists and flags: the contract id, or this party's key before there is one. */
  name: Hex;
  state: string;
  /** Total that the counterparty was paid, or has been signed: the store refuses to lower it. */
  highSat: bigint;
  /** The most that `highSat` may reach. */
  limitSat: bigint;
  /** Sum issued or reported to the issuer for payments: at most `highSat`, never falling. */
  issuedSat?: bigint;
  /** Issuer, fixed with the record. */
  issuer?: string;
  /**
   * Total that a payer owes, if others may raise it: from `highSat` to `limitSat`, never falling.
   */
  owedSat?: bigint;
  /** True for a final state: the store refuses a change back to a state that is not final. */
  left: boolean;
  /**
   * Set once nothing more can come of a record that is left for good: the store may drop it in time
   * (`home/prune.ts`). `nothing`: nobody has ever paid for it, and a day is enough. `ended`: it was
   * settled, and stays for the time that its owner sets. Absent while it holds money, owes any, or
   * could be asked for again.
   */
  over?: 'nothing' | 'ended';
  /** True if other records may get its addresses: no transaction to them was or will be signed. */
  frees?: boolean;
}
