/** The name of a token in hand: one for the same coins, another for any others. */
import { expect, it } from 'vitest';
import { tokenClaim } from '../../src/lib/ecash/in-hand.ts';

const claim = (...counters: number[]) =>
  tokenClaim(
    `01${'ab'.repeat(32)}`,
    counters.map((counter) => ({ counter, amountSat: 1n })),
  );

it.each([
  [
    [3, 12, 15],
    [3, 5, 15],
  ],
  [[3, 4], [3]],
  [
    [5, 9, 6],
    [5, 7, 6],
  ],
])('coins %j are another token than %j', (one, other) => expect(claim(...one)).not.toBe(claim(...other)));
it('the order of its coins is no part of it', () => expect(claim(3, 5, 15)).toBe(claim(15, 3, 5)));
