/** A quote of a mint: whose it is, what it was shown, and two versions of it, of a restored store and its journal. */
import { expect, it } from 'vitest';
import {
  acknowledge,
  creditQuote,
  cutEvent,
  isQuotePending,
  newQuote,
  quoteKind,
  reserve,
  type Quote,
} from '../../src/lib/ecash/quote.ts';
import { codeOf, refusal } from '../support/refusal.ts';

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

it('has nothing to tell where all that was paid was told', () => {
  const of = (paid: bigint, ack: bigint) => ({ ...wish(A, 100), creditedSat: paid, ackSat: ack });
  const told = (paid: bigint, ack: bigint) => cutEvent(of(paid, ack));
  expect([told(499n, 500n), told(500n, 500n)]).toEqual([undefined, undefined]);
  expect([499n, 500n, 501n].map((paid) => isQuotePending(of(paid, 500n)))).toEqual([false, false, true]);
  expect(told(501n, 500n)).toMatchObject({ event: { beforeSat: 500n, afterSat: 501n } });
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

const mintSays = (change: object) => ({
  id: 'q',
  amountSat: 500n,
  pubkey: 'aa',
  paidSat: 0n,
  issuedSat: 0n,
  expiry: null,
  ...change,
});

it.each([
  // Unix seconds, and what another contract gets; a wish holds through its last second
  [99, 'quote-bound'],
  [100, 'quote-bound'],
  [101, B],
])('kept until 100 is free for another wish at %i: %s', (now, expected) => {
  const work = (known: Quote) =>
    reserve(known, { id: 'q', contract: B, mint: known.mint, amountSat: 500n, until: 300 }, mintSays({}), now);
  if (expected === B) expect(work(wish(A, 100))).toEqual(wish(B, 300));
  else expect(codeOf(() => work(wish(A, 100)))).toBe(expected);
  expect(codeOf(() => work({ ...wish(A, 100), creditedSat: 1n }))).toBe('quote-bound');
});

it.each([
  ['not asked', 'not-checked', 'mint-unavailable'],
  ['not known', 'unknown', 'quote-unknown'],
  ['for less', mintSays({ amountSat: 499n }), 'quote-amount'],
  ['for any amount', mintSays({ amountSat: null }), 'quote-amount'],
  ['without a key', mintSays({ pubkey: null }), 'quote-unlocked'],
  ['paid', mintSays({ paidSat: 1n }), 'quote-used'],
  ['issued', mintSays({ issuedSat: 1n }), 'quote-used'],
] as const)('that is %s is kept for nobody', (_, found, code) => {
  const work = () =>
    reserve(undefined, { id: 'q', contract: A, mint: 'https://mint.example', amountSat: 500n, until: 9 }, found, 1);
  expect(codeOf(work)).toBe(code);
});

it.each([
  // sat paid before, sat that come
  [0n, 499n, '499 sat found for quote q, which takes exactly 500 sat'],
  [0n, 501n, '501 sat found for quote q, which takes exactly 500 sat'],
  [1n, 500n, 'quote q is paid already'],
  [500n, 500n, 'quote q is paid already'],
])('of 500 sat with %i sat takes no %i sat', (creditedSat, amountSat, message) => {
  const quote = { ...wish(A, 100), creditedSat };
  expect(refusal(() => creditQuote(quote, amountSat))).toMatchObject({ code: 'quote-amount', message });
});

it.each([
  // sat that the mint shows paid and issued, of 300 acknowledged (200 of them issued) and 700 shown
  [299n, 200n, 'mint-behind'],
  [300n, 200n, 'as it was'],
  [301n, 200n, 'mint-behind'],
  [699n, 200n, 'mint-behind'],
  [700n, 199n, 'mint-behind'],
  [700n, 200n, 'arrived'],
  [700n, 700n, 'arrived'],
  [701n, 200n, 'mint-ahead'],
])('that shows %i sat, %i of them issued: %s', (paidSat, issuedSat, expected) => {
  const open = newQuote({ id: 'q', contract: A, mint: 'https://mint.example', amountSat: null });
  const known = cutEvent({ ...open, creditedSat: 700n, ackSat: 300n, issuedSat: 200n })!;
  const seen = acknowledge(known, { paidSat, issuedSat });
  if (expected === 'as it was') expect(seen).toEqual({ ...known, issuedSat });
  else if (expected === 'arrived') expect(seen).toEqual({ ...known, issuedSat, event: null, ackSat: 700n });
  else expect(seen).toEqual({ ...known, stopped: expected });
});
