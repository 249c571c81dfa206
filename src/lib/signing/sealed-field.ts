/**
 * Secret fields of messages, each encrypted to exactly one reader: ECDH on secp256k1, then
 * ChaCha20-Poly1305. The associated data is the public part of the message, so that a ciphertext
 * opens in no other message.
 *
 *   key = taggedHash("spillway/sealed/" + field, ECDH(sender, reader) ‖ sender ‖ reader)
 *
 * The sender's key, or the reader's, is drawn for one message alone. So each cipher key encrypts
 * one text, and its nonce is zero. Keys are 33 bytes; an authentication key (x-only) is read as the
 * point with even y. Not here: who may see what.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import {
  bytesToHex,
  hexToBytes,
  parsePoint,
  parseScalar,
  publicBytes,
  secretScalar,
  taggedHash,
  ecdh,
} from './curve.ts';
import type { Hex, Party } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

const NONCE = new Uint8Array(12);

/** Returns an x-only key as the point with even y, 33 bytes, hex. */
export const evenKey = (xOnly: string): string => `02${xOnly}`;

interface Ends {
  field: string;
  /** Hash of the message without the field. */
  hash: Uint8Array;
}

function cipher({ field, hash }: Ends, shared: Uint8Array, sender: Uint8Array, reader: Uint8Array) {
  const key = taggedHash(`spillway/sealed/${field}`, shared, sender, reader);
  return chacha20poly1305(key, NONCE, hash);
}

interface FieldReader {
  /** Public key, 33 bytes, hex. */
  key: Hex;
  of: Party;
}

/** Returns ciphertext and tag, hex. @throws Refusal `key-rejected` for an invalid reader's key */
export function sealField(ends: Ends, plain: Uint8Array, sender: Uint8Array, reader: FieldReader): string {
  const d = secretScalar(sender);
  const to = hexToBytes(reader.key);
  const point = parsePoint(to);
  if (!point)
    throw new Refusal('key-rejected', `the key of the ${reader.of} for the sealed ${ends.field} is no point`, {
      blame: reader.of,
    });
  const shared = ecdh(d, point);
  return bytesToHex(cipher(ends, shared, publicBytes(d), to).encrypt(plain));
}

/** Returns the decrypted bytes; undefined if it does not open. `sender`: public key, hex. */
export function openField(ends: Ends, sealed: string, reader: Uint8Array, sender: string): Uint8Array | undefined {
  const d = parseScalar(reader);
  const from = parsePoint(hexToBytes(sender));
  if (d === undefined || !from) return undefined;
  const opening = cipher(ends, ecdh(d, from), hexToBytes(sender), publicBytes(d));
  try {
    return opening.decrypt(hexToBytes(sealed));
  } catch {
    return undefined;
  }
}
