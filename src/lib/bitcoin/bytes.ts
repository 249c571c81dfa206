/** Bytes, hex and text. */
export { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
/** Compares bytes in constant time, for MACs too. */
export { equalBytes } from '@noble/ciphers/utils.js';

/** Compares bytes in lexicographic order; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Decodes UTF-8; undefined for other bytes. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Largest number of eight bytes. */
export const MAX_U64 = (1n << 64n) - 1n;
