/**
 * Secrets of commitments: derived from a seed, and the peer's kept in 49 places (the shachain).
 *
 * BOLT3, Per-commitment Secret Requirements and Efficient Per-commitment Secret Storage. An index
 * counts down: commitment number n has the index 2^48 − 1 − n.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';

const BITS = 48;
export const FIRST_INDEX = 2n ** BigInt(BITS) - 1n;

/** Converts a commitment number to its index, and back. */
export const secretIndex = (number: bigint): bigint => FIRST_INDEX - number;

/** Flips and hashes for every set bit of `index` below `bits`. */
function derived(from: Uint8Array, bits: number, index: bigint): Uint8Array {
  let value = from;
  for (let bit = bits - 1; bit >= 0; bit--) {
    if (((index >> BigInt(bit)) & 1n) === 0n) continue;
    const flipped = value.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    value = sha256(flipped);
  }
  return value;
}

/** Returns the secret (32 bytes) of an index (0 to 2^48 − 1) from a seed of 32 bytes. */
export const secretAt = (seed: Uint8Array, index: bigint): Uint8Array => derived(seed, BITS, index);

/** Secret that was revealed, and its index. */
export interface Revealed {
  index: bigint;
  secret: Uint8Array;
}
/** Secrets that are kept: one at most for each number of trailing zero bits in an index. */
export type SecretStore = readonly (Revealed | undefined)[];

/** Returns the place of an index in the store, 0 to 48: its trailing zero bits. */
function placeOf(index: bigint): number {
  let place = 0;
  while (place < BITS && ((index >> BigInt(place)) & 1n) === 0n) place++;
  return place;
}

/**
 * Returns the store with one more secret. Secrets are inserted in order, by falling index.
 * @throws Refusal `secret-mismatch` if it does not derive the secrets that are kept, or is out of
 * order
 */
export function insertSecret(store: SecretStore, { index, secret }: Revealed): SecretStore {
  const newest = store.reduce((least, kept) => (kept && kept.index < least ? kept.index : least), FIRST_INDEX + 1n);
  const again = index >= newest && findSecret(store, index);
  if (again && equalBytes(again, secret)) return store;
  if (index !== newest - 1n)
    throw new Refusal('secret-mismatch', `the secret of index ${index} found, that of ${newest - 1n} expected`);
  const place = placeOf(index);
  for (const [lower, kept] of store.slice(0, place).entries())
    if (kept && !equalBytes(derived(secret, place, kept.index), kept.secret))
      throw new Refusal('secret-mismatch', `the secret of index ${index} does not derive the one in place ${lower}`);
  const next = [...store];
  next[place] = { index, secret };
  return next;
}

/** Returns the secret of an index; undefined if it was not revealed. */
export function findSecret(store: SecretStore, index: bigint): Uint8Array | undefined {
  for (const [place, kept] of store.entries())
    if (kept && kept.index >> BigInt(place) === index >> BigInt(place) && index >= kept.index)
      return derived(kept.secret, place, index);
  return undefined;
}

/** Returns the secret of a commitment number. @throws Refusal `no-secret` if it was not revealed */
export function needSecret(store: SecretStore, number: bigint): Uint8Array {
  const found = findSecret(store, secretIndex(number));
  if (!found)
    throw new Refusal('no-secret', `the store of secrets does not hold that of commitment ${number}`, {
      hint: 'a commitment that was not revoked cannot be punished: sweep it',
    });
  return found;
}

/** Returns the store as a document has it: a list of index and secret. */
export const storeView = (store: SecretStore): { index: bigint; secret: string }[] =>
  store.flatMap((kept) => (kept ? [{ index: kept.index, secret: bytesToHex(kept.secret) }] : []));

/**
 * Returns the store of a list that was read.
 * @throws Refusal `secret-mismatch` for two in one place, or one that does not derive those below
 * it
 */
export function storeOf(list: readonly Revealed[]): SecretStore {
  const store: (Revealed | undefined)[] = [];
  for (const kept of list) {
    const place = placeOf(kept.index);
    if (store[place]) throw new Refusal('secret-mismatch', `two secrets found for place ${place} of the store`);
    store[place] = kept;
  }
  store.forEach((kept, place) => {
    const below = store.slice(0, place).findIndex((low) => low && kept && inside(kept, place, low));
    if (below >= 0)
      throw new Refusal('secret-mismatch', `the secret in place ${place} does not derive that in place ${below}`);
  });
  return store;
}
/** Returns whether `low` is below `kept` in the tree, and is not what `kept` derives. */
const inside = (kept: Revealed, place: number, low: Revealed): boolean =>
  kept.index >> BigInt(place) === low.index >> BigInt(place) &&
  !equalBytes(derived(kept.secret, place, low.index), low.secret);
