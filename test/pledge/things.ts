/** Campaigns, coins and pledges without homes. Coins are signed by this project (taproot) or by @scure (both types). */
import { signAll, coinOf, walletKey, type WalletKey } from '../support/wallet.ts';
import { ADDRESSES, secret } from '../credit/things.ts';
import { campaignOf, type Campaign, type CampaignTerms } from '../../src/lib/pledge/campaign.ts';
import { PledgeHashes, pledgeTemplate, type Pledge } from '../../src/lib/pledge/pledge.ts';
import { pledgeOfPsbt } from '../../src/lib/pledge/psbt.ts';
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import type { Spent } from '../../src/lib/bitcoin/transaction.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';

export const NETWORK = 'regtest' as const;
export const campaign = (change: Partial<CampaignTerms> = {}): Campaign =>
  campaignOf(
    {
      outputs: [{ address: ADDRESSES.p2tr, sat: 1_000_000n }],
      feerate: 1000,
      min_sat: 667n,
      until: null,
      title: 'a bridge',
      auth: xOnlyKey(secret(9)),
      ...change,
    },
    NETWORK,
  );

export const ACP = 0x81;
/** A coin of the n-th key, and its key. */
export function coin(n: number, sat: bigint, type: WalletKey['type'] = 'p2tr'): { key: WalletKey; coin: Spent } {
  const key = walletKey(type, n);
  return { key, coin: coinOf(key, n, sat) };
}
/** A pledge signed by a wallet outside the project. */
export function pledged(to: Campaign, n: number, sat: bigint, type: WalletKey['type'] = 'p2tr', sighash = ACP): Pledge {
  const { key, coin: spent } = coin(n, sat, type);
  const tx = signAll(pledgeTemplate(to, NETWORK, [spent]), [key], sighash);
  return pledgeOfPsbt(to, NETWORK, writePsbt(tx));
}
/** A pledge signed by this project. */
export function ownPledge(to: Campaign, n: number, sat: bigint): Pledge {
  const { key, coin: spent } = coin(n, sat);
  return new PledgeHashes(to, NETWORK).sign(spent, key.secret, new Uint8Array(32));
}
/** The message of a pledge, as JSON. */
export const messageOf = (to: Campaign, pledge: Pledge, change: object = {}): string =>
  JSON.stringify({
    type: 'pledge',
    version: 1,
    step: 'pledged',
    network: NETWORK,
    campaign: to.id,
    pledge: { ...pledge, sat: Number(pledge.sat) },
    sealed: null,
    ...change,
  });
