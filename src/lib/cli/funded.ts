/**
 * Whether contracts that this home accepted were funded since: looked up by the transactions of each new block, once for all of
 * them, so that whoever opens contracts that nobody funds costs the node nothing. Where these cannot be told, as at the first
 * look, the node is asked for every coin.
 */
import { creditKind, isUnfunded, type Credit, type FundedCredit } from '../credit/records.ts';
import { isThere } from '../credit/checks.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Stated } from '../home/store.ts';
import type { Facts } from '../protocol/action.ts';
import { fundingClaim, idClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
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
    const mined = page.filter(({ claim }) => !txids || txids.has(outpointOf(claim).split(':')[0]!));
    const asked = mined.map(({ claim }) => outpointOf(claim));
    const { coins = 'not-checked' } = asked.length > 0 ? (await source.facts({ coins: asked })).facts : {};
    if (coins !== 'not-checked')
      for (const { name, claim } of mined)
        if (coins.get(outpointOf(claim)) !== 'missing') await mark(home, name, coins);
    if (stopped()) return;
    await pause();
  }
  await store.setMeta(SEEN, best);
}

/** `TXID:VOUT` */
const outpointOf = (claim: Stated['claim']): string => claim.slice(fundingClaim('').length);

const mark = ({ store }: Home, id: string, coins: Facts['coins']): Promise<void> =>
  change(
    store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => {
      const c = contract as Credit;
      const found = isUnfunded(c) && isThere(coins, c as FundedCredit);
      return { writes: found ? { contract: { ...c, funded: true } } : {}, result: undefined };
    },
  );
