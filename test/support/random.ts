/** Values for property tests. */
import fc from 'fast-check';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const number32 = (n: bigint): Uint8Array => hexToBytes(n.toString(16).padStart(64, '0'));

/** 32 bytes. */
export const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** A secret key: 1 up to the order of secp256k1. */
export const secretKey = fc.bigInt({ min: 1n, max: ORDER - 1n }).map(number32);
/** A scalar below the order, zero among them. */
export const scalar = fc.bigInt({ min: 0n, max: ORDER - 1n }).map(number32);

/** How often a property that works on the curve is tried. */
export const CURVE = { numRuns: 30 };

/** A small generator (xorshift32): the same inputs in every run. */
export function drawing(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}
