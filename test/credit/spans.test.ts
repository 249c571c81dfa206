/** Places of payments: the same payment counts once in any order. */
import { ledgerKind, payerLedger } from '../../src/lib/ecash/ledger.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlay, withSpan, upTo, within, type Span } from '../../src/lib/credit/spans.ts';
import { boundToQuote, payForQuote } from '../../src/lib/ecash/payments.ts';
import { contractWith } from './things.ts';

const span = fc
  .record({ from: fc.bigInt(0n, 30n), size: fc.bigInt(0n, 10n), foreign: fc.boolean() })
  .map(({ from, size, foreign }): Span => ({ fromSat: from, toSat: from + size, ...(foreign && { foreign }) }));
const at = (spans: readonly Span[], place: bigint): string => {
  const found = spans.filter((s) => s.fromSat <= place && place < s.toSat);
  expect(found.length).toBeLessThanOrEqual(1);
  return found.map(({ foreign }) => (foreign ? 'foreign' : 'own')).join();
};

describe('places', () => {
  it('say at each sat what was said of it last', () => {
    fc.assert(
      fc.property(fc.array(span), (said) => {
        const spans = said.reduce<Span[]>(withSpan, []);
        for (let place = 0n; place < 41n; place++) {
          const last = said.filter((s) => s.fromSat <= place && place < s.toSat).at(-1);
          expect(at(spans, place)).toBe(last ? (last.foreign ? 'foreign' : 'own') : '');
        }
        expect(within(spans, 41n)).toBe(spans.reduce((sum, s) => sum + s.toSat - s.fromSat, 0n));
        expect(said.reduce(withSpan, spans)).toEqual(spans);
      }),
    );
  });

  it('of two versions are those of either, and the later one’s where they differ', () => {
    fc.assert(
      fc.property(fc.array(span), fc.array(span), (a, b) => {
        const [later, earlier] = [a.reduce<Span[]>(withSpan, []), b.reduce<Span[]>(withSpan, [])];
        const both = overlay(later, earlier);
        for (let place = 0n; place < 41n; place++) expect(at(both, place)).toBe(at(later, place) || at(earlier, place));
      }),
    );
  });
});

describe('a record', () => {
  const payer = { ...payerLedger(contractWith(), undefined), paidSat: 1_000n };

  it('in two versions: what went elsewhere may become less, and what was said of a quote goes with it', () => {
    const foreign = { fromSat: 0n, toSat: 1_000n, foreign: true } as const;
    const early = { ...payer, quote: 'q', went: [foreign], bound: { paidSat: 400n, quoteSat: 400n } };
    const late = { ...early, arrived: upTo(1n), went: upTo(1_000n), bound: { paidSat: 1_000n, quoteSat: 900n } };
    for (const [a, b] of [
      [early, late],
      [late, early],
    ] as const)
      expect(ledgerKind.merged!(a, b)).toMatchObject({ went: late.went, bound: late.bound, quote: 'q' });
    const lost = { ...payer, paidSat: 1_500n, went: [{ fromSat: 1_000n, toSat: 1_500n }] };
    expect(ledgerKind.merged!(lost, early)).toMatchObject({
      went: [foreign, { fromSat: 1_000n, toSat: 1_500n }],
      quote: 'q',
      bound: early.bound,
    });
  });
});

describe('a payment behind one that was accepted and has not arrived', () => {
  const accepted = { paidSat: 1_000n, amountSat: 500n, quote: null };
  const payer = { ...payerLedger(contractWith(), undefined), inflight: [accepted] };
  const m = { previous_paid_sat: 1_000n, amount_sat: 200n, paid_sat: 1_200n, asked: null };
  const pay = (most?: bigint) => payForQuote(payer, { signedMaxSat: 1_000n }, m as never, new Map(), most);
  it('waits for it, or for leave to have both under way', () => {
    for (const most of [undefined, 699n])
      expect(() => pay(most)).toThrow(expect.objectContaining({ code: 'ecash-awaited' }));
    expect(pay(700n).inflight).toEqual([accepted, { paidSat: 1_200n, amountSat: 200n, quote: null }]);
  });
  it('what the payee says of a quote last counts, also of as much', () => {
    const said = boundToQuote(payer, 'q', 1_000n, 400n);
    expect(boundToQuote(said, 'q', 1_000n, 500n).bound).toEqual({ paidSat: 1_000n, quoteSat: 500n });
    expect(boundToQuote(said, 'q', 999n, 300n).bound).toEqual({ paidSat: 1_000n, quoteSat: 400n });
  });
});

describe('a payment that is signed again', () => {
  const under = { paidSat: 1_000n, amountSat: 500n, quote: null };
  const payer = { ...payerLedger(contractWith(), undefined), inflight: [under] };
  it.each([
    // satoshis paid before and after it; what is under way are the places from 500 to 1000
    [0n, 499n, false],
    [0n, 500n, false],
    [0n, 501n, true],
    [999n, 1_500n, true],
    [1_000n, 1_500n, false],
    [1_001n, 1_500n, false],
    // the last one that was signed: nothing new
    [1_500n, 2_000n, false],
  ])('from %s to %s sat is under way once more only where one for its places is: %s', (before, paid, again) => {
    const m = { previous_paid_sat: before, amount_sat: paid - before, paid_sat: paid, asked: null };
    const { inflight } = payForQuote(payer, { signedMaxSat: 2_000n }, m as never, new Map(), undefined);
    expect(inflight.some((p) => p.paidSat === paid && p.amountSat === paid - before)).toBe(again);
  });
});
