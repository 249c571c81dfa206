/**
 * Records of a statecoin: a union over role and state.
 *
 *   operator  offered → open ⇄ frozen, open → closed
 *   owner     [addressed →] proposed → owned          the first
 *             invited → received → owned              a later one
 *             owned → offering → sent → gone          as sender; back to owned by a cancel
 *             owned → withdrawing → closed
 *
 * An operator's share is no part of its record: the record names the file (`share:NAME`). A home
 * that was restored or copied names none any more, so that its files end, and as operator it only
 * states what it knows: exit-only.
 * Not here: how a store finds and guards it (`records.ts`), what is left after a restore
 * (`restore.ts`).
 */
import type { Funding } from '../bitcoin/funding.ts';
import type { Hex } from '../protocol/action.ts';
import type { Own } from '../signing/exchange.ts';
import type { Side } from '../signing/side.ts';
import type { Cancelled, OwnerEntry, Invite, Opening, PublicRecord, Receipt } from './statements.ts';
import type { Coin, Offer, Terms } from './terms.ts';

export type Role = 'operator' | 'owner';

/** Final spend of the coin, as the chain showed it. */
export interface Settled {
  /** Sort of the transaction: exit, withdrawal, former-owner, next-owner, other. */
  by: string;
  txid: Hex;
  /** Satoshis that an owner has lost by it. */
  lostSat: bigint;
}
export interface OperatorCoin extends Coin {
  role: 'operator';
  own: Own;
  entries: readonly OwnerEntry[];
  signed: PublicRecord['signed'];
  /** The file of the present share; null in a restored home. */
  share: string | null;
  cancelled: readonly Cancelled[];
  /** The one withdrawal that it has signed. */
  closing: { address: string; feeSat: bigint } | null;
  restored: boolean;
  settled?: Settled;
}
/** A transfer under way at the operator. `share`: the file with S', x and E. */
export interface Frozen {
  invite: Invite;
  opening: Opening;
  share: string;
}

/** Opening that this owner has answered or cancelled. */
export interface AnsweredOpening {
  operator_pubkey: Hex;
  owner_pubkey: Hex;
  /** Authentication key of the invitation, by which to decline. Empty if it is not known. */
  owner_auth: Hex;
  /** True once this home has printed m1 of the transfer. */
  sent: boolean;
  declined: boolean;
}
export interface Withdrawal {
  address: string;
  feeSat: bigint;
  sighash: Hex;
}
export interface OwnerCoin extends Coin {
  role: 'owner';
  own: Own;
  side: Side;
  entries: readonly OwnerEntry[];
  /** The finished backups, hex, one an entry; the last is this owner's. */
  backups: readonly Hex[];
  cancelled: readonly Cancelled[];
  receipt: Receipt | null;
  /** Operator's answer that completed the backup; a repeated one must be equal. */
  answer: Hex;
  funding: Funding | null;
  coins: readonly string[];
  given: readonly AnsweredOpening[];
  /** All requested withdrawals; the operator signs one. The last one may be under way. */
  withdrawals: readonly Withdrawal[];
  /** The record comes from a restored or copied store. */
  restored: boolean;
  /** Least remaining blocks that the receiver demanded; 0 for a coin that it opened itself. */
  minRemaining: number;
  minConf: number;
  /** True if this home had declined the transfer, which is no payment then; null: not known. */
  declined: boolean | null;
  /** True if a later record of this home has the same coin id. */
  superseded: boolean;
  /** The exit was sent: the coin is passed on no more. */
  exiting?: true;
  settled?: Settled;
}
/** Coin of a receiver, before the operator has moved it. */
export interface PendingCoin extends Coin {
  role: 'owner';
  own: Own;
  side: Side;
  opening: Opening;
  /** Entries as the operator's record had them. */
  entries: readonly OwnerEntry[];
  backups: readonly Hex[];
  cancelled: readonly Cancelled[];
  locktime: number;
  /** Id of the open nonce; null where it was erased. */
  nonce: Hex | null;
  /** Least remaining blocks that the receiver demands, now and at `moved`. */
  minRemaining: number;
  minConf: number;
  /** True after a restore or copy: this home may have declined the transfer before. */
  restored: boolean;
}
export type HeldState = 'owned' | 'withdrawing' | 'closed' | 'gone';
type InState<S, X> = S extends string ? { state: S } & X : never;

