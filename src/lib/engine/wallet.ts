/**
 * The home's own wallet (BIP86) for its commands: a fresh address, the coins on the chain, a
 * payment.
 * Not here: keys (`home/keys.ts`), the search (`wallet-scan.ts`), choice of coins
 * (`bitcoin/coins.ts`).
 */
import { pubSchnorr } from '@scure/btc-signer/utils.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { isMature, checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { listedCoin, type ListedCoin, payFrom, type PaymentPlan } from '../bitcoin/coins.ts';
import { withChecksum } from '../bitcoin/descriptor.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Rpc } from '../chain/rpc.ts';
import { factSource } from '../chain/source.ts';
import { plainCommit, retryRace } from '../home/change.ts';
import type { HomeKeys } from '../home/keys.ts';
import type { Hand, Hex, OwnAddress, WalletPath, Facts } from '../protocol/action.ts';
import { taggedHash } from '../signing/curve.ts';
import { inputScripts, signFunding, type Funding } from '../bitcoin/funding.ts';
import type { Home } from '../home/home.ts';
import { Refusal } from '../protocol/refusal.ts';
import { gapOf, scanWallet, type Scanned } from './wallet-scan.ts';
import { reservedIn } from './stage.ts';

/** Returns the hand of a home, without nonces or shares. @param merged other wallets' PSBTs */
export async function homeHand(home: Home, merged: Hand['merged'] = []): Promise<Hand> {
  const { network, restored, mayRepeat } = home;
  return { keys: (await home.keys()).keysWith([]), merged, random: await home.random(), network, restored, mayRepeat };
}

/** Returns a receiving address that was never given out. @throws Refusal `concurrent` */
export async function freshAddress(home: Home): Promise<OwnAddress> {
  return retryRace(async () => {
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

/**
 * Returns the home's confirmed coins that no transaction spends, in the mempool neither; oldest
 * first. Coins that a live proposal has reserved are left out and counted, as Bitcoin Core leaves
 * out locked coins. Places with coins are marked as used: a home made from its words knows none.
 * @param gap number of addresses in a row without a coin that ends the search
 * @throws Refusal `chain-unavailable`, `chain-stale` or `wrong-network`
 */
export async function walletCoins(
  home: Home,
  rpc: Rpc,
  gap = gapOf(home),
): Promise<{ coins: OwnCoin[]; reserved: number } & Pick<Scanned, 'cutAt'>> {
  const keys = await home.keys();
  const source = factSource({ network: home.network, rpc });
  await source.facts({ tip: true }); // the right chain, before minutes of scanning
  const { coins: found, cutAt } = await scanWallet(rpc, keys, await home.store.lastUsed(), gap);
  await home.store.addAddresses(found.map(({ path }) => path));

  const outpoints = found.map(outpointText);
  const [{ facts }, reserved] = await Promise.all([
    source.facts({ coins: outpoints }),
    reservedIn(home.store, outpoints),
  ]);
  const coins = found.flatMap((coin, i): OwnCoin[] => {
    const outpoint = outpoints[i]!;
    const seen = facts.coins === 'not-checked' ? undefined : facts.coins?.get(outpoint);
    if (!seen || seen === 'missing' || !isMature(coin) || reserved.has(outpoint)) return [];
    return [ownCoin(coin, seen.confirmations, home.network, keys)];
  });
  return { coins: coins.sort((a, b) => b.confirmations - a.confirmations), reserved: reserved.size, cutAt };
}

/**
 * Makes a coin that exists on no chain, at a fresh address of the home, for trying things out.
 * @throws Refusal `wrong-network` off regtest, `concurrent`
 */
export async function pretendCoin(home: Home, sat: bigint): Promise<OwnCoin> {
  if (home.network !== 'regtest')
    throw new Refusal('wrong-network', `a home on ${home.network} found, a pretended coin is for regtest only`);
  const at = await freshAddress(home);
  const keys = await home.keys();
  const { script } = await keys.address(at);
  const txid = bytesToHex(taggedHash('spillway/pretended', hexToBytes(script)));
  return ownCoin({ txid, vout: 0, sat, script, path: at }, 1, home.network, keys);
}

const ownCoin = (
  coin: Spent & { path: WalletPath },
  confirmations: number,
  network: Network,
  keys: HomeKeys,
): OwnCoin => ({
  ...listedCoin(coin, confirmations, network),
  desc: descriptor(keys, coin.path),
  spendable: true,
  solvable: true,
  safe: true,
});

/** Returns the descriptor of one coin's key, so that a list of coins reveals no other key. */
function descriptor(keys: HomeKeys, at: WalletPath): string {
  const { fingerprint, path } = keys.account();
  const key: Hex = bytesToHex(pubSchnorr(keys.wallet(at)));
  return withChecksum(`tr([${fingerprint}/${path}/${at.chain}/${at.index}]${key})`);
}

/**
 * Pays these outputs; change goes to the address that is given, or to a fresh one of the home.
 * @param seen chain facts about the coins
 * @returns the payment, and the result of the coin checks
 * @throws Refusal `usage` for no address, and as `payFrom` and `checkSpendable`
 */
export async function payCoins(
  home: Home | undefined,
  { change, ...how }: Omit<PaymentPlan, 'change' | 'version'> & { change: string | undefined },
  seen: Facts['coins'],
): Promise<{ funding: Funding; checked: string }> {
  if (change === undefined && !home)
    throw new Refusal('usage', 'no address for the change', { hint: 'give --change ADDRESS, or --home DIR' });
  const template = payFrom({ ...how, change: change ?? (await freshAddress(home!)).address, version: 2 });
  const reserved = home ? await reservedIn(home.store, outpointsOf(template.inputs)) : new Map();
  const checked = checkSpendable({ coins: seen, reserved }, template.inputs);
  const funding = { template, witnesses: {} };
  if (!home) return { funding, checked };
  return { funding: signFunding(await homeHand(home), funding, await home.store.ours(inputScripts(funding))), checked };
}
