import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bigEndian,
  bytesToHex,
  concatBytes,
  G,
  hasEvenY,
  hexToBytes,
  mod,
  N,
  parsePoint,
  Point,
  pointBytes,
  publicTimes,
  timesG,
  taggedHash,
  toBytes,
  toNumber,
  xBytes,
} from '../../src/lib/signing/curve.ts';
import { CURVE, scalar, secretKey } from '../support/random.ts';

describe('scalars', () => {
  it('wrap at the order', () => {
    expect([0n, N, -1n, N + 5n, -N].map(mod)).toEqual([0n, 0n, N - 1n, 5n, 0n]);
    fc.assert(
      fc.property(scalar, (bytes) => {
        expect(toBytes(toNumber(bytes))).toEqual(bytes);
      }),
    );
    expect(bytesToHex(toBytes(258n))).toBe('0102'.padStart(64, '0'));
  });
  it('are written big-endian', () => {
    expect([bigEndian(0, 4), bigEndian(0x0102, 2), bigEndian(38, 8)].map(bytesToHex)).toEqual([
      '00000000',
      '0102',
      '0000000000000026',
    ]);
  });
});

describe('points', () => {
  it('scalar · G is what the other library computes', () => {
    const edges = [1n, 2n, N - 2n, N - 1n, N >> 1n, (N >> 1n) + 1n, 1n << 255n].map(toBytes);
    fc.assert(
      fc.property(fc.oneof(secretKey, fc.constantFrom(...edges)), (secret) => {
        const point = timesG(toNumber(secret));
        expect(pointBytes(point)).toEqual(secp256k1.getPublicKey(secret, true));
        expect(point.equals(publicTimes(G, toNumber(secret)))).toBe(true);
        expect(parsePoint(pointBytes(point))!.equals(point)).toBe(true);
      }),
      CURVE,
    );
  });
  it('takes no scalar above the order; zero gives the point at infinity', () => {
    expect(timesG(0n).equals(Point.ZERO)).toBe(true);
    for (const scalar of [N, N + 1n, -1n]) expect(() => timesG(scalar)).toThrow();
  });
  it('zero times a point is the point at infinity', () => {
    expect(publicTimes(G, 0n).equals(Point.ZERO)).toBe(true);
    expect(
      publicTimes(G, N - 1n)
        .add(G)
        .equals(Point.ZERO),
    ).toBe(true);
  });
  it('knows x and the parity of y', () => {
    fc.assert(
      fc.property(secretKey, (secret) => {
        const point = timesG(toNumber(secret));
        expect(xBytes(point)).toEqual(schnorr.getPublicKey(secret));
        expect(hasEvenY(point)).toBe(pointBytes(point)[0] === 2);
        expect(hasEvenY(point.negate())).toBe(!hasEvenY(point));
      }),
      CURVE,
    );
  });

  const x = bytesToHex(xBytes(G));
  const field = 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f';
  it.each([
    ['x-only', x],
    ['uncompressed', bytesToHex(G.toBytes(false))],
    ['hybrid', `06${x}`],
    ['of tag 4', `04${x}`],
    ['of tag 0', `00${x}`],
    ['at infinity', '00'.repeat(33)],
    ['with x = 0', `02${'00'.repeat(32)}`],
    ['with x not on the curve', `02${toHex(5n)}`],
    ['with x = p', `02${field}`],
    ['with x above p', `03${'ff'.repeat(32)}`],
    ['too long', `02${x}00`],
    ['empty', ''],
  ])('refuses one %s', (_, hex) => {
    expect(parsePoint(hexToBytes(hex))).toBeUndefined();
  });
});

function toHex(n: bigint): string {
  return bytesToHex(toBytes(n));
}

describe('taggedHash hashes', () => {
  it('are those of BIP340', () => {
    const parts = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)];
    for (const tag of ['TapTweak', 'KeyAgg list', 'spillway/det-sign', 'TapTweak'])
      expect(taggedHash(tag, ...parts)).toEqual(schnorr.utils.taggedHash(tag, ...parts));
    expect(taggedHash('a', utf8ToBytes('b'))).not.toEqual(taggedHash('b', utf8ToBytes('a')));
    expect(taggedHash('a', Uint8Array.of(1), Uint8Array.of(2))).toEqual(
      taggedHash('a', concatBytes(Uint8Array.of(1, 2))),
    );
  });
});
