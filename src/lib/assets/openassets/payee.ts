/**
 * Payees of units and dividends: an address in any form.
 */
import { scriptOf } from '../../bitcoin/address.ts';
import type { Network } from '../../bitcoin/network.ts';
import { readOaAddress } from './ids.ts';

/** The script of an address; `oa` where it is in the Open Assets form. @throws Refusal as `readOaAddress` and `scriptOf` do */
export function readPayee(text: string, network: Network): { script: string; oa: boolean } {
  const bech32 = /^(?:bc|tb|bcrt)1/i.test(text);
  return bech32 ? { script: scriptOf(text, network), oa: false } : readOaAddress(text, network);
}
