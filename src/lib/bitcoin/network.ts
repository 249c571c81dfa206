/** The Bitcoin networks that a home can be made for, and what differs between them. */
import type { BTC_NETWORK } from '@scure/btc-signer/utils.js';

export const NETWORKS = ['mainnet', 'testnet', 'testnet4', 'signet', 'regtest'] as const;
export type Network = (typeof NETWORKS)[number];

const MAINNET: BTC_NETWORK = { bech32: 'bc', pubKeyHash: 0x00, scriptHash: 0x05, wif: 0x80 };
const TESTNET: BTC_NETWORK = { bech32: 'tb', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef };
const REGTEST: BTC_NETWORK = { ...TESTNET, bech32: 'bcrt' };

/**
 * Returns whether a name is that of a Bitcoin network.
 * @example
 * ```ts
 * isNetwork('signet'); // true
 * ```
 */
export const isNetwork = (name: string): name is Network => (NETWORKS as readonly string[]).includes(name);

/** Address prefixes. The test networks other than regtest share theirs. */
export const prefixes = (network: Network): BTC_NETWORK =>
  network === 'mainnet' ? MAINNET : network === 'regtest' ? REGTEST : TESTNET;

/** The coin type of BIP44: 0 for mainnet, 1 for every test network. */
export const coinType = (network: Network): 0 | 1 => (network === 'mainnet' ? 0 : 1);
