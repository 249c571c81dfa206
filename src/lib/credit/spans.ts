/**
 * Sets of sats by their place in what was paid over a contract: the first sat that was ever paid is
 * at 0 to 1. A payment is the span from the sum before it to the sum after it. So the same payment
 * counts once, in whatever order and however often it is told; a number is only read off such a
 * set.
 */
import { maxSat, minSat } from '../bitcoin/amount.ts';

export interface Span {
  fromSat: bigint;
  toSat: bigint;
  /** True if it went to a quote of another wallet. */
  foreign?: true;
}

const isSome = (s: Span): boolean => s.fromSat < s.toSat;
export const upTo = (toSat: bigint): Span[] => [{ fromSat: 0n, toSat }].filter(isSome);

/** Returns the set with one stretch replaced. */
export function withSpan(spans: readonly Span[], span: Span): Span[] {
  if (!isSome(span)) return [...spans];
  const left = spans.flatMap((s): Span[] => [
    { ...s, toSat: minSat(s.toSat, span.fromSat) },
    { ...s, fromSat: maxSat(s.fromSat, span.toSat) },
  ]);
  const all = [...left, span].filter(isSome).sort((a, b) => (a.fromSat < b.fromSat ? -1 : 1));
  return all.reduce<Span[]>((joined, s) => {
    const last = joined.at(-1);
    if (last?.toSat !== s.fromSat || last.foreign !== s.foreign) return [...joined, s];
    return [...joined.slice(0, -1), { ...last, toSat: s.toSat }];
  }, []);
}

/** Returns the union of two sets; where they differ, the later one's word. */
export const overlay = (later: readonly Span[], earlier: readonly Span[]): Span[] =>
  later.reduce(withSpan, [...earlier]);

/** Returns the number of sats in the set. */
export const total = (spans: readonly Span[]): bigint => spans.reduce((sum, s) => sum + s.toSat - s.fromSat, 0n);

/** Returns how many of the first `toSat` satoshis are in the set. */
export const within = (spans: readonly Span[], toSat: bigint): bigint =>
  spans.reduce((sum, s) => sum + maxSat(minSat(s.toSat, toSat) - s.fromSat, 0n), 0n);
