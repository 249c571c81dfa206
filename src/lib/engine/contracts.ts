/**
 * Credit contracts of a home: changes outside any action, chain facts of several at once, and what `watch` and `serve` learn of
 * those that it accepted. A contract whose coin is there is marked as funded. It lapses at its expiry where nobody funded it and
 * nothing was paid over it; an offer that nobody has answered lapses a day after its end.
 *
 * Funding is looked up by the transactions of each new block, once for all contracts: whoever opens contracts that nobody
 * funds costs the node nothing. Where these cannot be told, as at the first look, the node is asked for every coin.
 * Not here: when a contract has lapsed (`credit/standing.ts`, `credit/watch.ts`).
 */
import { cancelled, creditKind, isFunded, isUnfunded, mayLapse, owesNothing, type Credit } from '../credit/records.ts';
import { followed, hasLapsed, type ExitFacts } from '../credit/standing.ts';
import { change } from '../home/change.ts';
import type { Claim } from '../protocol/kind.ts';
import type { Ordered, StatedSum } from '../home/store.ts';
import { fundingClaim, idClaim, keyClaim } from '../protocol/claims.ts';
import { isThere } from '../credit/checks.ts';
import type { Home } from '../home/home.ts';
import type { Utxo, Facts } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { seenOf } from './status.ts';
import { pages, pagesOf, slices } from './slices.ts';

export interface NamedContract {
  name: string;
  record: Credit;
}

/**
 * Replaces the credit record of a claim by `next` of it, unless that is undefined. Retries after lost races.
 * @returns the written record
 */
export const changeCredit = (
  { store }: Pick<Home, 'store'>,
  claim: Claim,
  next: (c: Credit) => Credit | undefined,
): Promise<Credit | undefined> =>
  change(
    store,
    { contract: creditKind },
    () => ({ contract: claim }),
    ({ contract }) => {
      const result = next(contract as Credit);
      return { writes: result ? { contract: result } : {}, result };
    },
  );

/** Looks up the coins of funded contracts. */
export const exitFacts = (source: FactSource, contracts: readonly NamedContract[]): Promise<ExitFacts> =>
  seenOf(
    source,
    contracts.flatMap(({ record: c }) => (isFunded(c) ? [followed(c)] : [])),
  );

/** Number of contracts that are read, and asked for, in one go. */
const AT_ONCE = 200;
/** Seconds after its end for which an offer is kept, so that a late answer is told that it is late. */
const OFFER_GRACE = 86_400n;

/** Cancels a contract unless something was paid over it meanwhile. @returns whether it was cancelled */
export const lapse = async (home: Pick<Home, 'store'>, id: string): Promise<boolean> =>
  (await changeCredit(home, idClaim(id), (c) => (mayLapse(c) ? cancelled(c) : undefined))) !== undefined;

/** Cancels all contracts and offers that have lapsed. @returns the ids of the contracts */
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

/** Reads a record; nothing where it cannot be read, which `watch` reports. */
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

/** Key under which the store keeps the newest block that was looked at. */
const SEEN = 'mined';

/**
 * Marks the accepted contracts whose coin is there. Cancels those whose stated transaction is in a block and pays something
 * else, or was spent since.
 * @returns the ids of the cancelled contracts
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
  const stated = (after: StatedSum | undefined) => store.stated(creditKind, 'unfunded', { after, most: AT_ONCE });
  for await (const page of pages(AT_ONCE, stated)) {
    const asked = page
      .map(({ name, claim }) => ({ name, at: claim.slice(fundingClaim('').length) }))
      .filter(({ at }) => !txids || txids.has(at.split(':')[0]!));
    if (asked.length > 0) {
      const { coins = 'not-checked' } = (await source.facts({ coins: asked.map(({ at }) => at) })).facts;
      if (coins !== 'not-checked')
        for (const { name, at } of asked)
          if ((await judged(home, name, coins, txids ? coins.get(at) : undefined))?.state === 'cancelled')
            ended.push(name);
    }
    if (stopped()) return ended;
    await pause();
  }
  await store.setMeta(SEEN, best);
  return ended;
}

/**
 * Updates one contract by what the chain shows of its stated outpoint.
 * @param mined output there of a transaction in a block; undefined where it is not known to be in one
 */
const judged = (
  home: Home,
  id: string,
  coins: Facts['coins'],
  mined: Utxo | 'missing' | undefined,
): Promise<Credit | undefined> =>
  changeCredit(home, idClaim(id), (c) => {
    if (!isUnfunded(c)) return undefined;
    if (isThere(coins, c)) return { ...c, funded: true };
    // What is gone from a block may have been the contract's coin, over which a mint owes what nobody has taken.
    const isOther = mined === 'missing' ? owesNothing(c) : (mined?.confirmations ?? 0) > 0;
    // Before its journal is read nobody knows what was paid over a contract.
    return isOther && mayLapse(c) && !home.restored ? cancelled(c) : undefined;
  });
