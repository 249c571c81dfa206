/**
 * What a home keeps of a credit contract: a union over role and state, so that the paid amount of an open contract
 * cannot be asked of an exiting one.
 *
 *   payee: offered → accepted → open → (closing | rolled | closed | exiting)
 *   payer: [addressed →] proposed → open → (closing | rolled | closed)
 *
 * What the chain has settled without such a step is `exiting` on both sides: left for good.
 * `cancelled` ends an opening that did not come to be.
 */
import { maxSat } from '../bitcoin/amount.ts';
import type { Funding } from '../bitcoin/funding.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { coinClaim, idClaim, keyClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Own } from '../signing/exchange.ts';
import { isReverse, type Contract, type Offer, type Role, type Terms } from './terms.ts';
import { maxPaid } from './transactions.ts';

/** An update that was asked for and not yet answered. */
export interface Live {
  paidSat: bigint;
  sighash: Hex;
  /** null while another wallet has not put its nonce in. */
  pubnonce: Hex | null;
  /** Under which --request-id it was asked for: two orders of one amount are not one. */
  requestId: string | null;
  /** Which of the payer's `asked` it answers, until when that holds (Unix time), and which quote of a mint it pays. */
  asked: Asked | null;
  /** The keyset of the ecash that it may become, as it was when it was asked for. */
  keyset: Hex | null;
}
export interface Asked {
  id: Hex;
  until: number;
  quote: string | null;
}
/** What the payer asked to pay, and has agreed to by that; `paidSat`: what it signed for it in all, once it has. */
export interface Asking {
  id: Hex;
  amountSat: bigint;
  until: number;
  quote: string | null;
  paidSat: bigint | null;
}
/** Ecash that was paid for and has not arrived: from these counters its secrets can be made again. */
export interface Awaited {
  paidSat: bigint;
  amountSat: bigint;
  keyset: Hex;
  counter: number;
}
/** It has arrived once the mint shows so much as paid on the quote; `quote` null: the contract's reusable one. */
export interface Inflight {
  paidSat: bigint;
  amountSat: bigint;
  quote: string | null;
  arrivesSat: bigint;
}
/** A list of at most so many requests that a payer asked for: the oldest gives way. */
export const MOST_ASKED = 16;
/** A rollover under way: what, beside the two contracts, its transaction is made of. */
export interface Rolling {
  /** The payee key of the next contract, by which its record is found. */
  nextKey: Hex;
  paidSat: bigint;
  topUps: readonly Spent[];
  change: { address: string; sat: bigint } | null;
  sighash: Hex;
  witnesses: Readonly<Record<string, readonly Hex[]>>;
}
/** A close, own or signed for the other: its numbers. */
export interface Closing {
  paidSat: bigint;
  feeSat: bigint;
  sighash: Hex;
}

/** How a contract's coin was spent in the end, deep enough in the chain: no state, for it follows from no step. */
export interface Settled {
  by: 'exit' | 'refund' | 'close' | 'rollover';
  txid: Hex;
}

export interface Held extends Contract {
  own: Own;
  /** Absent while the chain has not settled it, as far as `watch` has seen. */
  settled?: Settled;
}
export interface PayeeFunded extends Held {
  role: 'payee';
  paidSat: bigint;
  /** The finished update, hex: null until something was paid. It never leaves the home but by exit-credit. */
  exit: Hex | null;
  /** The payer's signature over `paidSat`. */
  receipt: Hex | null;
  live: readonly Live[];
  /** What of `paidSat` became ecash, or was reported to its issuer. */
  issuedSat: bigint;
  /** What of `paidSat` belongs to no quote of a running mint yet. */
  waitingSat: bigint;
  rolling: Rolling | null;
  /** The own close that is proposed. */
  closing: Closing | null;
  /** The close of the other that this home has signed: from then on no more updates, for good. */
  signedClose: Closing | null;
  refundSighash: Hex;
  /** The record comes from a restored or copied store: no more updates. */
  restored: boolean;
  /** And what was reported to a mint since is not known: nothing is, until the operator has confirmed its figures. */
  unconfirmed: boolean;
}
export interface PayerFunded extends Held {
  role: 'payer';
  /** The finished refund, hex. */
  refund: Hex;
  /** The answer that completed it: a later one must be the same. */
  refundAnswer: Hex;
  funding: Funding | null;
  coins: readonly string[];
  signedMaxSat: bigint;
  asked: readonly Asking[];
  awaited: readonly Awaited[];
  /** The reusable quote of the contract's running mint, once it is bound. */
  quote: string | null;
  /** What was signed for quotes of other wallets. */
  foreignSat: bigint;
  /** Payments to a running mint whose arrival there was not seen yet, oldest first. */
  inflight: readonly Inflight[];
  /** How much came back as ecash. */
  receivedSat: bigint;
  /** What this home owes in all over a reverse contract, signed or not; null for any other. */
  owedSat: bigint | null;
  /** The record comes from a restored or copied store: what it owed last may be missing, so nothing more is melted. */
  restored: boolean;
  rolling: Rolling | null;
  /** The own close that is proposed. */
  closing: Closing | null;
  /** The close of the other that this home has signed: from then on no more updates, for good. */
  signedClose: Closing | null;
}
export type FundedState = 'open' | 'closing' | 'closed' | 'rolled' | 'exiting';
/** One member of the union a state, so that each can be told from the others. `tx`: the finished rollover or close, hex. */
type Each<S, X> = S extends string ? { state: S } & X : never;