/** Record of a statecoin, by role and state. */
export type Statecoin =
  | { role: 'operator'; state: 'offered'; network: string; own: Own; offer: Offer; share: string }
  | InState<'open' | 'closed', OperatorCoin>
  | ({ state: 'frozen'; frozen: Frozen } & OperatorCoin)
  | ({ role: 'owner'; state: 'invited'; network: string; own: Own } & Invitation)
  | { role: 'owner'; state: 'addressed'; own: Own; side: Side; offer: Offer; terms: Terms; id: Hex }
  | ({
      role: 'owner';
      state: 'proposed';
      own: Own;
      side: Side;
      funding: Funding;
      coins: readonly string[];
      nonce: Hex;
    } & Coin)
  | InState<'received' | 'declined', PendingCoin>
  | InState<HeldState, OwnerCoin & { tx?: Hex }>
  | InState<'offering', OwnerCoin & { to: Invite }>
  /** `opening`: what it was sent in. */
  | InState<'sent', OwnerCoin & { to: Invite; opening: Opening }>
  | Ended;

/** `lost`: given up because its store was restored; the journal may know that it went on. */
export interface Ended {
  role: Role;
  state: 'cancelled';
  own: Own;
  key: Hex;
  lost?: true;
  /** Invitation whose transfer can still be declined, and may even have been completed. */
  invitation?: Invitation;
}
/** Invitation of a receiver: to whom, for what. */
export interface Invitation {
  side: Side;
  operator: Hex;
  /** True for a restored or copied store: this home may have answered what it does not know of. */
  restored: boolean;
}

export type OperatorRecord = Extract<Statecoin, { role: 'operator'; signed: unknown }>;
export type OwnerRecord = Extract<Statecoin, { role: 'owner'; given: unknown }>;
export type PendingRecord = Extract<Statecoin, { state: 'received' | 'declined' }>;
export const isOperators = (c: Statecoin | undefined): c is OperatorRecord => c?.role === 'operator' && 'signed' in c;
export const isOwners = (c: Statecoin | undefined): c is OwnerRecord => c?.role === 'owner' && 'given' in c;
export const isPending = (c: Statecoin | undefined): c is PendingRecord =>
  c?.state === 'received' || c?.state === 'declined';

/** Returns whether `watch` looks after the coin. A declined coin belongs to its sender. */
export const isWatched = (
  c: Statecoin,
): c is Exclude<OwnerRecord, { state: 'gone' }> | Exclude<OperatorRecord, { state: 'closed' }> =>
  isOwners(c)
    ? c.state !== 'gone' && !c.superseded && !c.declined && c.settled === undefined
    : isOperators(c) && c.state !== 'closed';

/** Returns whether another may own the coin by now: it was sent, or its home was restored. */
export const mayBeAnothers = (c: OwnerRecord): boolean => c.state === 'sent' || c.restored;

export type Beginning = Extract<Statecoin, { state: 'offered' | 'invited' | 'addressed' | 'proposed' }>;
export const isBeginning = (c: Statecoin): c is Beginning =>
  ['offered', 'invited', 'addressed', 'proposed'].includes(c.state);
export const keyOf = (c: Beginning): Hex => (c.state === 'offered' ? c.offer.pubkey : c.side.pubkey);
/** Returns the cancelled record of an opening. Its key is kept, and never used again. */
export const cancelled = (c: Beginning): Ended => ({
  role: c.role,
  state: 'cancelled',
  own: c.own,
  key: keyOf(c),
  ...(c.state === 'invited' && { invitation: { side: c.side, operator: c.operator, restored: c.restored } }),
});

/** An owner's coin without the transfer that is under way. */
export function atRest(c: OwnerRecord): OwnerCoin {
  const { to: _, opening: __, ...rest } = c as Extract<Statecoin, { state: 'sent' }>;
  return rest;
}

/** The coin without the transfer that was under way; its opening is known for good. */
export function freed(
  c: Extract<OperatorRecord, { state: 'frozen' }>,
): Extract<Statecoin, { state: 'open' }> & OperatorCoin {
  const { frozen, state: _, ...coin } = c;
  const { operator_pubkey } = frozen.opening;
  const { pubkey: owner_pubkey, auth: owner_auth } = frozen.invite;
  const ended: Cancelled = { operator_pubkey, owner_pubkey, owner_auth, owners: c.entries.length, declined: null };
  return { ...coin, state: 'open', cancelled: [...c.cancelled, ended] };
}
