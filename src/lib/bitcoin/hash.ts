/**
 * Hashes computed over and over: a shared beginning is hashed once, and memory is reused.
 *
 * SHA256 and RIPEMD160 are those of @noble/hashes, which wipes that memory after each hash.
 */
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Hash } from '@noble/hashes/utils.js';

/** Computes the hash of the concatenated parts. */
export type Hasher = (...parts: readonly Uint8Array[]) => Uint8Array;

/** Returns a function that continues a copy of a hash state. */
function following<T extends Hash<T>>(start: T): Hasher {
  const working = start.clone();
  return (...parts) => {
    start._cloneInto(working);
    for (const part of parts) working.update(part);
    return working.digest();
  };
}
/** Returns a function that computes SHA256 of these parts and its own. */
export const sha256After = (...start: readonly Uint8Array[]): Hasher =>
  following(start.reduce((hash, part) => hash.update(part), sha256.create()));
export const sha256Of = sha256After();
export const ripemd160Of = following(ripemd160.create());