export type Credit =
  | { role: 'payee'; state: 'offered'; network: string; own: Own; offer: Offer; rolls: Hex | null }
  | ({ state: 'accepted' } & PayeeFunded)
  | Each<FundedState, PayeeFunded & { tx?: Hex }>
  | { role: 'payer'; state: 'addressed'; network: string; own: Own; offer: Offer; terms: Terms; id: Hex }
  | ({ role: 'payer'; state: 'proposed'; funding: Funding | null; coins: readonly string[]; nonce: Hex | null } & Held)
  | Each<FundedState, PayerFunded & { tx?: Hex }>
  | Cancelled;

/** `lost`: given up because its store was restored; the journal may know that it went on. */
interface Cancelled {
  role: Role;
  state: 'cancelled';
  own: Own;
  key: Hex;
  lost?: true;
}

export type PayeeCredit = Extract<Credit, { role: 'payee'; paidSat: bigint }>;
export type PayerCredit = Extract<Credit, { role: 'payer'; signedMaxSat: bigint }>;
export type FundedCredit = PayeeCredit | PayerCredit;

export const isFunded = (c: Credit): c is FundedCredit => 'paidSat' in c || 'signedMaxSat' in c;
/** The rollover under way, where there is one. */
export const rollingOf = (c: Credit | undefined): Rolling | null => (c && 'rolling' in c ? c.rolling : null);
/** What a funded record begins with. */
export const NOTHING_PAID = {
  paidSat: 0n,
  exit: null,
  receipt: null,
  live: [],
  issuedSat: 0n,
  waitingSat: 0n,
  unconfirmed: false,
} as const;
export const nothingSigned = (terms: Terms) =>
  ({
    signedMaxSat: 0n,
    asked: [],
    awaited: [],
    quote: null,
    foreignSat: 0n,
    inflight: [],
    receivedSat: 0n,
    owedSat: isReverse(terms) ? 0n : null,
    restored: false,
  }) as const;
/** The payer's record once it has signed for so much, or learnt by its receipt that it had. What was signed is owed too. */
export const signedUpTo = <C extends PayerCredit>(c: C, sat: bigint): C => ({
  ...c,
  signedMaxSat: maxSat(sat, c.signedMaxSat),
  owedSat: c.owedSat === null ? null : maxSat(sat, c.owedSat),
});
/** What of the payments counts as ecash: all, while the end of a lost store's journal may be missing. */
export const issuedOf = (c: PayeeCredit): bigint =>
  c.unconfirmed && c.terms.ecash !== 'none' ? c.paidSat : c.issuedSat;
/** What was paid (payee), or has been signed for (payer). */
export const paidOf = (c: FundedCredit): bigint => (c.role === 'payee' ? c.paidSat : c.signedMaxSat);

/** States that a contract never leaves for one that takes updates. */
export function isLeft(c: Credit): boolean {
  if (c.state === 'cancelled') return !c.lost;
  if (c.state === 'rolled' || c.state === 'closed' || c.state === 'exiting') return true;
  return c.state === 'closing' && c.signedClose !== null;
}

/** The record once the chain has settled it: left for good, whatever it was. */
export function settledAs(c: FundedCredit, settled: Settled): Credit {
  const left = c.state === 'closed' || c.state === 'rolled' ? {} : { state: 'exiting' as const, rolling: null };
  return { ...c, ...(c.role === 'payee' && { live: [] }), ...left, settled } as Credit;
}

type Opening = Extract<Credit, { state: 'offered' | 'addressed' | 'proposed' }>;
/** An opening that nobody has signed for yet can be given up. */
export const isOpening = (c: Credit | undefined): c is Opening =>
  c?.state === 'offered' || c?.state === 'addressed' || c?.state === 'proposed';

/** What is left of an opening that was given up: its key, so that it is never shown again. */
export const cancelled = (c: Opening | (PayerFunded & { state: 'open' })): Cancelled => ({
  role: c.role,
  state: 'cancelled',
  own: c.own,
  key: c.state === 'offered' ? c.offer.pubkey : c.terms.payer_pubkey,
});

/** How far a funded contract has come: against a rollover or close that hangs, the payee exits. */
const RANK = { accepted: 0, open: 1, closing: 2, closed: 3, rolled: 3, exiting: 4 } as const;

