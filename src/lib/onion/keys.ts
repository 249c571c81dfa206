/**
 * Keys of Sphinx: keys by purpose, key streams, MACs, and the chain of ephemeral keys.
 *
 * BOLT4, Key Generation, Pseudo Random Byte Stream, Shared Secret, Blinding Ephemeral Onion Keys.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ecdh, mod, needPoint, needScalar, publicBytes, toNumber } from '../signing/curve.ts';

export type Purpose = 'rho' | 'mu' | 'um' | 'pad' | 'ammag' | 'ammagext' | 'blinded_node_id';

const NONCE = new Uint8Array(12);

export const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const state = hmac.create(sha256, key);
  for (const part of parts) state.update(part);
  return state.digest();
};
/** Derives HMAC256(purpose, secret). */
export const keyFor = (purpose: Purpose, secret: Uint8Array): Uint8Array => mac(utf8ToBytes(purpose), secret);
/** Returns `length` bytes of ChaCha20 with a nonce of zeros. Each key makes one stream only. */
export const stream = (key: Uint8Array, length: number): Uint8Array => chacha20(key, NONCE, new Uint8Array(length));

/** XORs the first bytes of `to` with `from`, in place. */
export function xorInto(to: Uint8Array, from: Uint8Array): Uint8Array {
  for (let i = 0; i < from.length; i++) to[i]! ^= from[i]!;
  return to;
}

/** Computes SHA256(public key ‖ shared secret), the factor to the next ephemeral key. */
export const blindingFactor = (publicKey: Uint8Array, secret: Uint8Array): bigint =>
  mod(toNumber(sha256.create().update(publicKey).update(secret).digest()));

export interface Shared {
  /** Ephemeral secret key for this hop, known to the origin only. */
  ephemeralSecret: bigint;
  ephemeralKey: Uint8Array;
  secret: Uint8Array;
}

/**
 * Derives ephemeral keys and shared secrets along public keys, from a session key of 32 bytes. A
 * blinded route's path keys come about in the same way.
 * @throws Refusal `wrong-key`
 */
export function sharedAlong(sessionKey: Uint8Array, pubkeys: readonly Uint8Array[]): Shared[] {
  let ephemeralSecret = needScalar(sessionKey, 'the session key');
  return pubkeys.map((pubkey, hop) => {
    const ephemeralKey = publicBytes(ephemeralSecret);
    const secret = ecdh(ephemeralSecret, needPoint(pubkey, `the public key of hop ${hop}`));
    const shared = { ephemeralSecret, ephemeralKey, secret };
    ephemeralSecret = mod(ephemeralSecret * blindingFactor(ephemeralKey, secret));
    return shared;
  });
}
