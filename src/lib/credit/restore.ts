/**
 * Beliefs of a restored or copied home about its credit records, field by field, and what two
 * versions of one record know together. Open offers and proposals end; a sum that only grows is the
 * larger.
 */
import { txidOfHex } from '../bitcoin/transaction.ts';
import {
  believing,
  each,
  fixed,
  largest,
  onceOnly,
  remembered,
  voided,
  type Belief,
  type Beliefs,
} from '../protocol/belief.ts';
import type { Hex } from '../protocol/action.ts';
import {
  cancelled,
  isFunded,
  isOpening,
  paidOf,
  type PaymentRequest,
  type Closing,
  type Credit,
  type FundedCredit,
  type Live,
  type PayeeCredit,
  type Rolling,
  type Settled,
} from './states.ts';
import { overlay, type Span } from './spans.ts';

/**
 * Belief about a rollover. Its transaction may have been signed since, so its contract is known
 * until somebody gives it up or the chain settles it. The later one took the place of the earlier.
 */
const rolling: Belief<Rolling | null> = { merged: (later, earlier = null) => later ?? earlier };

/** Rule of the settlement: of two for one transaction, the one that names its kind. */
const settlementBelief: Belief<Settled> = {
  merged: (later, earlier) => (later.by === 'other' && earlier?.txid === later.txid ? earlier : later),
  carried: true,
};

/** Places that either version knows. */
const spans: Belief<readonly Span[]> = { merged: (later, earlier = []) => overlay(later, earlier) };

const fields: Beliefs<Credit> = {
  ...each(fixed, 'role', 'state', 'network', 'own', 'offer', 'terms', 'id', 'outpoint', 'key', 'lost', 'guarded'),
  ...each(fixed, 'unpaid', 'rolls', 'until', 'lasts', 'funding', 'coins', 'outside'),
  ...each(fixed, 'refund', 'refundAnswer', 'refundSighash'),
  // They belong to the larger payment, see `withLargest`.
  ...each(fixed, 'exit', 'receipt', 'owedQuery'),
  ...each(onceOnly, 'tx', 'signedClose', 'funded'),
  ...each(largest, 'paidSat', 'signedMaxSat', 'owedSat', 'invoicesSat'),
  ...each({ ...largest, carried: true }, 'owedStatedSat', 'receiptSat'),
  freshSat: { ...largest, restored: () => 0n },
  nonce: voided<Hex | null>(null),
  settled: settlementBelief,
  rolling,
  // This home's close is a proposal whose nonce is lost; a signature given for the counterparty's close stays given.
  closing: voided<Closing | null>(null),
  // Which records a restore marks so, `ended` says.
  restored: remembered,
  live: voided<readonly Live[]>([]),
  agreed: spans,
  asked: voided<readonly PaymentRequest[]>([]),
};

/** The state in which a restore leaves a record. */
function ended(c: Credit): Credit {
  if (isOpening(c)) return { ...cancelled(c), lost: true };
  if (!isFunded(c)) return c;
  const state = c.state === 'closing' && !c.signedClose ? 'open' : c.state;
  // The payee's last payments may be missing, and so may a payer's debt that others can raise.
  return { ...c, state, restored: c.restored || c.role === 'payee' || c.owedSat !== null } as Credit;
}

/** Progress of a funded contract: against a rollover or close that hangs, the payee exits. */
const RANK = { accepted: 0, open: 1, closing: 2, closed: 3, rolled: 3, exiting: 4 } as const;

function isLater(a: Credit, b: Credit): boolean {
  if (!isFunded(a) || !isFunded(b)) return false;
  return (RANK[a.state] - RANK[b.state] || Number(paidOf(a) - paidOf(b))) > 0;
}

const believed = believing(fields, { restored: ended, isLater });
export const { restored } = believed;

/** Merges two versions: the largest payment with its exit, and no way back (`Kind.merged`). */
export function merged(a: Credit, b: Credit): Credit {
  if (!isFunded(a) || !isFunded(b)) return either(a, b);
  if (a.role !== b.role) return a;
  const both = withName(believed.merged(a, b) as FundedCredit, a, b);
  return both.role === 'payee' ? withLargest(both, a as PayeeCredit, b as PayeeCredit) : both;
}

/** Merges two versions, one without a contract. An unpaid end stands if no restore made it. */
function either(a: Credit, b: Credit): Credit {
  const end = [a, b].find((c) => c.state === 'cancelled' && !c.lost);
  const funded = [a, b].find(isFunded);
  return (end && !(funded && paidOf(funded) > 0n) ? end : funded) ?? a;
}

/** Takes the exit of the larger payment, in new doubt unless the store's version had it. */
function withLargest(both: PayeeCredit, a: PayeeCredit, b: PayeeCredit): PayeeCredit {
  const { paidSat, exit, receipt } = b.paidSat > a.paidSat ? b : a;
  const known = !isLater(b, a) && paidSat === a.paidSat;
  return { ...both, paidSat, exit, receipt, restored: a.restored || !known };
}

/** Names the settling transaction if either version knows it as its own. */
function withName(both: FundedCredit, ...versions: readonly FundedCredit[]): FundedCredit {
  const { settled } = both;
  if (settled?.by !== 'other') return both;
  const ended = versions.find((c) => 'tx' in c && c.tx !== undefined && txidOfHex(c.tx) === settled.txid);
  if (ended?.state !== 'rolled' && ended?.state !== 'closed') return both;
  return { ...both, settled: { ...settled, by: ended.state === 'rolled' ? 'rollover' : 'close' } };
}
