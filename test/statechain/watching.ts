/** Statecoins that are watched, and what the chain shows of them: for tests of `statechain/watch.ts`. */
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { txidOf } from '../../src/lib/bitcoin/transaction.ts';
import type { CoinSeen, Due, ChainView, CoinSpend, Watched } from '../../src/lib/contract/duty.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { statecoinKind, type OwnerRecord, type Statecoin } from '../../src/lib/statechain/records.ts';
import { backup } from '../../src/lib/statechain/transactions.ts';
import { watchedCoin } from '../../src/lib/statechain/watch.ts';
import type { TestParty } from '../support/party.ts';
import { coinOf, opened, transferMessages, type Cast } from '../support/statechain.ts';
import { rules } from '../contract/dutiful.ts';

/** The first backup is final at 2000; the one of the second owner at 1900. */
export const [FORMER, OWN] = [2000, 1900];
export const SAT = 1_000_000n;

export const ownerOf = async (party: TestParty, id: string): Promise<OwnerRecord> =>
  (await coinOf(party, id)) as OwnerRecord;
/** Scripts of an owner's own addresses: those of the owners before it are not. */
export const scripts = (c: OwnerRecord): ReadonlySet<string> =>
  new Set([c.entries.at(-1)!, ...c.withdrawals].map(({ address }) => scriptOf(address, 'regtest')));
export const unspent: CoinSeen = { coin: 'unspent', depth: 6, spend: null };
const paid = { feeSat: 500n, vsize: 124 };
export const by = (w: Watched, txid: string, more: Partial<CoinSpend> = {}): CoinSeen => {
  const way = w.coins[0]!.ways.get(txid) ?? { by: 'other', paysSat: null, lostSat: null };
  const spend = { txid, hex: null, confirmations: 0, paying: { all: paid, own: paid }, ...way, ...more };
  return {
    coin: 'spent',
    depth: 0,
    spend: spend.confirmations > 0 ? { ...spend, paying: null } : spend,
  };
};
/** What is due, for a coin that the chain shows so. */
export function due(
  w: Watched,
  height: number,
  coin: CoinSeen = unspent,
  more: Partial<ChainView> = {},
  r = rules,
): Due {
  const { outpoint } = w.coins[0]!;
  const seen: ChainView = {
    tip: height,
    medianTime: 0,
    coins: new Map([[outpointText(outpoint), coin]]),
    feerate: 2_000,
    least: 1_000,
    relay: 1_000,
    ...more,
  };
  return w.decide(seen, r)[0]!;
}
/** The coin of Bob, who had it of Alice. */
export async function second(
  all: Cast,
): Promise<{ id: string; bob: OwnerRecord; w: Watched; exit: string; former: string }> {
  const id = await opened(all);
  await transferMessages(all.operator, all.alice, all.bob, id);
  const bob = await ownerOf(all.bob, id);
  const [former, exit] = bob.entries.map((entry) => txidOf(backup(bob, entry)));
  return { id, bob, w: watchedCoin(bob, scripts(bob))!, exit: exit!, former: former! };
}

/** Writes a home's record of a coin anew. */
export const rewrite = (party: TestParty, id: string, next: (c: Statecoin) => Statecoin): Promise<void> =>
  change<{ coin: Statecoin }, void>(
    party.home.store,
    { coin: statecoinKind },
    () => ({ coin: idClaim(id) }),
    ({ coin }) => ({ writes: { coin: next(coin!) }, result: undefined }),
  );
