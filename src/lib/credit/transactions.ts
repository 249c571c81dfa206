/**
 * The transactions of a credit contract, as pure functions of terms and state: each party builds
 * them for itself.
 *
 *   refund    everything to the payer, valid from block expiry + 1 on
 *   update    `paid` to the payee, the rest to the payer; valid at once, held by the payee alone
 *   close     the same at a fee agreed when it is made
 *   rollover  `paid` to the payee, the rest, with the payer's top-ups, into the next contract
 *
 * All are version 3 (TRUC): whoever owns an output can pay for it with a child. The payer's
 * remainder bears the fees. A remainder below dust goes to the payee: it gets less than one dust
 * limit more than it was paid.
 */
import { feeFor, feerateText } from '../bitcoin/fee.ts';
import { maxSat } from '../bitcoin/amount.ts';
import { outpointIn } from '../bitcoin/funding.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { scriptOf } from '../bitcoin/address.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { ANY_SCRIPT } from '../contract/quote.ts';
import {
  SEQUENCE_LOCKTIME,
  SEQUENCE_RBF,
  sortInputs,
  sortOutputs,
  sweepVsize,
  type Input,
  type Output,
  type Spent,
  type Template,
} from '../bitcoin/transaction.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkKeys, checkTermsWithin, keysOf, payoutScript, type Contract, type Policy, type Terms } from './terms.ts';

/** Returns the contract's coin. Its script is computed on use: txids do not need it. */
export const contractInput = ({ terms, outpoint }: Contract, sequence = SEQUENCE_RBF): Input => ({
  ...outpoint,
  sat: terms.capacity_sat,
  get script() {
    return keysOf(terms).script;
  },
  sequence,
});

/** Returns the output that funds a contract. */
export const fundingOutput = (terms: Terms): Output => ({ sat: terms.capacity_sat, script: keysOf(terms).script });
/** Returns the place of that output in its transaction. */
export const contractOutpoint = (terms: Terms, template: Template): Outpoint =>
  outpointIn(template, keysOf(terms).script);

/** Virtual size of an update or close with both outputs, which sets the fee. */
export const settlementVsize = (terms: Terms): number =>
  sweepVsize(payoutScript(terms, 'payee'), payoutScript(terms, 'payer'));
export const exitFee = (terms: Terms): bigint => feeFor(terms.exit_feerate * 1000, settlementVsize(terms));
export const refundVsize = (terms: Terms): number => sweepVsize(payoutScript(terms, 'payer'));
export const refundFee = (terms: Terms): bigint => feeFor(terms.exit_feerate * 1000, refundVsize(terms));

/** The most that can be paid over the contract. */
export const maxPaid = (terms: Terms): bigint => terms.capacity_sat - exitFee(terms);
/** The least that can be paid: below it, the payee's output would not be relayed. */
export const minPaid = (terms: Terms): bigint => dustLimit(payoutScript(terms, 'payee'));

export const PAID_LIMITS = {
  paid: { unit: 'sat', least: minPaid, most: maxPaid },
  /** Capacity with room for a payment, and for a refund of all of it. */
  capacity: {
    unit: 'sat',
    least: (terms: Terms) =>
      maxSat(minPaid(terms) + exitFee(terms), dustLimit(payoutScript(terms, 'payer')) + refundFee(terms)),
  },
  /** Default highest feerate if the counterparty sets the fee. */
  feerate: { unit: 'sat/kvB', most: 50_000 },
  /** The refund's fee: a hundredth, unless more is allowed. */
  refund: { unit: 'sat', most: (capacity: bigint) => capacity / 100n },
} satisfies Limits;

/** @throws Refusal `below-dust`, `over-capacity`: amounts that no update can carry */
export function checkPaid(terms: Terms, paid: bigint): void {
  if (paid < PAID_LIMITS.paid.least(terms))
    throw new Refusal(
      'below-dust',
      `${paid} sat paid in all found, at least ${minPaid(terms)} expected: the payee's output would be dust`,
      {
        hint: 'let the first payment be larger',
      },
    );
  if (paid > PAID_LIMITS.paid.most(terms))
    throw new Refusal(
      'over-capacity',
      `${paid} sat paid in all found, at most ${maxPaid(terms)} expected (capacity less the exit fee)`,
    );
}

/** @throws Refusal `below-dust` */
export function checkCapacity(terms: Terms): void {
  const least = PAID_LIMITS.capacity.least(terms);
  if (terms.capacity_sat < least)
    throw new Refusal('below-dust', `a capacity of ${terms.capacity_sat} sat found, at least ${least} expected`);
}

