/** Fees and feerates. A feerate is a whole number of satoshis for 1000 virtual bytes. */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Feerate above which none was ever paid: a larger one is a slip. */
export const MAX_FEERATE = 5_000_000;
export const MIN_FEERATE = 1_000;
export const FEE_LIMITS = {
  /** Feerate that a user may ask for; some nodes relay less than 1 sat/vB. */
  asked: { unit: 'sat/kvB', least: 100, most: MAX_FEERATE },
  /** Fee of a transaction of `vsize` virtual bytes that another party proposes. */
  paid: {
    unit: 'sat',
    least: (vsize: number) => feeFor(MIN_FEERATE, vsize),
    most: (vsize: number) => feeFor(MAX_FEERATE, vsize),
  },
  /** Fee by the sum of the inputs, unless more is allowed. */
  share: { unit: 'sat', most: (inputs: bigint) => inputs / 10n },
  /** Highest feerate of the counterparty's proposals, by default. */
  proposed: { unit: 'sat/kvB', most: 100_000 },
} satisfies Limits;

/**
 * Returns the fee for `vsize` virtual bytes at a feerate in satoshis for 1000 vB, rounded up.
 * @example
 * ```ts
 * feeFor(2500, 153); // 383n
 * ```
 */
export const feeFor = (feerate: number, vsize: number): bigint => (BigInt(feerate) * BigInt(vsize) + 999n) / 1000n;

/**
 * Returns the feerate that a fee comes to, in satoshis for 1000 vB, rounded down.
 * @example
 * ```ts
 * feerateOf(383n, 153); // 2503
 * ```
 */
export const feerateOf = (fee: bigint, vsize: number): number => Number((fee * 1000n) / BigInt(vsize));

/**
 * Reads sat/vB with up to three decimals; returns satoshis for 1000 vB, undefined for other text.
 * @example
 * ```ts
 * parseFeerate('2.5'); // 2500
 * ```
 */
export function parseFeerate(text: string): number | undefined {
  const found = /^(\d{1,5})(?:\.(\d{1,3}))?$/.exec(text);
  if (!found) return undefined;
  const feerate = Number(found[1]) * 1000 + Number((found[2] ?? '').padEnd(3, '0'));
  return allows(FEE_LIMITS.asked, feerate) ? feerate : undefined;
}

/**
 * Shows a feerate in sat/vB.
 * @example
 * ```ts
 * feerateText(2500); // '2.5'
 * ```
 */
export const feerateText = (feerate: number): string => String(feerate / 1000);

/** Refuses a fee above a tenth of the inputs, unless allowed. @throws Refusal `fee-too-high` */
export function guardFee(fee: bigint, inputs: bigint, allowed = false): void {
  if (!allowed && fee > FEE_LIMITS.share.most(inputs))
    throw new Refusal(
      'fee-too-high',
      `a fee of ${fee} sat found, at most a tenth of the ${inputs} sat of the inputs expected`,
      {
        hint: 'give --allow-fee if this is meant',
      },
    );
}

/**
 * Checks the fee of a transaction that one side proposes and both sign.
 * @param what name of the transaction, for errors
 * @param most highest feerate, in satoshis for 1000 vB; undefined for a proposal of this home
 * @throws Refusal `fee-too-low`, `fee-too-high`
 */
export function checkProposed(
  what: string,
  { fee, vsize, inputs }: { fee: bigint; vsize: number; inputs: bigint },
  allowed: boolean | undefined,
  most: number | undefined,
): void {
  boundFeerate(fee, vsize);
  guardFee(fee, inputs, allowed);
  const found = feerateOf(fee, vsize);
  if (most !== undefined && found > most)
    throw new Refusal(
      'fee-too-high',
      `${what} at ${feerateText(found)} sat/vB found, at most ${feerateText(most)} expected`,
      { hint: 'give --max-feerate if this is meant' },
    );
}

/** Refuses a feerate beyond all bounds. @throws Refusal `fee-too-low`, `fee-too-high` */
export function boundFeerate(fee: bigint, vsize: number): void {
  if (fee < FEE_LIMITS.paid.least(vsize))
    throw new Refusal('fee-too-low', `a fee of ${fee} sat for ${vsize} vB found, at least 1 sat/vB expected`);
  if (fee > FEE_LIMITS.paid.most(vsize))
    throw new Refusal(
      'fee-too-high',
      `a fee of ${fee} sat for ${vsize} vB found, at most ${MAX_FEERATE / 1000} sat/vB expected`,
    );
}
