/**
 * Whether contracts that this home accepted were funded since: looked up by the transactions of each new block, once for all of
 * them, so that whoever opens contracts that nobody funds costs the node nothing. Where these cannot be told, as at the first
 * look, the node is asked for every coin.
 */
import { creditKind, isUnfunded } from '../credit/records.ts';
import { isThere } from '../credit/checks.ts';
import type { Home } from '../home/home.ts';
import type { Stated } from '../home/store.ts';
import type { Facts } from '../protocol/action.ts';
import { fundingClaim, idClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
import { changeCredit } from './contracts.ts';
import { pages } from './pages.ts';
import { slices } from './slices.ts';

/** So many are read, and asked for, in one go. */
const AT_ONCE = 200;
/** Where the store keeps the newest block that was looked at. */
const SEEN = 'mined';

/** Marks those whose coin is there. */
export async function markFunded(home: Home, source: FactSource, stopped = (): boolean => false): Promise<void> {
  if (!source.mined) return;
  const { store } = home;
  const before = await store.meta(SEEN);
  const { best, txids } = await source.mined(before);
  if (best === before) return;
  const pause = slices();
  const stated = (after: Stated | undefined) => store.stated(creditKind, 'unfunded', { after, most: AT_ONCE });
  for await (const page of pages(AT_ONCE, stated)) {
    const asked = page
      .map(({ name, claim }) => ({ name, at: claim.slice(fundingClaim('').length) }))
      .filter(({ at }) => !txids || txids.has(at.split(':')[0]!));
    if (asked.length > 0) {
      const { coins = 'not-checked' } = (await source.facts({ coins: asked.map(({ at }) => at) })).facts;
      for (const { name, at } of asked)
        if (coins !== 'not-checked' && coins.get(at) !== 'missing') await mark(home, name, coins);
    }
    if (stopped()) return;
    await pause();
  }
  await store.setMeta(SEEN, best);
}

const mark = (home: Home, id: string, coins: Facts['coins']): Promise<unknown> =>
  changeCredit(home, idClaim(id), (c) => (isUnfunded(c) && isThere(coins, c) ? { ...c, funded: true } : undefined));
