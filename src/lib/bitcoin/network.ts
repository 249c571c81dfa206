/** Bitcoin networks, and what differs between them. */
import type { BTC_NETWORK } from '@scure/btc-signer/utils.js';
import { Refusal } from '../protocol/refusal.ts';

/** Names of the Bitcoin networks. */
export const NETWORKS = ['mainnet', 'testnet', 'testnet4', 'signet', 'regtest'] as const;
/** Name of a Bitcoin network. */
export type Network = (typeof NETWORKS)[number];

const MAINNET: BTC_NETWORK = { bech32: 'bc', pubKeyHash: 0x00, scriptHash: 0x05, wif: 0x80 };
const TESTNET: BTC_NETWORK = { bech32: 'tb', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef };
const REGTEST: BTC_NETWORK = { ...TESTNET, bech32: 'bcrt' };

/**
 * Tells whether a name is that of a Bitcoin network.
 * @example
 * ```ts
 * isNetwork('signet'); // true
 * ```
 */
export const isNetwork = (name: string): name is Network => (NETWORKS as readonly string[]).includes(name);

/** Returns the network of a document. @throws Refusal `wrong-network` */
export function knownNetwork(name: string): Network {
  if (!isNetwork(name)) throw new Refusal('wrong-network', `network ${name.slice(0, 40)} is not known`);
  return name;
}

/** Returns the prefixes of addresses, which all test networks but regtest share. */
export const prefixes = (network: Network): BTC_NETWORK =>
  network === 'mainnet' ? MAINNET : network === 'regtest' ? REGTEST : TESTNET;

/** Returns the coin type of BIP44: 0 for mainnet, 1 for every test network. */
export const coinType = (network: Network): 0 | 1 => (network === 'mainnet' ? 0 : 1);

/** Hashes of the genesis blocks, in the order of bytes. */
export const CHAIN_HASHES: Readonly<Record<Network, string>> = {
  mainnet: '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000',
  testnet: '43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000',
  testnet4: '43f08bdab050e35b567c864b91f47f50ae725ae2de53bcfbbaf284da00000000',
  signet: 'f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000',
  regtest: '06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f',
};
/** Returns the network of a chain hash (hex); undefined for any other. */
export const networkOfChain = (hash: string): Network | undefined =>
  NETWORKS.find((network) => CHAIN_HASHES[network] === hash);
