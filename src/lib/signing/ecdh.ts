/** ECDH on secp256k1 as libsecp256k1 and BOLT4 have it: SHA256 of the compressed shared point. */
import { sha256 } from '@noble/hashes/sha2.js';
import { pointBytes, secretTimes, type Point } from './curve.ts';

/** The shared secret of 32 bytes of a secret scalar (1 to N − 1) and a point other than infinity. */
export const ecdh = (secret: bigint, point: Point): Uint8Array => sha256(pointBytes(secretTimes(point, secret)));
