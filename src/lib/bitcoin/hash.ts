/**
 * Hashes that are made over and over: a beginning that they share is hashed once, and they work in the same memory.
 *
 * SHA256 and RIPEMD160 are @noble/hashes', which wipes that memory behind each of them.
 */
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Hash } from '@noble/hashes/utils.js';

/** Returns the hash of the concatenated parts. */
export type Hasher = (...parts: readonly Uint8Array[]) => Uint8Array;

/** Returns a function that continues a copy of the hash state `start`. */
function following<T extends Hash<T>>(start: T): Hasher {
  const working = start.clone();
  return (...parts) => {
    start._cloneInto(working);
    for (const part of parts) working.update(part);
    return working.digest();
  };
}
/** Returns SHA256 of everything that begins with these parts. */
export const sha256After = (...start: readonly Uint8Array[]): Hasher =>
  following(start.reduce((hash, part) => hash.update(part), sha256.create()));
export const sha256Of = sha256After();
export const ripemd160Of = following(ripemd160.create());
