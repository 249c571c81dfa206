/** Networks: names, address prefixes and coin types. */
import { expect, it } from 'vitest';
import { coinType, isNetwork, NETWORKS, prefixes } from '../../src/lib/bitcoin/network.ts';

it('each network has its address prefix and coin type', () => {
  expect(NETWORKS.map((n) => [n, prefixes(n).bech32, coinType(n)])).toEqual([
    ['mainnet', 'bc', 0],
    ['testnet', 'tb', 1],
    ['testnet4', 'tb', 1],
    ['signet', 'tb', 1],
    ['regtest', 'bcrt', 1],
  ]);
});
it('no other name is a network', () => {
  expect(NETWORKS.every(isNetwork)).toBe(true);
  for (const name of ['', 'main', 'Mainnet', 'constructor', 'length']) expect(isNetwork(name)).toBe(false);
});