/** Most that a payer agrees to pay for exit and refund. */
export interface Bounds {
  /** Satoshis for 1000 vB. */
  maxExitFeerate?: number;
  allowFee?: boolean;
}

/**
 * Checks terms that follow from an offer, for a payer that has not drawn keys for good yet.
 * @throws Refusal `key-rejected`, `out-of-policy`, `below-dust`; `fee-too-high` for a refund that
 * would burn a hundredth, or for feerates above the payer's bound. The exit, one output larger,
 * burns less than two hundredths then.
 */
export function checkOffered(terms: Terms, policy: Policy, tip: number | 'not-checked', bounds: Bounds): void {
  checkKeys(terms, 'payee');
  checkTermsWithin(terms, policy, tip);
  checkCapacity(terms);
  const { maxExitFeerate: most = PAID_LIMITS.feerate.most, allowFee = false } = bounds;
  if (terms.exit_feerate * 1000 > most)
    throw new Refusal(
      'fee-too-high',
      `the payee wants exit and refund at ${terms.exit_feerate} sat/vB, at most ${feerateText(most)} expected`,
      { hint: 'give --max-exit-feerate if this is meant' },
    );
  if (!allowFee && refundFee(terms) > PAID_LIMITS.refund.most(terms.capacity_sat))
    throw new Refusal(
      'fee-too-high',
      `a refund of ${terms.capacity_sat} sat that costs ${refundFee(terms)} sat found, at most a hundredth expected`,
      { hint: 'give --allow-fee if this is meant, or open a larger contract' },
    );
}

export const refund = (contract: Contract): Template => ({
  version: 3,
  locktime: contract.terms.expiry,
  inputs: [contractInput(contract, SEQUENCE_LOCKTIME)],
  outputs: [
    { sat: contract.terms.capacity_sat - refundFee(contract.terms), script: payoutScript(contract.terms, 'payer') },
  ],
});

/** Returns the update that pays the total `paid`. The caller runs `checkPaid` first. */
export const update = (contract: Contract, paid: bigint): Template => settle(contract, paid, exitFee(contract.terms));
export const close = (contract: Contract, paid: bigint, fee: bigint): Template => settle(contract, paid, fee);

function settle(contract: Contract, paid: bigint, fee: bigint): Template {
  const { terms } = contract;
  const payer = payoutScript(terms, 'payer');
  const remainder = terms.capacity_sat - paid - fee;
  if (remainder < 0n)
    throw new Refusal(
      'fee-too-high',
      `a fee of ${fee} sat found, at most ${terms.capacity_sat - paid} sat left to pay it`,
    );
  const kept = remainder >= dustLimit(payer) ? remainder : 0n;
  const toPayee = paid + remainder - kept;
  const outputs = [
    { sat: toPayee, script: payoutScript(terms, 'payee') },
    { sat: kept, script: payer },
  ].filter((o) => o.sat > 0n);
  return { version: 3, locktime: 0, inputs: [contractInput(contract)], outputs: sortOutputs(outputs) };
}

/** Parts of a rollover beside the two contracts. */
export interface RolloverParts {
  paidSat: bigint;
  topUps: readonly Spent[];
  change: { address: string; sat: bigint } | null;
}

/** The rollover: its fee is what the inputs hold beyond the outputs. */
export function rollover(old: Contract, parts: RolloverParts, next: Terms): Template {
  const { network } = old.terms;
  const outputs: Output[] = [
    { sat: parts.paidSat, script: payoutScript(old.terms, 'payee') },
    { sat: next.capacity_sat, script: keysOf(next).script },
    ...(parts.change ? [{ sat: parts.change.sat, script: scriptOf(parts.change.address, network) }] : []),
  ].filter((o) => o.sat > 0n);
  const inputs = [contractInput(old), ...parts.topUps.map((c) => ({ ...c, sequence: SEQUENCE_RBF }))];
  return { version: 3, locktime: 0, inputs: sortInputs(inputs), outputs: sortOutputs(outputs) };
}

/** Returns the outputs with a placeholder for the next contract's script. */
export const rolloverOutputs = (old: Terms, paid: bigint, capacity: bigint): Output[] =>
  [
    { sat: paid, script: payoutScript(old, 'payee') },
    { sat: capacity, script: ANY_SCRIPT },
  ].filter((o) => o.sat > 0n);
