/** Two versions of a quote, of a restored store and its journal: whose it is, and what it was shown. */
import { expect, it } from 'vitest';
import { creditQuote, cutEvent, newQuote, quoteKind, type Quote } from '../../src/lib/ecash/quote.ts';

const [A, B] = ['aa'.repeat(32), 'bb'.repeat(32)];
const wish = (contract: string, reserved: number): Quote => ({
  ...newQuote({ id: 'q', contract, mint: 'https://mint.example', amountSat: 500n }),
  reserved,
});
const merged = (...versions: Quote[]): Quote => versions.map(quoteKind.restored).reduce(quoteKind.merged!);

it('belongs to the contract that paid it, though another had reserved it before', () => {
  const bound = creditQuote(wish(B, 200), 500n);
  const shown = cutEvent(bound)!;
  for (const versions of [
    [wish(A, 100), bound],
    [bound, wish(A, 100)],
    [wish(A, 100), wish(B, 200), bound, shown],
    [shown, bound, wish(B, 200), wish(A, 100)],
  ])
    expect(merged(...versions)).toMatchObject({
      contract: B,
      creditedSat: 500n,
      reserved: null,
      stopped: 'home-restored',
    });
});

it('is kept for the wish that lapses last', () => {
  expect(merged(wish(A, 100), wish(B, 200))).toEqual(wish(B, 200));
  expect(merged(wish(B, 200), wish(A, 100))).toEqual(wish(B, 200));
});

it('learns nothing from what it was before', () => {
  const bound = creditQuote(wish(A, 100), 500n);
  const shown = cutEvent(bound)!;
  const versions = [wish(A, 100), bound, shown, { ...shown, event: null, ackSat: 500n }];
  for (const [i, mine] of versions.entries())
    for (const earlier of versions.slice(0, i + 1)) expect(merged(mine, earlier)).toEqual(quoteKind.restored(mine));
});
