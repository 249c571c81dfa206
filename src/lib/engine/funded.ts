/**
 * Funding of contracts that this home accepted. It is looked up by the transactions of each new
 * block, once for all of them: whoever opens contracts that nobody funds costs the node nothing.
 * Where these cannot be told, as at the first look, the node is asked for every coin.
 */
import { cancelled, creditKind, isUnfunded, mayLapse, owesNothing, type Credit } from '../credit/records.ts';
import { isThere } from '../credit/checks.ts';
import type { Home } from '../home/home.ts';
import type { StatedSum } from '../home/store.ts';
import type { Coin, Facts } from '../protocol/action.ts';
import { fundingClaim, idClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
import { changeCredit } from './contracts.ts';
import { pages } from './pages.ts';
import { slices } from './slices.ts';

/** Number of contracts that are read, and asked for, in one go. */
const AT_ONCE = 200;
/** Key under which the store keeps the newest block that was looked at. */
const SEEN = 'mined';

/**
 * Marks those whose coin is there; ends those whose stated transaction is in a block and pays something else, or was spent
 * since.
 * @returns the contracts that were ended
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
          if (isEnded(await judged(home, name, coins, txids ? coins.get(at) : undefined))) ended.push(name);
    }
    if (stopped()) return ended;
    await pause();
  }
  await store.setMeta(SEEN, best);
  return ended;
}

const isEnded = (c: Credit | undefined): boolean => c?.state === 'cancelled';

/** @param mined the output that a transaction in a block has there; undefined where it is not known to be in one */
const judged = (
  home: Home,
  id: string,
  coins: Facts['coins'],
  mined: Coin | 'missing' | undefined,
): Promise<Credit | undefined> =>
  changeCredit(home, idClaim(id), (c) => {
    if (!isUnfunded(c)) return undefined;
    if (isThere(coins, c)) return { ...c, funded: true };
    // What is gone from a block may have been the contract's coin, over which a mint owes what nobody has taken.
    const isOther = mined === 'missing' ? owesNothing(c) : (mined?.confirmations ?? 0) > 0;
    // Before its journal is read nobody knows what was paid over a contract.
    return isOther && mayLapse(c) && !home.restored ? cancelled(c) : undefined;
  });
