/**
 * Search of the chain for the coins of a home's wallet (BIP86): a ranged descriptor for each of its
 * two chains of addresses.
 *
 * A node scans all unspent coins of the chain at each search, which takes minutes on mainnet
 * however wide the ranges are. Ranges are therefore wide, and searches few. The first one covers
 * all addresses in use and a gap behind them. The next ones go on from the last address that holds
 * a coin, until a whole gap holds none. Spent coins leave no trace. If a home may have lost its
 * counter, the gap must be as wide as what it may have given out in vain.
 *
 * The node attests that a coin is there, not that it is ours: it must lie where the node was asked,
 * and have the script of the home's own key there. A node that lists coins for ever is queried a
 * bounded number of times.
 * Not here: which of the coins can be spent (`wallet.ts`).
 */
import { withChecksum } from '../bitcoin/descriptor.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { RangedDescriptor, Rpc, ScannedCoin } from '../chain/rpc.ts';
import type { Home } from '../home/home.ts';
import type { HomeKeys } from '../home/keys.ts';
import type { WalletPath } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Number of addresses to search behind the last known one. */
export const GAP = {
  /** Gap of a home that knows all its addresses; another wallet of its words may use more. */
  known: 1_000,
  /** Gap of a home from words or a backup: above a server's addresses in two days (`--offers`). */
  lost: 200_000,
} as const;
export const SCAN_LIMITS = {
  gap: { unit: 'items', least: 1, most: 1_000_000 },
  /** Bitcoin Core refuses a longer range. */
  range: { unit: 'items', most: 1_000_000 },
  looks: { unit: 'items', most: 10 },
  /** Last index but one of BIP32. At the last one Bitcoin Core never ends a search. */
  index: { unit: 'number', most: 2 ** 31 - 2 },
} satisfies Limits;

export const gapOf = ({ mayRepeat }: Pick<Home, 'mayRepeat'>): number => (mayRepeat ? GAP.lost : GAP.known);

/** Range of places of one chain, both ends included. */
interface Reach {
  chain: 0 | 1;
  from: number;
  to: number;
}
export interface PlacedCoin extends ScannedCoin {
  path: WalletPath;
  confirmations: number;
}
export interface Scanned {
  coins: readonly PlacedCoin[];
  /** Last place of the search, if it holds coins so near that more may lie behind. */
  cutAt: WalletPath | undefined;
}

/**
 * Searches the chain for coins of the wallet.
 * @param used the last place in use of each chain
 * @param gap gap of the receiving chain; that of the other chain is `GAP.known`
 * @throws Refusal `chain-unavailable`, also for a coin that is not of this home
 */
export async function scanWallet(
  rpc: Pick<Rpc, 'scan'>,
  keys: HomeKeys,
  used: readonly WalletPath[],
  gap: number,
): Promise<Scanned> {
  const coins = new Map<string, PlacedCoin>();
  const chains = ([0, 1] as const).map((chain) => ({
    chain,
    gap: chain === 0 ? gap : GAP.known,
    last: Math.max(-1, ...used.filter((path) => path.chain === chain).map(({ index }) => index)),
    seen: -1,
  }));
  for (let looks = 1; ; looks++) {
    const next = chains.map(({ last, gap, ...at }) => ({ ...at, to: Math.min(last + gap, SCAN_LIMITS.index.most) }));
    const reaches = next.flatMap(({ chain, seen, to }) => (to > seen ? [{ chain, from: seen + 1, to }] : []));
    const [first] = reaches;
    const found = [...coins.values()];
    if (!first) return { coins: found, cutAt: undefined };
    if (!allows(SCAN_LIMITS.looks, looks))
      return { coins: found, cutAt: { chain: first.chain, index: first.from - 1 } };
    const { coins: listed, height } = await rpc.scan(reaches.flatMap((reach) => descriptors(keys, reach)));
    for (const coin of listed) {
      const path = await placeOf(coin, reaches, keys);
      const at = chains[path.chain]!;
      at.last = Math.max(at.last, path.index);
      coins.set(outpointText(coin), { ...coin, path, confirmations: height - coin.height + 1 });
    }
    for (const { chain, to } of reaches) chains[chain]!.seen = to;
  }
}

/** Returns the descriptors of a range, split by the longest range that the node takes. */
function descriptors(keys: HomeKeys, { chain, from, to }: Reach): RangedDescriptor[] {
  const { fingerprint, path, xpub } = keys.account();
  const desc = withChecksum(`tr([${fingerprint}/${path}]${xpub}/${chain}/*)`);
  const most = SCAN_LIMITS.range.most;
  return Array.from({ length: Math.ceil((to - from + 1) / most) }, (_, i) => {
    const first = from + i * most;
    return { desc, range: [first, Math.min(first + most - 1, to)] };
  });
}

/** Returns the place that the node gives in a coin's descriptor, checked with the home's key. */
async function placeOf(coin: ScannedCoin, reaches: readonly Reach[], keys: HomeKeys): Promise<WalletPath> {
  const [, chain, index] = /\/([01])\/(\d+)\]/.exec(coin.desc) ?? [];
  const at = { chain: Number(chain) as 0 | 1, index: Number(index) };
  const asked = reaches.some((reach) => reach.chain === at.chain && reach.from <= at.index && at.index <= reach.to);
  if (asked && (await keys.address(at)).script === coin.script) return at;
  throw new Refusal('chain-unavailable', `the node lists ${outpointText(coin)}, which is not a coin of this home`);
}
