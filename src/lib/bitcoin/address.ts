/** Addresses read, and (from `address-text.ts`) written. */
import { Address, OutScript } from '@scure/btc-signer/payment.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Refusal } from '../protocol/refusal.ts';
import { NETWORKS, prefixes, type Network } from './network.ts';

export { addressOf } from './address-text.ts';

/** Scripts of the addresses read last, as checking that a key is a point takes long. */
const read = new Map<string, string>();
const READ_MOST = 64;

/**
 * Returns the output script (hex) of an address.
 * @throws Refusal `malformed-address`; `wrong-network` for an address of another network
 * @example
 * ```ts
 * scriptOf('bc1pfeessrawgf', 'mainnet'); // '51024e73'
 * ```
 */
export function scriptOf(address: string, network: Network): string {
  const name = `${network} ${address}`;
  const script = read.get(name) ?? tryScript(address, network);
  if (script !== undefined) {
    if (read.size === READ_MOST) read.clear();
    read.set(name, script);
    return script;
  }
  const other = NETWORKS.find((n) => n !== network && tryScript(address, n) !== undefined);
  const shown = JSON.stringify(address.slice(0, 100));
  if (other) throw new Refusal('wrong-network', `${shown} is an address of ${other}, one of ${network} expected`);
  throw new Refusal('malformed-address', `${shown} found, an address of ${network} expected`);
}

/** Scripts of native segwit, by version and length of the address's data. */
const FORMS: Readonly<Record<string, string>> = {
  p59: `5120${'00'.repeat(32)}`,
  q59: `0020${'00'.repeat(32)}`,
  q39: `0014${'00'.repeat(20)}`,
};
/** Returns a script of an address's type, for sizes and dust, without checking its key. */
export function scriptLike(address: string, network: Network): string {
  const [, data = ''] = /^(?:bc|tb|bcrt)1([a-z0-9]+)$/.exec(address) ?? [];
  return FORMS[`${data.slice(0, 1)}${data.length}`] ?? scriptOf(address, network);
}

function tryScript(address: string, network: Network): string | undefined {
  try {
    return bytesToHex(OutScript.encode(Address(prefixes(network)).decode(address)));
  } catch {
    return undefined;
  }
}
