/**
 * BIP340 signatures of messages and receipts: signed with @noble/secp256k1, verified with @noble/curves, each where it is
 * the faster one and, in a process that does it once, the one that shares its tables with MuSig2 (`curve.ts`).
 */
import { hashes, schnorr as signer } from '@noble/secp256k1';
import { schnorr as verifier } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

hashes.sha256 = sha256;

/** No auxiliary randomness: BIP340's nonce still depends on key and message, and what is signed again is the same bytes. */
const NO_AUX = new Uint8Array(32);

/** The signature (64 bytes, hex) of a 32-byte hash. Verified before it is returned. */
export const signHash = (hash: Uint8Array, secret: Uint8Array): string => bytesToHex(signer.sign(hash, secret, NO_AUX));

/** Is this the signature of `pubkey` (32 bytes, hex) over the hash? Malformed input is no. */
export function verifies(signature: string, hash: Uint8Array, pubkey: string): boolean {
  try {
    return verifier.verify(hexToBytes(signature), hash, hexToBytes(pubkey));
  } catch {
    return false;
  }
}

/** The x-only public key (32 bytes, hex) of a secret key. */
export const xOnlyKey = (secret: Uint8Array): string => bytesToHex(signer.getPublicKey(secret));
