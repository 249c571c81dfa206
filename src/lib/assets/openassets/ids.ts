/**
 * Names of Open Assets: asset ids, which hash the issuing script, and addresses with a name space.
 *
 * Spec: specification.mediawiki (version bytes 23 and 115), address-format.mediawiki (name space
 * 19). Segwit scripts have no Open Assets address.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { addressOf, base58check, hashPaid } from '../../bitcoin/address-text.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../../bitcoin/bytes.ts';
import { prefixes, type Network } from '../../bitcoin/network.ts';
import { Refusal } from '../../protocol/refusal.ts';
import { memoized } from '../document.ts';

const NAME_SPACE = 0x13;
const MAIN = 23;
const TEST = 115;

/** Returns the asset that a script issues: a hash of 20 bytes, in hex. */
export const assetHash = (script: Uint8Array): string => hashOf(bytesToHex(script), 'mainnet');
const hashOf = memoized((script) => bytesToHex(ripemd160(sha256(hexToBytes(script)))));

/** Returns the id of an asset, for people. */
export const assetId = memoized((hash, network): string =>
  base58check.encode(concatBytes(Uint8Array.of(network === 'mainnet' ? MAIN : TEST), hexToBytes(hash))),
);

function decoded(text: string, what: string): Uint8Array {
  try {
    return base58check.decode(text);
  } catch {
    throw new Refusal(
      'bad-checksum',
      `${JSON.stringify(text.slice(0, 60))} found, ${what} with a right checksum expected`,
    );
  }
}

/**
 * Reads the hash in an asset id.
 * @throws Refusal `bad-checksum`; `wrong-network`; `malformed-address` for another kind of name
 */
export function readAssetId(text: string, network: Network): string {
  const bytes = decoded(text, 'an asset id');
  const [wanted, other] = network === 'mainnet' ? [MAIN, TEST] : [TEST, MAIN];
  if (bytes.length !== 21 || (bytes[0] !== wanted && bytes[0] !== other))
    throw new Refusal('malformed-address', `${JSON.stringify(text.slice(0, 60))} found, an asset id expected`);
  if (bytes[0] === other)
    throw new Refusal(
      'wrong-network',
      `an asset id of ${other === MAIN ? 'mainnet' : 'a test network'} found, one of ${network} expected`,
    );
  return bytesToHex(bytes.subarray(1));
}

/** Returns the Open Assets address of a P2PKH or P2SH script (hex); null for another script. */
export const oaAddressOf = memoized((script, network): string | null => {
  const paid = hashPaid(script, network);
  return paid === undefined ? null : base58check.encode(hexToBytes(NAME_SPACE.toString(16) + paid));
});

/**
 * Returns the script of an Open Assets address or a base58 address.
 * @throws Refusal `bad-checksum`, `malformed-address`, `wrong-network`
 */
export function readOaAddress(text: string, network: Network): { script: string; oa: boolean } {
  const bytes = decoded(text, 'an address');
  const oa = bytes.length === 22 && bytes[0] === NAME_SPACE;
  const body = oa ? bytes.subarray(1) : bytes;
  const { pubKeyHash, scriptHash } = prefixes(network);
  const hash = bytesToHex(body.subarray(1));
  if (body.length === 21 && body[0] === pubKeyHash) return { script: `76a914${hash}88ac`, oa };
  if (body.length === 21 && body[0] === scriptHash) return { script: `a914${hash}87`, oa };
  const known = body.length === 21 && [0, 5, 0x6f, 0xc4].includes(body[0]!);
  const shown = JSON.stringify(text.slice(0, 60));
  if (known) throw new Refusal('wrong-network', `${shown} is an address of another network, ${network} expected`);
  throw new Refusal('malformed-address', `${shown} found, an Open Assets address expected`);
}

export function scriptNames(script: Uint8Array, network: Network): object {
  const hash = assetHash(script);
  const hex = bytesToHex(script);
  return {
    type: 'openassets-script',
    version: 1,
    network,
    script: hex,
    address: addressOf(hex, network) ?? null,
    oa_address: oaAddressOf(hex, network),
    asset_id: assetId(hash, network),
    asset_hash160: hash,
  };
}
