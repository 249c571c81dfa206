/**
 * Contracts that this home accepted as payee, that nobody funded and nothing was paid over: at their expiry they are given up,
 * by `watch` and by `serve`, whichever looks first. Not here: when that may be said (`credit/standing.ts`, `credit/watch.ts`).
 */
import { cancelled, creditKind, mayLapse, type Credit } from '../credit/records.ts';
import { hasLapsed } from '../credit/standing.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { idClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
import { exitFacts } from './contracts.ts';

/** So many are looked at in one go. */
const AT_ONCE = 200;

/** Gives one up, unless something was paid over it meanwhile. @returns whether it was given up */
export const lapse = ({ store }: Pick<Home, 'store'>, id: string): Promise<boolean> =>
  change(
    store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => {
      const c = contract as Credit;
      if (!mayLapse(c)) return { writes: {}, result: false };
      return { writes: { contract: cancelled(c) }, result: true };
    },
  );

/** @returns those that were given up */
export async function lapseAll(home: Home, source: FactSource, stopped = (): boolean => false): Promise<string[]> {
  // Before its journal is read nobody knows what was paid.
  if (home.restored) return [];
  const { tip } = (await source.facts({ tip: true })).facts;
  if (tip === undefined || tip === 'not-checked') return [];
  const listed = await Promise.all(['accepted', 'open'].map((state) => home.store.list('credit', state)));
  const over = listed
    .flat()
    .map(({ name, record }) => ({ name, record: creditKind.parse(record) }))
    .filter(({ record }) => mayLapse(record) && record.terms.expiry <= tip);
  const ended: string[] = [];
  for (let from = 0; from < over.length && !stopped(); from += AT_ONCE) {
    const some = over.slice(from, from + AT_ONCE);
    const facts = await exitFacts(source, some);
    for (const { record: c } of some)
      if (mayLapse(c) && hasLapsed(c, facts) && (await lapse(home, c.id))) ended.push(c.id);
  }
  return ended;
}
