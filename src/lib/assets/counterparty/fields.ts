/**
 * Parts that the readers of messages (`legacy.ts`, `cbor.ts`) share: their result, memos and texts.
 */
import { hexOf, textOf } from '../bytes.ts';

/** Fields of a message, printable: bigint quantities become decimal strings in the document. */
export type Fields = Record<string, unknown>;

export type Memo = string | { hex: string } | null;

/** A memo as text where it was meant as text and is UTF-8. */
export function memoOf(bytes: Uint8Array, asText = false): Memo {
  if (bytes.length === 0) return null;
  return (asText ? textOf(bytes) : null) ?? { hex: hexOf(bytes) };
}

export const textOrHex = (bytes: Uint8Array): string | { hex: string } => textOf(bytes) ?? { hex: hexOf(bytes) };

/** Flags of a sweep: bit 2 says that the memo is binary. */
export const SWEEP_BINARY_MEMO = 4;

/** Early descriptions carry their length before them, later ones do not; the length byte tells where it fits. */
export function described(bytes: Uint8Array): string | { hex: string } {
  const counted = bytes.length > 0 && bytes[0] === bytes.length - 1;
  return textOrHex(counted ? bytes.subarray(1) : bytes);
}
