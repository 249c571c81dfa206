/**
 * Secrets at rest: AES-256-GCM under a key from the seed. A nonce is bound to its record, signature
 * hash and public half, a share to its name.
 *
 * A store, journal or disk image that leaks without the seed reveals no secret, and a secret moved
 * to another place does not open. Whoever has the seed as well has the contract keys anyway. A copy
 * of the whole home could use a nonce twice: `identity.ts` guards against that.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { NonceId, OpenNonce } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

const ALGORITHM = 'aes-256-gcm';
const IV = 12;
const TAG = 16;

const nonceAad = (nonce: NonceId & { pubnonce: string }): Buffer =>
  Buffer.from(`${nonce.of}|${nonce.sighash}|${nonce.pubnonce}`);

/** Returns iv (12 bytes) ‖ ciphertext ‖ tag (16 bytes). The iv, never printed, is always random. */
export function encrypt(secret: Uint8Array, aad: Uint8Array, key: Uint8Array): Uint8Array {
  const iv = randomBytes(IV);
  const cipher = createCipheriv(ALGORITHM, key, iv).setAAD(aad);
  return new Uint8Array(Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
}

/** Returns the plain secret. @throws where the bytes were altered, moved or are another seed's */
export function decrypt(sealed: Uint8Array, aad: Uint8Array, key: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV)).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG));
  return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(IV, -TAG)), decipher.final()]));
}

export const encryptNonce = (nonce: OpenNonce, key: Uint8Array): Uint8Array =>
  encrypt(nonce.secret, nonceAad(nonce), key);

/** Decrypts a nonce. @throws Refusal `store-damaged` for an altered row or another seed's */
export function decryptNonce(nonce: Omit<OpenNonce, 'secret'>, sealed: Uint8Array, key: Uint8Array): OpenNonce {
  try {
    return { ...nonce, secret: decrypt(sealed, nonceAad(nonce), key) };
  } catch {
    throw new Refusal('store-damaged', `the open nonce of ${nonce.of} does not decrypt with the seed of this home`, {
      hint: 'store and seed are not of one home, or the store is damaged',
    });
  }
}
