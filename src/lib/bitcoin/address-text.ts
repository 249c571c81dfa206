/**
 * Addresses of output scripts.
 *
 * BIP13, BIP173, BIP350, BIP433 (P2A). Written here, since @scure/btc-signer's function loads the
 * curve, a third of a decoder's start. Not here: reading addresses (`address.ts`).
 */
import { bech32, bech32m, createBase58check } from '@scure/base';
import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes } from './bytes.ts';
import { prefixes, type Network } from './network.ts';

/** Base58 with a checksum (Base58Check). */
export const base58check = createBase58check(sha256);
const P2A = '51024e73';

/** Returns version byte and hash (hex) of a P2PKH or P2SH script; undefined for another. */
export function hashPaid(script: string, network: Network): string | undefined {
  const { pubKeyHash, scriptHash } = prefixes(network);
  const [, key, redeem] = /^(?:76a914([0-9a-f]{40})88ac|a914([0-9a-f]{40})87)$/.exec(script) ?? [];
  if (key !== undefined) return byte(pubKeyHash) + key;
  return redeem === undefined ? undefined : byte(scriptHash) + redeem;
}
const byte = (value: number): string => value.toString(16).padStart(2, '0');

/**
 * Returns the address of an output script (hex); undefined if it has none.
 * @example
 * ```ts
 * addressOf('51024e73', 'mainnet'); // 'bc1pfeessrawgf'
 * ```
 */
export function addressOf(script: string, network: Network): string | undefined {
  const hash = hashPaid(script, network);
  if (hash !== undefined) return base58check.encode(hexToBytes(hash));
  const known = /^(?:0014[0-9a-f]{40}|(?:0020|5120)[0-9a-f]{64})$/.test(script) || script === P2A;
  if (!known) return undefined;
  const [version, coder] = script.startsWith('00') ? ([0, bech32] as const) : ([1, bech32m] as const);
  return coder.encode(prefixes(network).bech32, [version, ...coder.toWords(hexToBytes(script.slice(4)))]);
}
