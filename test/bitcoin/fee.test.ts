/** Fees and feerates: rounding, bounds, and their text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundFeerate,
  feeFor,
  feerateOf,
  feerateText,
  guardFee,
  MAX_FEERATE,
  MIN_FEERATE,
  parseFeerate,
} from '../../src/lib/bitcoin/fee.ts';
import { refusal } from '../support/refusal.ts';

const feerate = fc.integer({ min: 100, max: MAX_FEERATE });
const vsize = fc.integer({ min: 60, max: 100_000 });

describe('fees', () => {
  it('are rounded up to a satoshi, and never by more', () => {
    expect([feeFor(2000, 154), feeFor(1001, 100), feeFor(1000, 99), feeFor(100, 1)]).toEqual([308n, 101n, 99n, 1n]);
    fc.assert(
      fc.property(feerate, vsize, (rate, size) => {
        const fee = feeFor(rate, size);
        expect(fee * 1000n).toBeGreaterThanOrEqual(BigInt(rate) * BigInt(size));
        expect((fee - 1n) * 1000n).toBeLessThan(BigInt(rate) * BigInt(size));
        expect(feerateOf(fee, size)).toBeGreaterThanOrEqual(rate);
      }),
    );
  });
  it('a tenth of the inputs is not too high, a satoshi more is', () => {
    expect(guardFee(100n, 1000n)).toBeUndefined();
    expect(guardFee(101n, 1000n, true)).toBeUndefined();
    const found = refusal(() => guardFee(101n, 1000n));
    expect(found).toMatchObject({ code: 'fee-too-high', exit: 77, hint: 'give --allow-fee if this is meant' });
  });
  it('have bounds that nobody means to leave', () => {
    const size = 154;
    expect(boundFeerate(feeFor(MIN_FEERATE, size), size)).toBeUndefined();
    expect(boundFeerate(feeFor(MAX_FEERATE, size), size)).toBeUndefined();
    expect(refusal(() => boundFeerate(153n, size)).code).toBe('fee-too-low');
    expect(refusal(() => boundFeerate(feeFor(MAX_FEERATE, size) + 1n, size)).code).toBe('fee-too-high');
  });
});

describe('feerates', () => {
  it.each([
    ['1', 1000],
    ['0.1', 100],
    ['2.5', 2500],
    ['1.001', 1001],
    ['5000', MAX_FEERATE],
    ['00001', 1000],
  ])('%s sat/vB', (text, rate) => {
    expect(parseFeerate(text)).toBe(rate);
  });
  it.each(['', '0', '0.099', '0.0001', '5000.001', '5001', '-1', '1e2', '1.', '.5', ' 1', '1,5', '123456'])(
    '%j is none',
    (text) => {
      expect(parseFeerate(text)).toBeUndefined();
    },
  );
  it('are read as they are shown', () => {
    fc.assert(
      fc.property(feerate, (rate) => {
        expect(parseFeerate(feerateText(rate))).toBe(rate);
      }),
    );
  });
});
