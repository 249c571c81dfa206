import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ecdh, secretTimes } from '../../src/lib/signing/ecdh.ts';
import { N, parseScalar, pointBytes, publicBytes, timesG, toBytes, toNumber } from '../../src/lib/signing/curve.ts';
import { CURVE, secretKey } from '../support/random.ts';

const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;
const edges = [1n, 2n, 3n, 15n, 16n, 17n, N - 1n, N - 2n, N >> 1n, (N >> 1n) + 1n, 1n << 128n, (1n << 128n) - 1n]
  .concat([LAMBDA, N - LAMBDA, LAMBDA - 1n, LAMBDA + 1n, (2n * LAMBDA) % N, (N + LAMBDA) / 2n, 1n << 255n])
  .map(toBytes);

describe('ecdh', () => {
  it('is what @noble/curves computes, at the edges of the split too', () => {
    fc.assert(
      fc.property(fc.oneof(secretKey, fc.constantFrom(...edges)), secretKey, (secret, other) => {
        const point = timesG(toNumber(other));
        const shared = secretTimes(point, toNumber(secret));
        expect(shared.equals(point.multiply(toNumber(secret)))).toBe(true);
        expect(ecdh(toNumber(secret), point)).toEqual(
          sha256(secp256k1.getSharedSecret(secret, pointBytes(point), true)),
        );
      }),
      CURVE,
    );
    for (const edge of edges)
      expect(secretTimes(timesG(7n), toNumber(edge)).equals(timesG(7n).multiplyUnsafe(toNumber(edge)))).toBe(true);
  });
  it('reads scalars from 1 to the order', () => {
    expect(parseScalar(toBytes(N - 1n))).toBe(N - 1n);
    for (const bytes of [toBytes(0n), toBytes(N), toBytes(N + 1n), new Uint8Array(31), new Uint8Array(33).fill(1)])
      expect(parseScalar(bytes)).toBeUndefined();
    expect(publicBytes(1n)).toEqual(pointBytes(timesG(1n)));
  });
});
