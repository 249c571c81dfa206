/** Bytes and hex, under the names that the rest of this room uses. */
export { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
/** Without an early end: it compares MACs too. */
export { equalBytes } from '@noble/ciphers/utils.js';

/** The largest number of eight bytes. */
export const MAX_U64 = (1n << 64n) - 1n;
