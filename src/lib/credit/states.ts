/**
 * Records of a credit contract: a union over role and state, so that the paid amount of an open
 * contract cannot be asked of an exiting one.
 *
 *   payee: offered → accepted → open → (closing | rolled | closed | exiting)
 *   payer: [addressed →] proposed → open → (closing | rolled | closed)
 *
 * A contract that the chain has settled without such a step is `exiting` on both sides: left for
 * good. `cancelled` ends an opening that did not come to be.
 * Not here: how the store keeps them (`records.ts`), what a restored home still believes of them
 * (`restore.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import type { Funding } from '../bitcoin/funding.ts';
import { txidOf, type Spent } from '../bitcoin/transaction.ts';
import type { Hex, RecordRow } from '../protocol/action.ts';
import type { Outside, Own } from '../signing/exchange.ts';
import { nothingOwed, type Owing } from './owed.ts';
import { isReverse, pubkeyOf, type Contract, type Offer, type Role, type Terms } from './terms.ts';
import { close, maxPaid } from './transactions.ts';

/** Open request for an update. */
export interface Live {
  paidSat: bigint;
  sighash: Hex;
  /** Null until another wallet has added its nonce. */
  pubnonce: Hex | null;
  /** Value of --request-id, which tells two orders of one amount apart. */
  requestId: string | null;
  /** Payer's request that it answers, with its end (Unix seconds) and quote. */
  asked: PaymentAsked | null;
  /** End of that by this home's own clock. */
  lapses?: number;
  /** Name of the rider's offer in the request (`rider.ts`). */
  offered: string | null;
  /** Hash of the answer that another wallet must complete; absent if the key is the home's. */
  answer?: Hex;
}
export interface PaymentAsked {
  id: Hex;
  until: number;
  quote: string | null;
}
/** A payer's request to pay. `paidSat`: total paid that it has signed for it; null before. */
export interface PaymentRequest {
  id: Hex;
  amountSat: bigint;
  until: number;
  quote: string | null;
  paidSat: bigint | null;
}
/** Rollover under way: the parts of its transaction beside the two contracts. */
export interface Rolling {
  /** Payee key of the next contract, which finds its record. */
  nextKey: Hex;
  paidSat: bigint;
  topUps: readonly Spent[];
  change: { address: string; sat: bigint } | null;
  sighash: Hex;
  witnesses: Readonly<Record<string, readonly Hex[]>>;
  /** The payee's nonce, where its key is in another wallet. */
  outside?: Outside;
}
/** Amounts of a close, proposed or signed by this home. */
export interface Closing {
  paidSat: bigint;
  feeSat: bigint;
  sighash: Hex;
  outside?: Outside;
}

/** The spend of a contract's coin, deep enough in the chain; it follows from no step. */
export interface Settled {
  /** other: a transaction that is none of these, as far as this home can tell. */
  by: 'exit' | 'refund' | 'close' | 'rollover' | 'other';
  txid: Hex;
  /** Sum that it pays to this home. */
  paysSat: bigint;
}

export interface FundedFields extends Contract {
  own: Own;
  /** Absent while the chain has not settled it, as far as `watch` has seen. */
  settled?: Settled;
}
interface OpenFields extends FundedFields {
  rolling: Rolling | null;
  /** Close that this home has proposed; null if none. */
  closing: Closing | null;
  /** Close of the other party that this home has signed: it ends the updates for good. */
  signedClose: Closing | null;
  /** True after a restore or copy: a payee makes no updates, a payer pays no invoice any more. */
  restored: boolean;
}
export interface PayeeFunded extends OpenFields {
  role: 'payee';
  /** True once its coin was seen, or this home has completed the rollover that makes it. */
  funded?: true;
  /** End of an unfunded opening, Unix seconds by this home's clock. */
  until?: number;
  paidSat: bigint;
  /** Finished update, hex; null before a payment. It leaves the home by exit-credit alone. */
  exit: Hex | null;
  /** The payer's signature over `paidSat`. */
  receipt: Hex | null;
  live: readonly Live[];
  /** Id of the last query for the debt, sent after updates ended; its answer is final. */
  owedQuery?: Hex;
  /** Debt in all that the mint of a reverse contract has stated then. */
  owedStatedSat?: bigint;
  refundSighash: Hex;
}
export interface PayerFunded extends OpenFields, Owing {
  role: 'payer';
  /** The finished refund, hex. */
  refund: Hex;
  /** The answer that completed it: a later one must be the same. */
  refundAnswer: Hex;
  funding: Funding | null;
  coins: readonly string[];
  signedMaxSat: bigint;
  asked: readonly PaymentRequest[];
}
/** The states of a contract that may hold a coin, but for a payee's `accepted`. */
export const FUNDED = ['open', 'closing', 'closed', 'rolled', 'exiting'] as const;
export type FundedState = (typeof FUNDED)[number];
interface Offered {
  role: 'payee';
  state: 'offered';
  network: string;
  own: Own;
  offer: Offer;
  /** Id of the contract that rolls over into this one. */
  rolls: Hex | null;
  /** End of an unanswered offer, Unix seconds; null for none. */
  until: number | null;
  /** Seconds that its answerer has to fund the contract. */
  lasts: number;
}
interface Proposed extends FundedFields {
  role: 'payer';
  state: 'proposed';
  /** null: the rollover of the contract that it `rolls`. */
  funding: Funding | null;
  coins: readonly string[];
  rolls: Hex | null;
  nonce: Hex | null;
  outside?: Outside;
}
/** Adds the state, one member of the union each. `tx`: the finished rollover or close, hex. */
type InState<S, X> = S extends string ? { state: S } & X : never;

