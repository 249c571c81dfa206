/** ECDSA with low r, DER, and public keys found from signatures. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { signECDSA } from '@scure/btc-signer/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexToBytes, N, publicBytes, toBytes, toNumber } from '../../src/lib/signing/curve.ts';
import { recoverEcdsa, signEcdsa, verifiesEcdsa } from '../../src/lib/signing/ecdsa.ts';
import { bytes32, CURVE, secretKey } from '../support/random.ts';

const OPTIONS = { prehash: false, format: 'der', lowS: true } as const;
const secret = toBytes(11n);
const key = publicBytes(11n);
const hash = toBytes(12n);
const signature = signEcdsa(hash, secret);
const [r, s] = [signature.subarray(4, 36), signature.subarray(38)];

describe('ECDSA', () => {
  it('signs as @scure/btc-signer does, with low r, and both verify it', () => {
    fc.assert(
      fc.property(secretKey, bytes32, (by, signed) => {
        const made = signEcdsa(signed, by);
        expect(made).toEqual(signECDSA(signed, by, true));
        const pubkey = publicBytes(toNumber(by));
        expect(verifiesEcdsa(made, signed, pubkey)).toBe(true);
        expect(verifiesEcdsa(made, signed, secp256k1.getPublicKey(by, false))).toBe(true);
        expect(secp256k1.verify(made, signed, pubkey, OPTIONS)).toBe(true);
      }),
      CURVE,
    );
  });

  it('has no key of zero or the order', () => {
    for (const n of [0n, N, 2n ** 256n - 1n]) expect(() => signEcdsa(hash, toBytes(n))).toThrow();
  });

  const short = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const [R, S] = [short(r), short(s)];
  const highS = short(toBytes(N - toNumber(s)));
  it.each([
    ['the signature', short(signature), true],
    ['an empty one', '', false],
    ['half of it', short(signature.subarray(0, 30)), false],
    ['a byte behind it', `${short(signature)}00`, false],
    ['its sighash type behind it', `${short(signature)}01`, false],
    ['r and s alone', R + S, false],
    ['a zero too many before r', `3045022100${R}0220${S}`, false],
    ['a length of two bytes', `308144${short(signature).slice(4)}`, false],
    ['high s', `30450220${R}022100${highS}`, false],
    ['s = 0', `30250220${R}020100`, false],
    ['r = 0', `30250201000220${S}`, false],
    ['negative r', `30440220${'80'.repeat(32)}0220${S}`, false],
    ['r = N', `3045022100${short(toBytes(N))}0220${S}`, false],
    ['another r', `30440220${short(toBytes(5n))}0220${S}`, false],
    ['70 bytes more', `308180${'02'.repeat(128)}`, false],
  ])('%s verifies as with noble', (_, hex, valid) => {
    expect(verifiesEcdsa(hexToBytes(hex), hash, key)).toBe(valid);
    expect(secp256k1.verify(hexToBytes(hex), hash, key, OPTIONS)).toBe(valid);
  });

  it('verifies by no other key, in no form but the two of SEC 1', () => {
    const long = secp256k1.getPublicKey(secret, false);
    const hybrid = Uint8Array.from(long);
    hybrid[0] = 6 + (long[64]! & 1);
    for (const other of [
      publicBytes(13n),
      hybrid,
      key.subarray(1),
      key.subarray(0, 32),
      new Uint8Array(33),
      long.subarray(1),
    ])
      expect(verifiesEcdsa(signature, hash, other)).toBe(false);
    expect(verifiesEcdsa(signature, toBytes(13n), key)).toBe(false);
  });

  it('finds the key from the signature, and none from what is no signature', () => {
    fc.assert(
      fc.property(secretKey, bytes32, (by, signed) => {
        const made = secp256k1.sign(signed, by, { prehash: false, format: 'recovered' });
        expect(recoverEcdsa(made.subarray(1), made[0]!, signed)).toEqual(publicBytes(toNumber(by)));
      }),
      CURVE,
    );
    for (const compact of [new Uint8Array(64), new Uint8Array(64).fill(255)])
      for (const number of [0, 1, 2, 3]) expect(recoverEcdsa(compact, number, hash)).toBeUndefined();
  });
});
