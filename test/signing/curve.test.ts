/** Scalars and points of secp256k1, checked against another library. */
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
  linear,
  mod,
  N,
  pairwise,
  parsePoint,
  Point,
  pointBytes,
  publicSum,
  publicTimes,
  secretTimes,
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
  it('are added, subtracted and negated as the other library does, equal and opposite ones too', () => {
    const noble = (point: Point) =>
      point.affine ? secp256k1.Point.fromBytes(pointBytes(point)) : secp256k1.Point.ZERO;
    const same = (point: Point, expected: ReturnType<typeof noble>) => expect(noble(point).equals(expected)).toBe(true);
    const check = (a: Point, b: Point) => {
      same(a.add(b), noble(a).add(noble(b)));
      same(a.subtract(b), noble(a).subtract(noble(b)));
      same(a.negate(), noble(a).negate());
      expect(a.equals(b)).toBe(noble(a).equals(noble(b)));
    };
    const some = [Point.ZERO, G, G.negate(), timesG(2n), timesG(N - 2n), timesG(N >> 1n)];
    for (const a of some) for (const b of some) check(a, b);
    fc.assert(
      fc.property(secretKey, secretKey, (a, b) => check(timesG(toNumber(a)), timesG(toNumber(b)))),
      CURVE,
    );
    expect(pairwise(some.flatMap((a) => some.map((b) => [a, b] as const)))).toEqual(
      some.flatMap((a) => some.map((b) => a.add(b))),
    );
    expect(pairwise([])).toEqual([]);
  });
  it('a · P + b · G and the sum of many products come to what their scalars say', () => {
    const some = [0n, 1n, 2n, 3n, N - 3n, N - 1n];
    for (const p of some)
      for (const a of some)
        for (const b of some) expect(linear(timesG(p), a, b).equals(timesG(mod(p * a + b)))).toBe(true);
    for (const out of [-1n, N, N + 1n]) {
      expect(() => linear(G, out, 1n)).toThrow();
      expect(() => linear(G, 1n, out)).toThrow();
      expect(() => publicTimes(Point.ZERO, out)).toThrow();
      expect(() => secretTimes(G, out)).toThrow();
    }
    expect(() => secretTimes(G, 0n)).toThrow();
    expect(() => secretTimes(Point.ZERO, 1n)).toThrow('the point at infinity has no coordinates');
    for (const scalars of [[], [5n], [0n, 0n], [1n, N - 1n], [2n, 3n, 0n, N - 5n, 7n], [1n, 1n, 1n, 1n, 1n, 1n]]) {
      const points = scalars.map((_, i) => timesG(BigInt(i % 3)));
      const total = scalars.reduce((sum, scalar, i) => sum + scalar * BigInt(i % 3), 0n);
      expect(publicSum(points, scalars).equals(timesG(mod(total)))).toBe(true);
    }
  });
  it('at infinity has no coordinates', () => {
    for (const of of [pointBytes, xBytes, hasEvenY])
      expect(() => of(Point.ZERO)).toThrow('the point at infinity has no coordinates');
  });
  it.each([
    [254n, true],
    [255n, true],
    [256n, false],
    [257n, false],
  ])('read before %i others, of 256 that are kept, is the same: %s', (others, same) => {
    const from = 10_000n * others;
    const read = (n: bigint) => parsePoint(pointBytes(timesG(from + n)))!;
    const first = read(0n);
    for (let n = 1n; n <= others; n++) read(n);
    const again = read(0n);
    expect([again === first, again.equals(first)]).toEqual([same, true]);
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
    ['uncompressed', `04${bytesToHex(G.affine!)}`],
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