/** Record of a credit contract, by role and state. */
export type Credit =
  | Offered
  | ({ state: 'accepted' } & PayeeFunded)
  | InState<FundedState, PayeeFunded & { tx?: Hex }>
  | { role: 'payer'; state: 'addressed'; network: string; own: Own; offer: Offer; terms: Terms; id: Hex }
  | Proposed
  | InState<FundedState, PayerFunded & { tx?: Hex }>
  | Cancelled;

/** Cancelled record. `lost`: cancelled by a restore; the journal may know that it went on. */
interface Cancelled {
  role: Role;
  state: 'cancelled';
  own: Own;
  key: Hex;
  lost?: true;
  /** Part of its record that the store never forgets, where it was not only proposed. */
  guarded?: Guarded;
  /** True if nothing was ever signed that pays to the payee's address. */
  unpaid?: true;
}
export type Guarded = Pick<RecordRow, 'owedSat'>;

export type PayeeCredit = Extract<Credit, { role: 'payee'; paidSat: bigint }>;
export type PayerCredit = Extract<Credit, { role: 'payer'; signedMaxSat: bigint }>;
export type FundedCredit = PayeeCredit | PayerCredit;

export const isFunded = (c: Credit): c is FundedCredit => 'paidSat' in c || 'signedMaxSat' in c;
/** Returns the rollover under way, if any. */
export const rollingOf = (c: Credit | undefined): Rolling | null => (c && 'rolling' in c ? c.rolling : null);
/** Returns the sum that the payee has in the end, by updates, a close or a rollover. */
export function receivedSat(c: PayeeCredit): bigint {
  const ends = c.settled?.by === 'close' || c.settled?.by === 'rollover';
  const finished = c.state === 'closed' ? c.closing?.paidSat : c.state === 'rolled' ? c.rolling?.paidSat : 0n;
  return maxSat(c.paidSat, (c.settled ? ends && c.settled.paysSat : finished) || 0n);
}
/** Returns whether no debt is left. A mint must have stated a final debt, and paid it. */
export const owesNothing = (c: PayeeCredit): boolean =>
  !isReverse(c.terms) || (c.owedStatedSat !== undefined && c.owedStatedSat <= receivedSat(c));
/** Returns the paid part of a debt: by updates, a close or rollover, or as settled. */
export function coveredSat(c: PayerCredit): bigint {
  // An exit may be older than the last update. If no change came back, the rest was dust and went to the fee.
  if (c.settled?.by === 'exit' && c.settled.paysSat > 0n) return maxPaid(c.terms) - c.settled.paysSat;
  const by = c.settled?.by ?? (c.state === 'closed' ? 'close' : c.state === 'rolled' ? 'rollover' : undefined);
  const pays = by === 'close' ? ownCloseSat(c) : by === 'rollover' ? c.rolling?.paidSat : 0n;
  return maxSat(c.signedMaxSat, pays ?? 0n);
}
/** Returns the sum that the own close pays the payee; 0 if the chain took another one. */
function ownCloseSat({ closing, settled, ...contract }: PayerCredit): bigint {
  if (!closing) return 0n;
  const { paidSat, feeSat } = closing;
  return !settled || settled.txid === txidOf(close(contract, paidSat, feeSat)) ? paidSat : 0n;
}
/** Fields with which a funded record begins. */
export const NOTHING_PAID = {
  paidSat: 0n,
  exit: null,
  receipt: null,
  live: [],
} as const;
export const nothingSigned = (terms: Terms) =>
  ({
    signedMaxSat: 0n,
    asked: [],
    ...nothingOwed(terms),
    restored: false,
  }) as const;
/** Returns the sum that was paid (payee), or has been signed for (payer). */
export const paidOf = (c: FundedCredit): bigint => (c.role === 'payee' ? c.paidSat : c.signedMaxSat);

