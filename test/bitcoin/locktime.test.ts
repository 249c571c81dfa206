/** Expiries: a height as given, counted from the tip, or worked out of a date. */
import { describe, expect, it } from 'vitest';
import { expiryHeight, LOCKTIME_THRESHOLD, parseExpiry } from '../../src/lib/bitcoin/locktime.ts';
import { refusal } from '../support/refusal.ts';

describe('an expiry', () => {
  it.each([
    ['800000', { height: 800_000 }],
    ['1', { height: 1 }],
    [String(LOCKTIME_THRESHOLD - 1), { height: LOCKTIME_THRESHOLD - 1 }],
    ['+4320', { blocks: 4320 }],
    ['+1', { blocks: 1 }],
    ['2027-01-01', { date: 1_798_761_600 }],
    ['2028-02-29', { date: 1_835_395_200 }],
  ])('%s', (text, expiry) => {
    expect(parseExpiry(text)).toEqual(expiry);
  });
  it.each([
    '',
    '0',
    '+0',
    '-1',
    '+-1',
    '01',
    '1.5',
    '1e3',
    String(LOCKTIME_THRESHOLD),
    '1700000000',
    '+12345678',
    '2027-1-1',
    '2027-02-30',
    '2027-02-29',
    '2027-13-01',
    '2027-00-01',
    '2027-01-00',
    '2027-01-01T00:00',
    ' 1',
    '1 ',
    '1\n',
    'tomorrow',
  ])('%j is none', (text) => {
    expect(parseExpiry(text)).toBeUndefined();
  });

  it('is a height: as given, counted from the tip, or by 144 blocks a day', () => {
    const now = 1_800_000_000;
    expect(expiryHeight({ height: 5 }, 'not-checked', now)).toBe(5);
    expect(expiryHeight({ blocks: 4320 }, 1000, now)).toBe(5320);
    expect(expiryHeight({ date: now + 86_400 * 30 }, 1000, now)).toBe(5320);
    // Never before the date.
    expect(expiryHeight({ date: now + 1 }, 1000, now)).toBe(1001);
    expect(expiryHeight({ date: now + 601 }, 1000, now)).toBe(1002);
    expect(expiryHeight({ date: now - 86_400 }, 1000, now)).toBe(856);
  });
  it.each([{ blocks: 1 }, { date: 1_900_000_000 }])('%j needs a tip', (expiry) => {
    const found = refusal(() => expiryHeight(expiry, 'not-checked', 0));
    expect(found).toMatchObject({ code: 'usage', hint: 'give --tip HEIGHT or --chain URL' });
  });
});
