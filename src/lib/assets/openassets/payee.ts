/**
 * Payees of units and dividends. In a file of its own, since `address.ts` loads @scure/btc-signer.
 */
import { scriptOf } from '../../bitcoin/address.ts';
import type { Network } from '../../bitcoin/network.ts';
import { readOaAddress } from './ids.ts';

/**
 * Returns the script of an address. @param text in base58, bech32 or Open Assets form
 * @throws Refusal as `readOaAddress` and `scriptOf`
 */
export function readPayee(text: string, network: Network): { script: string; oa: boolean } {
  const bech32 = /^(?:bc|tb|bcrt)1/i.test(text);
  return bech32 ? { script: scriptOf(text, network), oa: false } : readOaAddress(text, network);
}
