/**
 * The cases of a table of limits (`src/lib/protocol/limit.ts`): for each row one below the limit, at it and one above, by
 * the rule that reads it. A row without a case fails, and so does a case without a row.
 */
import { expect, it } from 'vitest';
import { Refusal, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import type { Limit, Limits } from '../../src/lib/protocol/limit.ts';
import type { TestParty } from './party.ts';

type End = 'least' | 'most';
/** What lies outside is refused with; 'not taken': the rule does not throw, `takes` answers `false`. */
type Code = ErrorCode | 'not taken';
interface Case<L extends Limit> {
  /** The rule with so much. */
  takes(found: never): unknown;
  below?: L extends { least: unknown } ? Code : never;
  above?: L extends { most: unknown } ? Code : never;
  /** The figures with which the limit moves, for a row that has a function. */
  figures?: readonly unknown[];
}
type Needed<L extends Limit> = Case<L> &
  (L extends { least: unknown } ? { below: Code } : unknown) &
  (L extends { most: unknown } ? { above: Code } : unknown);
export type Cases<T extends Limits> = { [K in keyof T]: Needed<T[K]> | readonly Needed<T[K]>[] };

/** Tests of every row. */
export function limits<T extends Limits>(table: T, cases: Cases<T>): void {
  it('each limit has its case', () => expect(Object.keys(cases).sort()).toEqual(Object.keys(table).sort()));
  for (const [name, limit] of Object.entries(table))
    for (const each of [cases[name] ?? []].flat() as Case<Limit>[])
      for (const end of ['least', 'most'] as const) if (limit[end] !== undefined) around(name, limit, each, end);
}

function around(name: string, limit: Limit, each: Case<Limit>, end: End): void {
  const stated = limit[end]!;
  const at = typeof stated === 'function' ? stated(...((each.figures ?? []) as never[])) : stated;
  const next = (by: 1 | -1) => (typeof at === 'bigint' ? at + BigInt(by) : at + by);
  const [inner, outer] = end === 'least' ? [next(1), next(-1)] : [next(-1), next(1)];
  const code = (end === 'least' ? each.below : each.above) as Code | undefined;
  it(`${name}: ${end} ${at} (${limit.unit})`, async () => {
    expect(await outcome(each, outer)).toBe(code);
    expect([await outcome(each, at), await outcome(each, inner)]).toEqual(['taken', 'taken']);
  });
}

/** Runs a step; where it is refused, nothing in these homes has changed. */
export async function unchanged<T>(homes: readonly TestParty[], run: () => Promise<T>): Promise<T> {
  const state = () => Promise.all(homes.map(async (home) => canonicalJson(await home.state())));
  const before = await state();
  try {
    return await run();
  } catch (error) {
    expect(await state()).toEqual(before);
    throw error;
  }
}

async function outcome({ takes }: Case<Limit>, found: unknown): Promise<string> {
  try {
    return (await takes(found as never)) === false ? 'not taken' : 'taken';
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
