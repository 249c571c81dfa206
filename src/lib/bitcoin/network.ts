/** The Bitcoin networks that a home can be made for, and what differs between them. */
import { NETWORK, TEST_NETWORK, type BTC_NETWORK } from '@scure/btc-signer/utils.js';

export const NETWORKS = ['mainnet', 'testnet', 'testnet4', 'signet', 'regtest'] as const;
export type Network = (typeof NETWORKS)[number];

const REGTEST: BTC_NETWORK = { ...TEST_NETWORK, bech32: 'bcrt' };

export const isNetwork = (name: string): name is Network => (NETWORKS as readonly string[]).includes(name);

/** Address prefixes. The test networks other than regtest share theirs. */
export const prefixes = (network: Network): BTC_NETWORK =>
  network === 'mainnet' ? NETWORK : network === 'regtest' ? REGTEST : TEST_NETWORK;

/** The coin type of BIP44: 0 for mainnet, 1 for every test network. */
export const coinType = (network: Network): 0 | 1 => (network === 'mainnet' ? 0 : 1);