/** States after which a contract takes no more updates. */
export function isLeft(c: Credit): boolean {
  if (c.state === 'cancelled') return !c.lost;
  if (c.state === 'rolled' || c.state === 'closed' || c.state === 'exiting') return true;
  return c.state === 'closing' && c.signedClose !== null;
}

/** Returns the record as settled by the chain, a final state. */
export function settledAs(c: FundedCredit, settled: Settled): Credit {
  // What was rolling is told from what confirmed: see `heldKey`.
  const left = c.state === 'closed' || c.state === 'rolled' ? {} : { state: 'exiting' as const };
  return { ...c, ...(c.role === 'payee' && { live: [] }), ...left, settled } as Credit;
}

/** Returns the payee's record after its exit is printed or sent: it takes no more payments. */
export const exitingAs = (c: PayeeCredit): Credit =>
  ({ ...c, state: 'exiting', live: [], rolling: finishedRolling(c) }) as Credit;

/** Returns the payee's key, which finds the record in both homes; null without one. */
export const payeePubkey = (c: Credit): Hex | null =>
  c.state === 'offered' ? c.offer.pubkey : 'terms' in c ? c.terms.payee_pubkey : null;

/** Returns the payee key of the next contract, while its rollover may still confirm. */
export const heldKey = (c: Credit): Hex | null => {
  const undone = 'settled' in c && c.settled !== undefined && c.settled.by !== 'rollover';
  return undone ? null : (rollingOf(c)?.nextKey ?? null);
};

/** Returns the rest of a rollover once the payee exits: a finished one may still confirm. */
const finishedRolling = (c: FundedCredit): Rolling | null =>
  c.state === 'rolled' || c.state === 'exiting' ? c.rolling : null;

/**
 * Returns the next contract of a failed rollover, which nothing can fund any more: cancelled,
 * unless something was signed or is owed over it. A payer's coins are then free all the same.
 */
export function released(c: Credit): Credit {
  if (isOpening(c)) return cancelled(c);
  if (c.state !== 'accepted' && c.state !== 'open') return c;
  if (paidOf(c) === 0n && !(c.role === 'payer' && c.owedSat !== null && c.owedSat > 0n)) return cancelled(c);
  return c.role === 'payer' ? { ...c, coins: [] } : c;
}

/**
 * Returns whether a contract without payments ends at its expiry, if it was never funded. One with
 * a rollover ends with that. A restored record does not lapse, because it may lack payments.
 */
export const mayLapse = (c: Credit): c is Unpaid => isUnpaid(c) && !c.restored;

/** Returns whether the contract is also not known to be funded, and so counts in no sum. */
export const isUnfunded = (c: Credit): c is Unpaid => isUnpaid(c) && !c.funded;

type Unpaid = Extract<Credit, { role: 'payee'; state: 'accepted' | 'open' | 'closing' }>;
const isUnpaid = (c: Credit): c is Unpaid =>
  (c.state === 'accepted' || c.state === 'open' || c.state === 'closing') &&
  c.role === 'payee' &&
  c.paidSat === 0n &&
  c.rolling === null &&
  c.settled === undefined;

type Opening = Extract<Credit, { state: 'offered' | 'addressed' | 'proposed' }>;
/** Returns whether an opening has no signature yet and can be cancelled. */
export const isOpening = (c: Credit | undefined): c is Opening =>
  c?.state === 'offered' || c?.state === 'addressed' || c?.state === 'proposed';

export const guardedOf = (c: FundedCredit): Guarded => ({
  ...(c.role === 'payer' && c.owedSat !== null && { owedSat: c.owedSat }),
});

/** Returns the cancelled record of an opening. Its key is kept, and never used again. */
export const cancelled = (c: Opening | Extract<Credit, { state: 'accepted' | 'open' | 'closing' }>): Cancelled => ({
  role: c.role,
  state: 'cancelled',
  own: c.own,
  key: c.state === 'offered' ? c.offer.pubkey : pubkeyOf(c.terms, c.role),
  ...(isFunded(c) && { guarded: guardedOf(c) }),
  ...(isUnsigned(c) && { unpaid: true }),
});

/**
 * Returns whether nothing is signed yet that pays to the payee's address. That begins when the
 * payee asks for a first payment or a close, which changes the state. Its coin was not seen either.
 */
const isUnsigned = (c: Credit): boolean =>
  c.role === 'payee' && (c.state === 'offered' || (c.state === 'accepted' && !c.funded));

/** Returns the signature hashes for which this home may have a nonce open. */
export function openFor(c: Credit): readonly Hex[] {
  if (c.state === 'proposed') return c.nonce === null ? [] : [c.nonce];
  if (!isFunded(c) || !(c.state === 'accepted' || c.state === 'open' || c.state === 'closing')) return [];
  const asked = c.role === 'payee' ? [...c.live, c.rolling] : [];
  return [...asked, c.closing].flatMap((one) => one?.sighash ?? []);
}
