/**
 * Upkeep of a home's records besides their duties, by `watch` and `serve`. Records whose coin is
 * there are marked as funded, and those of which nothing can come any more end.
 *
 * Funding is looked up in the transactions of each new block, once for all records: contracts that
 * nobody funds cost the node nothing. If these are unknown, as at the first scan, the node is
 * queried for every coin.
 * Not here: what funds a record, and when one has lapsed (`Upkeep` of each family).
 */
import type { Watcher } from '../contract/watcher.ts';
import { allWatchers } from '../families.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { StatedSum } from '../home/store.ts';
import type { Claim, Kind } from '../protocol/kind.ts';
import { fundingClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
import { seenOf } from './status.ts';
import { pages, pagesOf, slices } from './slices.ts';

/** Number of records that are read and queried at once. */
const AT_ONCE = 200;
/** Key under which the store keeps the newest block that was scanned. */
const SEEN = 'mined';

type Kept = Required<Pick<Watcher<any>, 'kind' | 'upkeep'>>;
const allKept = async (): Promise<Kept[]> =>
  (await allWatchers()).flatMap(({ kind, upkeep }) => (upkeep ? [{ kind, upkeep }] : []));

/**
 * Replaces a claim's record by `next` of it, unless that is undefined. Retries after lost races.
 * @returns the written record
 */
export const changeRecord = <R extends object>(
  { store }: Pick<Home, 'store'>,
  kind: Kind<R>,
  claim: Claim,
  next: (record: R) => R | undefined,
): Promise<R | undefined> =>
  change<{ it: R }, R | undefined>(
    store,
    { it: kind },
    () => ({ it: claim }),
    ({ it }) => {
      const result = it && next(it);
      return { writes: result ? { it: result } : {}, result };
    },
  );

/** Ends the record of a claim. @returns false if something came of it meanwhile */
export const lapse = async (
  home: Pick<Home, 'store'>,
  { kind, upkeep }: Pick<Watcher<any>, 'kind' | 'upkeep'>,
  claim: Claim,
): Promise<boolean> => {
  const next = (it: object): object | undefined => {
    const lapsed: object = upkeep!.lapsed(it);
    return lapsed === it ? undefined : lapsed;
  };
  return (await changeRecord(home, kind, claim, next)) !== undefined;
};

/** Ends all records that have lapsed. @returns the names of those that had a coin to wait for */
export async function lapseAll(home: Home, source: FactSource, stopped = (): boolean => false): Promise<string[]> {
  // Before its journal is read nobody knows what was paid.
  if (home.restored) return [];
  const { tip = 'not-checked', now = 0 } = (await source.facts({ tip: true, now: true })).facts;
  const ended: string[] = [];
  for (const watcher of await allKept()) {
    const { kind, upkeep } = watcher;
    for (const [figure, end] of Object.entries(upkeep.lapses)) {
      const upTo = end === 'height' ? tip : now - end;
      if (upTo === 'not-checked') continue;
      for await (const page of pagesOf(home.store, kind, figure, { upTo: BigInt(upTo), most: AT_ONCE })) {
        if (stopped()) return ended;
        const over = page
          .flatMap(({ name, record }) =>
            readable(kind, record).map((read) => ({ name, read, coin: upkeep.coin(read) })),
          )
          .filter(({ read }) => upkeep.lapsed(read) !== read);
        const coins = over.flatMap(({ coin }) => coin ?? []);
        const facts = await seenOf(source, coins);
        for (const { name, read, coin } of over) {
          const claim = kind.key?.(read) ?? kind.claims(read)[0]!;
          if (upkeep.hasLapsed(read, facts, now) && (await lapse(home, watcher, claim)) && coin) ended.push(name);
        }
      }
    }
  }
  return ended;
}

/** Reads a record; nothing where it cannot be read, which `watch` reports. */
function readable(kind: Kind<unknown>, record: unknown): unknown[] {
  try {
    return [kind.parse(record)];
  } catch {
    return [];
  }
}

/**
 * Marks the records whose stated coin is there. Ends those whose coin was spent since, or is none.
 * @returns the names of the ended records
 */
export async function markFunded(
  home: Home,
  source: FactSource,
  stopped = (): boolean => false,
): Promise<readonly string[]> {
  const ended: string[] = [];
  if (!source.mined) return ended;
  const { store } = home;
  const before = await store.meta(SEEN);
  const { best, txids } = await source.mined(before);
  if (best === before) return ended;
  const pause = slices();
  for (const { kind, upkeep } of await allKept()) {
    const stated = (after: StatedSum | undefined) => store.stated(kind, upkeep.unfunded, { after, most: AT_ONCE });
    for await (const page of pages(AT_ONCE, stated)) {
      const asked = page
        .map(({ name, claim }) => ({ name, claim, at: claim.slice(fundingClaim('').length) }))
        .filter(({ at }) => !txids || txids.has(at.split(':')[0]!));
      if (asked.length > 0) {
        const { coins = 'not-checked' } = (await source.facts({ coins: asked.map(({ at }) => at) })).facts;
        if (coins !== 'not-checked')
          for (const { name, claim, at } of asked) {
            const mined = txids ? coins.get(at) : undefined;
            const next = (it: unknown) => upkeep.funded(it, coins, mined, home.restored);
            const written = await changeRecord(home, kind, claim as Claim, next);
            if (written && !upkeep.coin(written)) ended.push(name);
          }
      }
      if (stopped()) return ended;
      await pause();
    }
  }
  await store.setMeta(SEEN, best);
  return ended;
}
