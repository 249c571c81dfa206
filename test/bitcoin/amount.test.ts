/** Amounts: BTC decimals of nodes and whole satoshis, exactly, and whatever is neither. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { btcFromSat, COIN, MAX_SAT, parseSat, satFromBtc } from '../../src/lib/bitcoin/amount.ts';
import { refusal } from '../support/refusal.ts';

const amount = fc.bigInt({ min: 0n, max: MAX_SAT });

describe('BTC decimals', () => {
  it.each([
    ['0', 0n],
    ['0.00000000', 0n],
    ['0.00000001', 1n],
    ['0.00012', 12_000n],
    ['0.1', 10_000_000n],
    ['1', COIN],
    ['00000001.5', 150_000_000n],
    // 0.29 and 1.15 are no exact floats: 0.29 * 1e8 is 28999999.999999996.
    ['0.29', 29_000_000n],
    ['1.15', 115_000_000n],
    ['20999999.99999999', MAX_SAT - 1n],
    ['21000000', MAX_SAT],
  ])('%s is %i sat', (text, sat) => {
    expect(satFromBtc(text)).toBe(sat);
  });
  it.each([
    '',
    '.',
    '1.',
    '.5',
    '-1',
    '+1',
    '1e3',
    '1E-8',
    '0.000000001',
    '21000000.00000001',
    '100000000',
    ' 1',
    '1 ',
    '1,5',
    '0x1',
    '١',
    'NaN',
    '1.5\n',
  ])('%j is refused', (text) => {
    expect(refusal(() => satFromBtc(text))).toMatchObject({ code: 'malformed', exit: 65 });
  });
  it('shows no more than the beginning of what it refuses', () => {
    expect(refusal(() => satFromBtc('9'.repeat(10_000))).message.length).toBeLessThan(120);
  });
  it('are written with eight places, and read again', () => {
    expect([0n, 1n, COIN, MAX_SAT].map(btcFromSat)).toEqual([
      '0.00000000',
      '0.00000001',
      '1.00000000',
      '21000000.00000000',
    ]);
    fc.assert(
      fc.property(amount, (sat) => {
        expect(satFromBtc(btcFromSat(sat))).toBe(sat);
      }),
    );
  });
});

describe('whole satoshis', () => {
  it('are read back as written', () => {
    fc.assert(
      fc.property(amount, (sat) => {
        expect(parseSat(sat.toString())).toBe(sat);
      }),
    );
  });
  it.each(['', '01', '00', '-1', '+1', '1.0', '1e3', ' 1', '1_000', '2100000000000001', '99999999999999999', '1\n'])(
    '%j is none',
    (text) => {
      expect(parseSat(text)).toBeUndefined();
    },
  );
});
