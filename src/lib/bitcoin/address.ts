/** Reading addresses. Writing them (`address-text.ts`) is handed on, so that whoever does both needs one name. */
import { Address, OutScript } from '@scure/btc-signer/payment.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Refusal } from '../protocol/refusal.ts';
import { NETWORKS, prefixes, type Network } from './network.ts';

export { addressOf } from './address-text.ts';

/**
 * Addresses read last, with their scripts: the few of a contract are asked for again and again, and
 * checking that a key is a point takes long.
 */
const read = new Map<string, string>();
const READ_MOST = 64;

/**
 * Returns the output script (hex) of an address.
 * @throws Refusal `malformed-address`, or `wrong-network` where it is another network's
 * @example
 * ```ts
 * scriptOf('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'mainnet'); // '0014751e76e8199196d454941c45d1b3a323f1433bd6'
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

/** Scripts of native segwit by the form of their addresses: the version, and the characters after it. */
const FORMS: Readonly<Record<string, string>> = {
  p59: `5120${'00'.repeat(32)}`,
  q59: `0020${'00'.repeat(32)}`,
  q39: `0014${'00'.repeat(20)}`,
};
/**
 * Returns a script of the kind that an address has, from which size and dust follow, of an address that was read before. It
 * takes no time: whether a key is a point is not asked.
 */
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
