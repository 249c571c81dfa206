/**
 * The home's own wallet (BIP86) as its commands see it: a fresh address, and the coins on the chain.
 * Not here: keys (`home/keys.ts`), choosing coins (`bitcoin/coins.ts`).
 */
import { pubSchnorr } from '@scure/btc-signer/utils.js';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { isMature } from '../bitcoin/coin-checks.ts';
import { listedCoin, type ListedCoin } from '../bitcoin/coins.ts';
import { withChecksum } from '../bitcoin/descriptor.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Rpc, ScannedCoin } from '../chain/rpc.ts';
import { factSource } from '../chain/source.ts';
import { plainCommit } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { untilWon } from '../home/race.ts';
import { reservedIn } from '../home/reserved.ts';
import type { HomeKeys } from '../home/keys.ts';
import type { Hex, OwnAddress, WalletPath } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

/** A receiving address that no run was given before. @throws Refusal `concurrent` */
export async function freshAddress(home: Home): Promise<OwnAddress> {
  return untilWon(async () => {
    const addresses = await home.store.fresh(1);
    return (await home.store.commit({ ...plainCommit({ reads: [], writes: [] }), addresses }))
      ? addresses[0]!
      : undefined;
  });
}

/** A coin of the home, in the shape of `listunspent`. */
export interface OwnCoin extends ListedCoin {
  desc: string;
  spendable: true;
  solvable: true;
  safe: true;
}

/** A node looks at places 0 to 1000 of a descriptor that ends in `*`. */
const SCANNED = 1000;

/**
 * The confirmed coins of the home that no transaction spends, in the mempool neither; oldest first. Left out and counted
 * are those that a live proposal of the home has reserved, as Bitcoin Core leaves out locked coins.
 * Places that turn out to hold coins are marked as used: a home made from its words knows none.
 * @throws Refusal `chain-unavailable`, `chain-stale` or `wrong-network`
 */
export async function ownCoins(home: Home, rpc: Rpc): Promise<{ coins: OwnCoin[]; reserved: number }> {
  const keys = await home.keys();
  const source = factSource({ network: home.network, rpc });
  await source.facts({ tip: true }); // the right chain, before minutes of scanning
  const known = new Map((await home.store.addresses()).map(({ script, chain, index }) => [script, { chain, index }]));
  const { coins: found, height } = await rpc.scan(await descriptors(home, keys));
  const paths = await Promise.all(found.map(async (coin) => known.get(coin.script) ?? (await search(coin, keys))));
  await home.store.addAddresses(paths);

  const outpoints = found.map(outpointText);
  const [{ facts }, reserved] = await Promise.all([
    source.facts({ coins: outpoints }),
    reservedIn(home.store, outpoints),
  ]);
  const coins = found.flatMap((coin, i): OwnCoin[] => {
    const outpoint = outpoints[i]!;
    const seen = facts.coins === 'not-checked' ? undefined : facts.coins?.get(outpoint);
    if (
      !seen ||
      seen === 'missing' ||
      !isMature({ coinbase: coin.coinbase, confirmations: height - coin.height + 1 }) ||
      reserved.has(outpoint)
    )
      return [];
    const desc = descriptor(keys, paths[i]!);
    const { confirmations } = seen;
    return [{ ...listedCoin(coin, confirmations, home.network), desc, spendable: true, solvable: true, safe: true }];
  });
  return { coins: coins.sort((a, b) => b.confirmations - a.confirmations), reserved: reserved.size };
}

/** All places that a node looks at by itself, and those further out that the home has given out. */
async function descriptors(home: Home, keys: HomeKeys): Promise<string[]> {
  const { fingerprint, path, xpub } = keys.account();
  const account = [0, 1].map((chain) => withChecksum(`tr([${fingerprint}/${path}]${xpub}/${chain}/*)`));
  const far = (await home.store.addresses()).filter(({ index }) => index > SCANNED);
  return [...account, ...far.map(({ address }) => withChecksum(`addr(${address})`))];
}

/** Where a coin lies that the home has no record of. What the node says to be ours is believed only if we find it. */
async function search(coin: ScannedCoin, keys: HomeKeys): Promise<WalletPath> {
  for (let index = 0; index <= SCANNED; index++) {
    for (const chain of [0, 1] as const) {
      if ((await keys.address({ chain, index })).script === coin.script) return { chain, index };
    }
  }
  throw new Refusal('chain-unavailable', `the node lists ${outpointText(coin)}, which is not a coin of this home`);
}

/** The coin's descriptor with its own key alone, so that a list of coins shows nothing of the other ones. */
function descriptor(keys: HomeKeys, at: WalletPath): string {
  const { fingerprint, path } = keys.account();
  const key: Hex = bytesToHex(pubSchnorr(keys.wallet(at)));
  return withChecksum(`tr([${fingerprint}/${path}/${at.chain}/${at.index}]${key})`);
}
