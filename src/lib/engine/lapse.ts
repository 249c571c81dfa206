/**
 * Lapsed contracts and offers, ended by `watch` and by `serve`, whichever looks first. A contract
 * that this home accepted as payee lapses at its expiry, where nobody funded it and nothing was
 * paid over it. An offer that nobody has answered lapses a day after its end.
 * Not here: when that may be said of a contract (`credit/standing.ts`, `credit/watch.ts`).
 */
import { cancelled, creditKind, mayLapse } from '../credit/records.ts';
import { hasLapsed } from '../credit/standing.ts';
import type { Home } from '../home/home.ts';
import type { Ordered } from '../home/store.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
import { changeCredit, exitFacts, type NamedContract } from './contracts.ts';
import { pagesOf } from './pages.ts';

/** Number of contracts that are looked at in one go. */
const AT_ONCE = 200;
/** Time for which a late answer to an offer is told that it is late. */
const OFFER_GRACE = 86_400n;

/** Gives one up, unless something was paid over it meanwhile. @returns whether it was given up */
export const lapse = async (home: Pick<Home, 'store'>, id: string): Promise<boolean> =>
  (await changeCredit(home, idClaim(id), (c) => (mayLapse(c) ? cancelled(c) : undefined))) !== undefined;

/** @returns the contracts that were given up */
export async function lapseAll(home: Home, source: FactSource, stopped = (): boolean => false): Promise<string[]> {
  // Before its journal is read nobody knows what was paid.
  if (home.restored) return [];
  const { tip = 'not-checked', now } = (await source.facts({ tip: true, now: true })).facts;
  await endOffers(home, BigInt(now!) - OFFER_GRACE, stopped);
  const ended: string[] = [];
  const ends = [
    ['waits', now!],
    ...(tip === 'not-checked' ? [] : (['unfunded', 'expiry'] as const).map((f) => [f, tip] as const)),
  ] as const;
  for (const [figure, upTo] of ends)
    for await (const page of pagesOf(home.store, creditKind, figure, { upTo: BigInt(upTo), most: AT_ONCE })) {
      if (stopped()) return ended;
      const over = page.flatMap(readable).filter(({ record }) => mayLapse(record));
      const facts = await exitFacts(source, over);
      for (const { record: c } of over)
        if (mayLapse(c) && hasLapsed(c, facts, now) && (await lapse(home, c.id))) ended.push(c.id);
    }
  return ended;
}

/** A record that cannot be read keeps none of the others; `watch` tells it. */
function readable(row: Ordered): NamedContract[] {
  try {
    return [{ name: row.name, record: creditKind.parse(row.record) }];
  } catch {
    return [];
  }
}

/** @param upTo Unix seconds */
async function endOffers(home: Home, upTo: bigint, stopped: () => boolean): Promise<void> {
  for await (const page of pagesOf(home.store, creditKind, 'offered', { upTo, most: AT_ONCE }))
    for (const { name } of page) {
      if (stopped()) return;
      await changeCredit(home, keyClaim(name), (c) => (c.state === 'offered' ? cancelled(c) : undefined));
    }
}
