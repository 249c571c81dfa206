/**
 * Names of Open Assets: asset ids (the hash of the issuing script) and addresses (a Bitcoin address with a name space).
 *
 * Spec: specification.mediawiki (version bytes 23 and 115), address-format.mediawiki (name space 19).
 * There is no form for segwit: an address in bech32 has no Open Assets address.
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

/** The asset that a script issues: 20 bytes, hex. */
export const assetHash = (script: Uint8Array): string => hashOf(bytesToHex(script), 'mainnet');
const hashOf = memoized((script) => bytesToHex(ripemd160(sha256(hexToBytes(script)))));

/** The printed form of an asset. */
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

/** The hash in an asset id. @throws Refusal `bad-checksum`; `wrong-network`; `malformed-address` for another kind of name */
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

/** The Open Assets address of a script (hex), where it is pay to public key hash or script hash. */
export const oaAddressOf = memoized((script, network): string | null => {
  const paid = hashPaid(script, network);
  return paid === undefined ? null : base58check.encode(hexToBytes(NAME_SPACE.toString(16) + paid));
});

/**
 * The script that an Open Assets address, or a base58 address, pays.
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

/** Returns all names of a script: its addresses, and the id of the asset that it issues. */
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
