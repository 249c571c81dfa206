/**
 * Definitions of assets: pointers in a marker's metadata, or in the P2SH script that issues.
 *
 * Nothing is fetched; a definition file that somebody has kept is compared with its pointer. Spec:
 * asset-definition-protocol.mediawiki: `u=<url>`, `u=<url>&sha256=<hex>`, `h` and 20 bytes of
 * HASH160. Embedded: redeem script = PUSH(pointer) OP_DROP rest.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { parseJson } from '../../protocol/json.ts';
import { bytesToHex, utf8Of } from '../../bitcoin/bytes.ts';
import { readOps } from '../script.ts';
import type { Tx } from '../transaction.ts';
import { assetHash } from './ids.ts';

export interface Pointer {
  form: 'url' | 'hash';
  url?: string;
  /** Hash of the definition file, if the pointer states it. */
  sha256?: string;
  hash160?: string;
}

/** Reads a pointer from metadata; undefined if it is none. */
export function readPointer(bytes: Uint8Array): Pointer | undefined {
  if (bytes.length === 21 && bytes[0] === 0x68) return { form: 'hash', hash160: bytesToHex(bytes.subarray(1)) };
  const text = bytes.length > 2 && bytes[0] === 0x75 && bytes[1] === 0x3d ? utf8Of(bytes.subarray(2)) : undefined;
  if (text === undefined) return undefined;
  const hash = /&sha256=([0-9a-fA-F]{64})$/.exec(text);
  if (!hash) return { form: 'url', url: decoded(text) };
  return { form: 'url', url: decoded(text.slice(0, hash.index)), sha256: hash[1]!.toLowerCase() };
}

/** Decodes percent escapes, if all of them are right. */
function decoded(url: string): string {
  if (!url.includes('%')) return url;
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}

export interface Embedded {
  pointer: Pointer;
  /** Asset that the definition file names: the hash of the redeem script without its pointer. */
  definedHash: string;
}

const OP_DROP = 0x75;

/** Reads the pointer in the P2SH script of input 0. It cannot change, and precedes the marker's. */
export function embeddedPointer(tx: Tx): Embedded | undefined {
  const input = tx.inputs[0];
  const redeem = input && readOps(input.scriptSig).ops.at(-1)?.data;
  if (!redeem) return undefined;
  const { ops } = readOps(redeem);
  const [first, drop] = ops;
  const pointer = first?.data && drop?.code === OP_DROP ? readPointer(first.data) : undefined;
  if (!pointer) return undefined;
  const rest = redeem.subarray(first!.data!.byteOffset - redeem.byteOffset + first!.data!.length + 1);
  return { pointer, definedHash: assetHash(rest) };
}

export interface DefinitionCheck {
  sha256: string;
  /** Comparison with the hash that the pointer states; `not-stated` if it states none. */
  hash: 'matches' | 'differs' | 'not-stated';
  /** Search for the asset's id in the file, byte for byte. */
  asset_ids: 'listed' | 'not-listed' | 'unreadable';
  name: string | null;
  divisibility: number | null;
}

/** Compares a definition file with its pointer, and with the ids that it may name. */
export function checkDefinition(
  file: Uint8Array,
  pointer: Pointer | undefined,
  ids: readonly string[],
): DefinitionCheck {
  const digest = bytesToHex(sha256(file));
  const stated = pointer?.sha256 ?? pointer?.hash160;
  const found = pointer?.hash160 ? bytesToHex(ripemd160(sha256(file))) : digest;
  const read = definition(file);
  const listed = Array.isArray(read?.['asset_ids']) ? read['asset_ids'] : undefined;
  const name = read?.['name'];
  const divisibility = read?.['divisibility'];
  return {
    sha256: digest,
    hash: stated === undefined ? 'not-stated' : stated === found ? 'matches' : 'differs',
    asset_ids: !listed ? 'unreadable' : ids.some((id) => listed.includes(id)) ? 'listed' : 'not-listed',
    name: typeof name === 'string' ? name : null,
    divisibility: typeof divisibility === 'number' ? divisibility : null,
  };
}

function definition(file: Uint8Array): Record<string, unknown> | undefined {
  try {
    const read = parseJson(utf8Of(file) ?? '');
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as never) : undefined;
  } catch {
    return undefined;
  }
}
