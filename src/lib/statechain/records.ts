/**
 * What a home keeps of a statecoin: a union over role and state.
 *
 *   operator  offered → open ⇄ frozen, open → closed
 *   owner     [addressed →] proposed → owned          the first
 *             invited → received → owned              a later one
 *             owned → offering → sent → gone          as sender; back to owned by a cancel
 *             owned → withdrawing → closed
 *
 * An operator's share is no part of its record: the record names the file (`share:NAME`). A home that was restored or
 * copied names none any more, so that its files end, and as operator it only states what it knows: exit-only.
 */
import type { Funding } from '../bitcoin/funding.ts';
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { coinClaim, coinIdClaim, idClaim, keyClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { believing, doubted, kept, once, united, voided, type Belief, type Beliefs } from '../protocol/belief.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Own } from '../signing/exchange.ts';
import type { Side } from '../signing/side.ts';
import type { Cancelled, Entry, Invite, Opening, PublicRecord, Receipt } from './statements.ts';
import { viewOf, type Coin, type Offer, type Terms } from './terms.ts';

export type Role = 'operator' | 'owner';

export interface OperatorCoin extends Coin {
  role: 'operator';
  own: Own;
  entries: readonly Entry[];
  signed: PublicRecord['signed'];
  /** The file of the present share; null in a restored home. */
  share: string | null;
  cancelled: readonly Cancelled[];
  /** The one withdrawal that it has signed. */
  closing: { address: string; feeSat: bigint } | null;
  restored: boolean;
}
/** A transfer under way at the operator. `share`: the file with S', x and E. */
export interface Frozen {
  invite: Invite;
  opening: Opening;
  share: string;
}

/** An opening that this owner has answered, or given up. */
export interface Given {
  operator_pubkey: Hex;
  owner_pubkey: Hex;
  /** The authentication key of the invitation: nobody else may decline. Empty where this home does not know it. */
  owner_auth: Hex;
  /** m1 has left the home. */
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
  entries: readonly Entry[];
  /** The finished backups, hex, one an entry; the last is this owner's. */
  backups: readonly Hex[];
  cancelled: readonly Cancelled[];
  receipt: Receipt | null;
  /** The answer that completed the backup: a later one must be the same. */
  answer: Hex;
  funding: Funding | null;
  coins: readonly string[];
  given: readonly Given[];
  /** All that were asked for: the operator signs one of them and no other. The last is under way in `withdrawing`. */
  withdrawals: readonly Withdrawal[];
  /** The record comes from a restored or copied store. */
  restored: boolean;
  /** What the receiver asked for; of a coin that it opened itself, nothing. */
  minRemaining: number;
  minConf: number;
  /** This home had declined the transfer by which it has the coin: no payment. */
  declined: boolean;
  /** A later record of this home holds the coin's id. */
  superseded: boolean;
}
/** A receiver's, before the coin is its own. */
export interface Pending extends Coin {
  role: 'owner';
  own: Own;
  side: Side;
  opening: Opening;
  /** As the operator's record had it. */
  entries: readonly Entry[];
  backups: readonly Hex[];
  cancelled: readonly Cancelled[];
  locktime: number;
  /** Of the open nonce; null where it was erased. */
  nonce: Hex | null;
  /** What the receiver asks for, now and when the coin is its own. */
  minRemaining: number;
  minConf: number;
  /** The record comes from a restored or copied store: this home may have declined what it does not know of. */
  restored: boolean;
}
export type HeldState = 'owned' | 'withdrawing' | 'closed' | 'gone';
type Each<S, X> = S extends string ? { state: S } & X : never;

export type Statecoin =
  | { role: 'operator'; state: 'offered'; network: string; own: Own; offer: Offer; share: string }
  | Each<'open' | 'closed', OperatorCoin>
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
  | Each<'received' | 'declined', Pending>
  | Each<HeldState, OwnerCoin & { tx?: Hex }>
  | Each<'offering', OwnerCoin & { to: Invite }>
  /** `opening`: what it was sent in; a record of an older program has none. */
  | Each<'sent', OwnerCoin & { to: Invite; opening?: Opening }>
  | Ended;

/** `lost`: given up because its store was restored; the journal may know that it went on. */
export interface Ended {
  role: Role;
  state: 'cancelled';
  own: Own;
  key: Hex;
  lost?: true;
  /** Of an invitation: a transfer to it can still be declined, and may even have been completed. */
  invitation?: Invitation;
}
/** Whom a receiver has invited to what. */
export interface Invitation {
  side: Side;
  operator: Hex;
  /** Of a restored or copied store: this home may have answered what it does not know of. */
  restored: boolean;
}

export type OperatorRecord = Extract<Statecoin, { role: 'operator'; signed: unknown }>;
export type OwnerRecord = Extract<Statecoin, { role: 'owner'; given: unknown }>;
export type PendingRecord = Extract<Statecoin, { state: 'received' | 'declined' }>;
const shareClaim = (name: string): Claim => `share:${name}`;

export const isOperators = (c: Statecoin | undefined): c is OperatorRecord => c?.role === 'operator' && 'signed' in c;
export const isOwners = (c: Statecoin | undefined): c is OwnerRecord => c?.role === 'owner' && 'given' in c;
export const isPending = (c: Statecoin | undefined): c is PendingRecord =>
  c?.state === 'received' || c?.state === 'declined';

type Beginning = Extract<Statecoin, { state: 'offered' | 'invited' | 'addressed' | 'proposed' }>;
const isBeginning = (c: Statecoin): c is Beginning => ['offered', 'invited', 'addressed', 'proposed'].includes(c.state);
const keyOf = (c: Beginning): Hex => (c.state === 'offered' ? c.offer.pubkey : c.side.pubkey);
/** What is left of a beginning that was given up: its key, so that it is never shown again. */
export const cancelled = (c: Beginning): Ended => ({
  role: c.role,
  state: 'cancelled',
  own: c.own,
  key: keyOf(c),
  ...(c.state === 'invited' && { invitation: { side: c.side, operator: c.operator, restored: c.restored } }),
});

function claimsOf(c: Statecoin): readonly Claim[] {
  switch (c.state) {
    case 'offered':
      return [keyClaim(c.offer.pubkey), shareClaim(c.share)];
    case 'cancelled':
      return [keyClaim(c.key)];
    case 'invited':
    case 'declined':
      return [keyClaim(c.side.pubkey)];
    case 'received':
      return [keyClaim(c.side.pubkey), ...(c.nonce === null ? [] : [coinIdClaim(c.id)])];
    case 'gone':
      return c.superseded ? [keyClaim(c.side.pubkey)] : [keyClaim(c.side.pubkey), idClaim(c.id)];
    case 'addressed':
      return ownerClaims(c);
    default:
      return c.role === 'operator'
        ? operatorClaims(c)
        : [...ownerClaims(c), ...(c.state === 'closed' ? [] : c.coins.map(coinClaim))];
  }
}

/** An opening is found by the operator's key, whatever its message holds. */
type Opened = Pick<OwnerCoin, 'id' | 'side' | 'terms'> & Partial<Pick<OwnerCoin, 'entries' | 'superseded'>>;
const ownerClaims = (c: Opened): Claim[] => [
  ...(c.superseded ? [] : [idClaim(c.id)]),
  keyClaim(c.side.pubkey),
  ...((c.entries ?? []).length < 2 ? [keyClaim(c.terms.operator_pubkey)] : []),
];

/**
 * Every key that was ever shown for the coin. Not the outpoint, which whoever pays nothing can state: its transaction's id
 * covers its script, and that is one share's alone, so of all coins stated there one at most is on the chain.
 */
function operatorClaims(c: OperatorRecord): readonly Claim[] {
  const frozen = c.state === 'frozen' ? c.frozen : undefined;
  const keys = [
    ...c.entries.flatMap((e) => [e.operator_pubkey, e.owner_pubkey]),
    ...c.cancelled.flatMap((e) => [e.operator_pubkey, e.owner_pubkey]),
    ...(frozen ? [frozen.opening.operator_pubkey, frozen.invite.pubkey] : []),
  ];
  const shares = [c.share, frozen?.share].filter((name): name is string => typeof name === 'string');
  return [idClaim(c.id), ...[...new Set(keys)].map(keyClaim), ...shares.map(shareClaim)];
}

/** The own key that the record began with: a coin that comes back to its owner is another record of the same name. */
function firstKey(c: Statecoin): Hex {
  if (c.state === 'cancelled') return c.key;
  if (c.role === 'owner') return c.side.pubkey;
  return c.state === 'offered' ? c.offer.pubkey : c.terms.operator_pubkey;
}

const STAGE = { invited: 1, received: 2, declined: 3, closed: 5, gone: 5 } as const;

/** How far a restored record has come: the first number that differs decides. An offer comes and goes without one. */
function progress(c: Statecoin): readonly number[] {
  if (c.state === 'cancelled') return [c.lost ? 0 : c.invitation ? STAGE.invited + 0.5 : 3];
  const stage = (STAGE as Partial<Record<Statecoin['state'], number>>)[c.state] ?? 4;
  if (isOwners(c)) return [stage, c.given.length];
  if (!isOperators(c)) return [stage];
  const declined = c.cancelled.filter((ended) => ended.declined !== null);
  return [stage, c.signed.length + c.entries.length + c.cancelled.length + declined.length];
}

const further = (a: Statecoin, b: Statecoin): boolean => {
  const ahead = progress(a).map((n, i) => n - (progress(b)[i] ?? 0));
  return (ahead.find((n) => n !== 0) ?? 0) > 0;
};

/** What stays true once one version says it, and that a restore does not doubt. */
const remembered: Belief<boolean> = { merged: (later, earlier) => later || (earlier ?? false) };
/** Sets by S': what either version knows of an opening, both know. */
const openings = <T extends { operator_pubkey: Hex }>(both: (later: T, earlier: T) => T): Belief<readonly T[]> => ({
  merged: (later, earlier = []) =>
    united<T>((e) => e.operator_pubkey).merged!(later, earlier).map((e) => {
      const other = earlier.find((o) => o.operator_pubkey === e.operator_pubkey);
      return other ? both(e, other) : e;
    }),
});

const fields: Beliefs<Statecoin> = {
  role: kept,
  state: kept,
  network: kept,
  own: kept,
  side: kept,
  key: kept,
  operator: kept,
  id: kept,
  terms: kept,
  outpoint: kept,
  offer: kept,
  to: kept,
  // Signed by the operator, or counted by it, in order: the later version has all of the earlier one's.
  entries: kept,
  signed: kept,
  backups: kept,
  opening: kept,
  frozen: kept,
  locktime: kept,
  minRemaining: kept,
  minConf: kept,
  receipt: once,
  answer: kept,
  funding: kept,
  coins: kept,
  tx: once,
  closing: once,
  lost: kept,
  cancelled: openings((later, earlier) => ({ ...later, declined: later.declined ?? earlier.declined })),
  given: openings((later, earlier) => ({
    ...later,
    owner_auth: later.owner_auth || earlier.owner_auth,
    sent: later.sent || earlier.sent,
    declined: later.declined || earlier.declined,
  })),
  withdrawals: united((w) => w.sighash),
  declined: remembered,
  superseded: remembered,
  invitation: { restored: (invitation) => ({ ...invitation, restored: true }) },
  nonce: voided<string | null>(null),
  share: voided<string | null>(null),
  restored: doubted,
};

/** What is left of each state: openings and proposals end, an invitation stands. */
function afterRestore(c: Statecoin): Statecoin {
  if (c.state === 'invited') return c;
  if (isBeginning(c)) return { ...cancelled(c), lost: true };
  if (c.state === 'frozen') return freed(c);
  return c.state === 'withdrawing' ? { ...c, state: 'owned' } : c;
}

/** A record of an older program has not all fields. */
function filled(c: Statecoin & { withdrawal?: Withdrawal | null }): Statecoin {
  if (c.state === 'invited') return { ...c, restored: c.restored ?? false };
  if (isPending(c))
    return { ...c, minRemaining: c.minRemaining ?? 0, minConf: c.minConf ?? 0, restored: c.restored ?? false };
  if (isOperators(c)) return { ...c, closing: c.closing ?? null };
  if (!isOwners(c)) return c;
  const { withdrawal, ...rest } = c as OwnerCoin & { state: 'owned'; to?: Invite; withdrawal?: Withdrawal | null };
  return {
    ...rest,
    withdrawals: rest.withdrawals ?? (withdrawal ? [withdrawal] : []),
    // A decline was believed by a key that came with it: by whose, nobody knows any more.
    given: rest.given.map((g) => {
      const known = g.owner_auth ?? (rest.to?.pubkey === g.owner_pubkey ? rest.to.auth : '');
      return { ...g, owner_auth: known, declined: g.declined && g.owner_auth !== undefined };
    }),
    minRemaining: rest.minRemaining ?? 0,
    minConf: rest.minConf ?? 0,
    declined: rest.declined ?? false,
    superseded: rest.superseded ?? c.state === 'gone',
  };
}

const beliefs = believing(fields, { restored: afterRestore, isLater: further });
export const statecoinKind: Kind<Statecoin> = {
  name: 'statecoin',
  parse: (json) => filled(withSats(json) as Statecoin),
  claims: claimsOf,
  nonces(c): readonly Hex[] {
    if (c.state === 'withdrawing') return c.withdrawals.map(({ sighash }) => sighash);
    return 'nonce' in c && c.nonce !== null ? [c.nonce] : [];
  },
  key: (c) => keyClaim(firstKey(c)),
  row(c): RecordRow {
    const name = 'id' in c ? c.id : c.state === 'cancelled' ? c.key : keyOf(c);
    // Signatures given are never fewer: the store keeps that too.
    const count = isOperators(c) ? BigInt(c.signed.length) : 0n;
    const left =
      (c.state === 'cancelled' && !c.lost && !c.invitation) ||
      c.state === 'gone' ||
      (c.state === 'closed' && c.role === 'operator');
    return { name, state: c.state, highSat: count, limitSat: 1_000_000n, left };
  },
  ...beliefs,
  // What the journal knows of an invitation that was given up after a restore is kept, and counts as declined.
  merged: (mine, other) => {
    const ended = [mine, other].find((c) => c.state === 'cancelled' && c.invitation);
    const pending = [mine, other].find(isPending);
    return ended && pending
      ? { ...pending, state: 'declined', nonce: null, restored: true }
      : beliefs.merged(mine, other);
  },
  beside: (c) => (isOwners(c) ? { ...c, superseded: true } : c),
  yields: (mine, to) =>
    isOwners(mine) && isOwners(to) && mine.entries.length < to.entries.length
      ? { ...mine, superseded: true }
      : undefined,
};

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

/** The coin as every message about it states it. */
export const statedCoin = (c: Statecoin | undefined) => (c && 'outpoint' in c ? { coin: viewOf(c) } : undefined);

/** The record, known to be in one of these states: whose turn it is follows from its role. @throws Refusal `unknown-contract`, `wrong-state` */
export function must<S extends Statecoin['state'], R extends Role>(
  c: Statecoin | undefined,
  role: R,
  ...states: S[]
): Extract<Statecoin, { role: R; state: S }> {
  if (!c) throw new Refusal('unknown-contract', `this home knows no such coin as ${role}`);
  if (c.role !== role) throw new Refusal('bug', `a step of the ${role} with a record of the ${c.role}`);
  if (!(states as string[]).includes(c.state))
    throw new Refusal(
      'wrong-state',
      `the coin is '${c.state}' in this home, ${states.map((s) => `'${s}'`).join(' or ')} expected`,
      c.state === 'offering'
        ? { hint: 'spillway statechain-transfer --contract ID --cancel takes the offer back' }
        : {},
    );
  return c as Extract<Statecoin, { role: R; state: S }>;
}
