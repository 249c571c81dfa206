/** ECDH on secp256k1 as in libsecp256k1 and BOLT4: SHA256 of the compressed shared point. */
import { sha256 } from '@noble/hashes/sha2.js';
import { pointBytes, secretTimes, type Point } from './curve.ts';

/** Returns the shared secret (32 bytes) of a secret scalar (1 to N − 1) and a finite point. */
export const ecdh = (secret: bigint, point: Point): Uint8Array => sha256(pointBytes(secretTimes(point, secret)));
