/** ECDH, as OpenSSL and @noble/curves work it out. */
import { createECDH } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ecdh,
  N,
  parseScalar,
  pointBytes,
  publicBytes,
  secretTimes,
  timesG,
  toBytes,
  toNumber,
  xBytes,
} from '../../src/lib/signing/curve.ts';
import { CURVE, secretKey } from '../support/random.ts';

const edges = [1n, 2n, 3n, N - 1n, N - 2n, N >> 1n, 1n << 128n, 1n << 255n].map(toBytes);

describe('ecdh', () => {
  it("is what OpenSSL and @noble/curves' shared secret say", () => {
    fc.assert(
      fc.property(fc.oneof(secretKey, fc.constantFrom(...edges)), secretKey, (secret, other) => {
        const point = timesG(toNumber(other));
        const peer = createECDH('secp256k1');
        peer.setPrivateKey(secret);
        expect(xBytes(secretTimes(point, toNumber(secret)))).toEqual(
          Uint8Array.from(peer.computeSecret(pointBytes(point))),
        );
        expect(ecdh(toNumber(secret), point)).toEqual(
          sha256(secp256k1.getSharedSecret(secret, pointBytes(point), true)),
        );
      }),
      CURVE,
    );
  });
  it('reads scalars from 1 to the order', () => {
    expect(parseScalar(toBytes(N - 1n))).toBe(N - 1n);
    for (const bytes of [toBytes(0n), toBytes(N), toBytes(N + 1n), new Uint8Array(31), new Uint8Array(33).fill(1)])
      expect(parseScalar(bytes)).toBeUndefined();
    expect(publicBytes(1n)).toEqual(pointBytes(timesG(1n)));
  });
});
