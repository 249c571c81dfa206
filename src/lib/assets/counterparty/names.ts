/**
 * Names and texts in Counterparty messages: assets, subassets, packed addresses, memos.
 *
 * Source: counterparty-core ledger/issuances, utils/address.
 */
import { addressOf } from '../../bitcoin/address-text.ts';
import { prefixes, type Network } from '../../bitcoin/network.ts';
import { allows, type Limits } from '../../protocol/limit.ts';
import { bytesToHex, utf8Of } from '../../bitcoin/bytes.ts';
import { PayloadCursor, Malformed } from '../bytes.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
export const NAME_LIMITS = {
  /** Least id of a name in letters: four, the first not A. BTC and XCP are below. */
  id: { unit: 'number', least: 26n ** 3n },
  /** Packed size of a subasset's long name, of at most 250 characters. */
  subasset: { unit: 'bytes', most: 200 },
  /** Size of a packed address. */
  program: { unit: 'bytes', least: 2, most: 40 },
  version: { unit: 'number', most: 16 },
} satisfies Limits;
/** Least id that is shown as a number, such as A95428956661682177. */
const NUMERIC = 26n ** 12n + 1n;

/** Returns the name of an asset by its id of 64 bits. @throws Malformed `bad-asset` */
export function assetName(id: bigint): string {
  if (id === 0n) return 'BTC';
  if (id === 1n) return 'XCP';
  if (!allows(NAME_LIMITS.id, id)) throw new Malformed('bad-asset', `asset id ${id} found`);
  if (id >= NUMERIC) return `A${id}`;
  let name = '';
  for (let left = id; left > 0n; left /= 26n) name = LETTERS[Number(left % 26n)]! + name;
  return name;
}

const SUBASSET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@!';

/** Returns the long name of a subasset, a number in base 68. @throws Malformed `bad-asset` */
export function subassetName(bytes: Uint8Array): string {
  if (!allows(NAME_LIMITS.subasset, bytes.length))
    throw new Malformed('bad-asset', `a name of ${bytes.length} bytes found`);
  let left = new PayloadCursor(bytes).be(bytes.length, 'subasset');
  let name = '';
  for (; left > 0n; left /= 68n) name = (SUBASSET[Number(left % 68n) - 1] ?? '?') + name;
  return name;
}

export interface ShownAddress {
  address: string | null;
  script: string;
}
const paying = (script: string, network: Network): ShownAddress => ({
  address: addressOf(script, network) ?? null,
  script,
});

const segwit = (version: number, program: Uint8Array): string =>
  bytesToHex(Uint8Array.of(version === 0 ? 0 : 0x50 + version, program.length, ...program));

/**
 * Reads a packed address (block 902000 on): 01 and a key's hash, 02 and a script's, 03 and a
 * witness program.
 * @throws Malformed `bad-address`
 */
export function packedAddress(bytes: Uint8Array, network: Network): ShownAddress {
  const body = bytes.subarray(1);
  if (bytes[0] === 1 && body.length === 20) return paying(`76a914${bytesToHex(body)}88ac`, network);
  if (bytes[0] === 2 && body.length === 20) return paying(`a914${bytesToHex(body)}87`, network);
  const [version = 0] = body;
  const { program } = NAME_LIMITS;
  if (bytes[0] === 3 && allows(NAME_LIMITS.version, version) && allows(program, body.length - 1))
    return paying(segwit(version, body.subarray(1)), network);
  throw new Malformed('bad-address', `packed address ${bytesToHex(bytes.subarray(0, 42))} found`);
}

/** Reads version and hash, or 80 and more for a witness program. @throws Malformed `bad-address` */
export function shortAddress(bytes: Uint8Array, network: Network): ShownAddress {
  const { pubKeyHash, scriptHash } = prefixes(network);
  const hash = bytesToHex(bytes.subarray(1));
  const [version = 0xff] = bytes;
  if (version === pubKeyHash) return paying(`76a914${hash}88ac`, network);
  if (version === scriptHash) return paying(`a914${hash}87`, network);
  if (version >= 0x80 && version <= 0x90) return paying(segwit(version - 0x80, bytes.subarray(1)), network);
  throw new Malformed('bad-address', `address version ${version} found, none of ${network}`);
}

/** Fields of a message; documents show their bigints as decimal strings. */
export type MessageFields = Record<string, unknown>;

export type Memo = string | { hex: string } | null;

/** Shows a memo: as text if it was meant as text and is UTF-8, else as hex. */
export function memoOf(bytes: Uint8Array, asText = false): Memo {
  if (bytes.length === 0) return null;
  return (asText ? utf8Of(bytes) : undefined) ?? { hex: bytesToHex(bytes) };
}

export const textOrHex = (bytes: Uint8Array): string | { hex: string } => utf8Of(bytes) ?? { hex: bytesToHex(bytes) };

/** Bit of a sweep's flags that makes its memo binary. */
export const SWEEP_BINARY_MEMO = 4;

/** Reads a description. Early ones have their length in front; the length byte fits them. */
export function described(bytes: Uint8Array): string | { hex: string } {
  const counted = bytes.length > 0 && bytes[0] === bytes.length - 1;
  return textOrHex(counted ? bytes.subarray(1) : bytes);
}