/** Which of two versions of a funded contract is further; the first where both are equal. */
function further<C extends FundedCredit>(a: C, b: C): C {
  if (RANK[a.state] !== RANK[b.state]) return RANK[b.state] > RANK[a.state] ? b : a;
  if (paidOf(a) !== paidOf(b)) return paidOf(b) > paidOf(a) ? b : a;
  return b.role === 'payer' && b.receivedSat > (a as PayerCredit).receivedSat ? b : a;
}

/** See `Kind.merged`: the largest payment with its exit, the largest sums issued and owed, and no way back. */
function merged(a: Credit, b: Credit): Credit {
  if (!isFunded(a) || !isFunded(b)) {
    const ended = [a, b].find((c) => c.state === 'cancelled' && !c.lost);
    const funded = [a, b].find(isFunded);
    return (ended && !(funded && paidOf(funded) > 0n) ? ended : funded) ?? a;
  }
  const both = {
    signedClose: a.signedClose ?? b.signedClose,
    ...((a.settled ?? b.settled) && { settled: (a.settled ?? b.settled)! }),
  };
  if (a.role === 'payer' && b.role === 'payer')
    return {
      ...further(a, b),
      ...both,
      signedMaxSat: maxSat(a.signedMaxSat, b.signedMaxSat),
      owedSat: a.owedSat === null || b.owedSat === null ? a.owedSat : maxSat(a.owedSat, b.owedSat),
      receivedSat: maxSat(a.receivedSat, b.receivedSat),
      foreignSat: maxSat(a.foreignSat, b.foreignSat),
      restored: a.restored || b.restored,
    } as Credit;
  if (a.role === 'payer' || b.role === 'payer') return a;
  const { paidSat, exit, receipt, waitingSat } = b.paidSat > a.paidSat ? b : a;
  const issuedSat = maxSat(a.issuedSat, b.issuedSat);
  const known = further(a, b) === a && paidSat === a.paidSat && issuedSat === a.issuedSat;
  const doubtful = { restored: a.restored || !known, unconfirmed: a.unconfirmed || !known };
  return { ...further(a, b), ...both, paidSat, exit, receipt, waitingSat, issuedSat, ...doubtful } as Credit;
}

export const creditKind: Kind<Credit> = {
  name: 'credit',
  parse: (json) => withSats(json) as Credit,
  claims(c): readonly Claim[] {
    switch (c.state) {
      case 'offered':
        return [keyClaim(c.offer.pubkey)];
      case 'cancelled':
        // A key that was shown once is never shown again.
        return [keyClaim(c.key)];
      case 'addressed':
        return [idClaim(c.id), keyClaim(c.terms.payer_pubkey), keyClaim(c.terms.payee_pubkey)];
      default:
        return [
          idClaim(c.id),
          keyClaim(c.terms.payer_pubkey),
          keyClaim(c.terms.payee_pubkey),
          coinClaim(outpointText(c.outpoint)),
          ...('coins' in c && c.state !== 'closed' ? c.coins.map(coinClaim) : []),
        ];
    }
  },
  row(c): RecordRow {
    const name = 'id' in c ? c.id : c.state === 'offered' ? c.offer.pubkey : c.key;
    const limitSat = 'terms' in c ? maxPaid(c.terms) : 0n;
    return {
      name,
      state: c.state,
      highSat: isFunded(c) ? paidOf(c) : 0n,
      limitSat,
      left: isLeft(c),
      ...('issuedSat' in c && { issuer: c.terms.ecash, issuedSat: c.issuedSat }),
      ...('owedSat' in c && c.owedSat !== null && { owedSat: c.owedSat }),
    };
  },
  restored(c): Credit {
    if (isOpening(c)) return { ...cancelled(c), lost: true };
    if (!isFunded(c)) return c;
    // An own close is a proposal whose nonce is gone; a signature given for the other's stays given.
    const reopened = { closing: null, ...(c.state === 'closing' && !c.signedClose && { state: 'open' as const }) };
    if (c.role === 'payer')
      return { ...c, ...reopened, rolling: null, asked: [], restored: c.restored || c.owedSat !== null } as Credit;
    return { ...c, ...reopened, rolling: null, live: [], restored: true, unconfirmed: true } as Credit;
  },
  merged,
};

/** The record, known to be of this role and in one of these states. @throws Refusal `unknown-contract`, `not-your-turn`, `wrong-state` */
export function must<R extends Role, S extends Credit['state']>(
  c: Credit | undefined,
  role: R,
  ...states: S[]
): Extract<Credit, { role: R; state: S }> {
  if (!c) throw new Refusal('unknown-contract', 'no such contract in this home');
  if (c.role !== role)
    throw new Refusal('not-your-turn', `this home is the ${c.role} of the contract; the ${role} is expected here`);
  if (!(states as string[]).includes(c.state))
    throw new Refusal(
      'wrong-state',
      `the contract is '${c.state}' in this home, ${states.map((s) => `'${s}'`).join(' or ')} expected`,
    );
  return c as Extract<Credit, { role: R; state: S }>;
}
