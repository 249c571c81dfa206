/** A field for one reader, bound to its message. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { bytesToHex, N, taggedHash, toBytes, evenSecret } from '../../src/lib/signing/curve.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { evenKey, openField, sealField } from '../../src/lib/signing/sealed-field.ts';

const secret = fc.bigInt({ min: 1n, max: N - 1n }).map(toBytes);
const pub = (s: Uint8Array): string => bytesToHex(publicKey(s));
const hash = taggedHash('message');

describe('a sealed field', () => {
  it('opens for its reader, in its message, under its name, and nowhere else', () => {
    fc.assert(
      fc.property(secret, secret, secret, fc.uint8Array({ minLength: 32, maxLength: 32 }), (from, to, other, plain) => {
        fc.pre(Buffer.compare(to, other) !== 0 && Buffer.compare(from, other) !== 0);
        const sealed = sealField({ field: 'x', hash }, plain, from, { key: pub(to), of: 'operator' });
        expect(sealed).toHaveLength(96);
        expect(openField({ field: 'x', hash }, sealed, to, pub(from))).toEqual(plain);
        const others = [
          openField({ field: 'm1', hash }, sealed, to, pub(from)),
          openField({ field: 'x', hash: taggedHash('another') }, sealed, to, pub(from)),
          openField({ field: 'x', hash }, sealed, other, pub(from)),
          openField({ field: 'x', hash }, sealed, to, pub(other)),
          openField({ field: 'x', hash }, sealed, to, '02' + 'ff'.repeat(32)),
          openField({ field: 'x', hash }, sealed.slice(0, 20), to, pub(from)),
          openField({ field: 'x', hash }, sealed, new Uint8Array(32), pub(from)),
          openField({ field: 'x', hash }, sealed.slice(0, -2) + (sealed.endsWith('00') ? '01' : '00'), to, pub(from)),
        ];
        expect(others).toEqual(others.map(() => undefined));
      }),
      { numRuns: 15 },
    );
  });
  it('has the tag of its cipher at least, which seals nothing at all', () => {
    const [from, to] = [toBytes(7n), toBytes(8n)];
    const empty = sealField({ field: 'x', hash }, new Uint8Array(), from, { key: pub(to), of: 'operator' });
    expect(empty).toHaveLength(2 * 16);
    expect(openField({ field: 'x', hash }, empty, to, pub(from))).toEqual(new Uint8Array());
    for (const cut of [empty.slice(2), empty.slice(1), '', 'zz'.repeat(16)])
      expect(openField({ field: 'x', hash }, cut, to, pub(from))).toBeUndefined();
  });
  it('a key that is no point is refused as the key of its party', () => {
    const secrets = toBytes(7n);
    for (const key of ['02' + 'ff'.repeat(32), '04' + 'aa'.repeat(32), evenKey('00'.repeat(32))])
      expect(() => sealField({ field: 'm2', hash }, new Uint8Array(32), secrets, { key, of: 'operator' })).toThrow(
        expect.objectContaining({ code: 'key-rejected', exit: 76, blame: 'operator' }),
      );
  });
  it('an authentication key is read as the point with even y', () => {
    fc.assert(
      fc.property(secret, (s) => {
        expect(pub(evenSecret(s))).toBe(evenKey(xOnlyKey(s)));
      }),
      { numRuns: 20 },
    );
  });
});
