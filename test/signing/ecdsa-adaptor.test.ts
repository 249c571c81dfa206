/** ECDSA adaptor signatures: published vectors, each also with a byte altered, and properties. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { adapt, extract, isFinished, parsePre, presign, verifyPre } from '../../src/lib/signing/ecdsa-adaptor.ts';
import { N, toBytes, toNumber } from '../../src/lib/signing/curve.ts';
import { derOf, verifiesEcdsa } from '../../src/lib/signing/ecdsa.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { bytes32, secretKey } from '../support/random.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

interface Vector {
  kind: 'verification' | 'recovery' | 'serialization';
  adaptor_sig: string;
  message_hash: string;
  public_signing_key: string;
  encryption_key: string;
  decryption_key: string;
  signature: string;
  comment?: string;
  error?: string | null;
}
const { cases } = fixture<{ cases: Vector[] }>('channel/ecdsa-adaptor.json');
const hex = hexToBytes;
const CODES = /^(?:adaptor-invalid|scalar-range|wrong-key)$/;

describe.each(cases.map((v) => [`${v.kind}: ${v.comment ?? v.error ?? 'plain'}`, v] as const))('%s', (_, v) => {
  const pre = hex(v.adaptor_sig);
  if (v.kind === 'verification') {
    const check = (bytes: Uint8Array = pre) =>
      verifyPre(hex(v.public_signing_key), hex(v.message_hash), hex(v.encryption_key), bytes);
    it('verifies as published', () => {
      if (v.error) return expect(codeOf(check)).toBe('adaptor-invalid');
      expect(check).not.toThrow();
      const made = adapt(pre, hex(v.decryption_key));
      expect(bytesToHex(made)).toBe(v.signature);
      expect(isFinished(made, hex(v.message_hash), hex(v.public_signing_key))).toBe(true);
      expect(bytesToHex(extract(pre, hex(v.encryption_key), made))).toBe(v.decryption_key);
    });
    it('is refused with any byte altered', () => {
      for (let at = 0; at < pre.length; at++) {
        const bent = pre.slice();
        bent[at]! ^= 1;
        expect(
          codeOf(() => check(bent)),
          `byte ${at}`,
        ).toMatch(CODES);
      }
      for (const length of [0, 161]) expect(codeOf(() => check(pre.subarray(0, length)))).toBe('adaptor-invalid');
    });
  }
  if (v.kind === 'recovery')
    it('shows its secret, and none with a byte altered', () => {
      const found = (bytes: Uint8Array, signature = hex(v.signature)) =>
        extract(bytes, hex(v.encryption_key), signature);
      expect(bytesToHex(found(pre))).toBe(v.decryption_key);
      for (const at of [0, 31, 32, 63]) {
        const bent = hex(v.signature);
        bent[at]! ^= 1;
        expect(codeOf(() => found(pre, bent))).toBe('adaptor-invalid');
      }
    });
  if (v.kind === 'serialization')
    it('is read, or refused', () => {
      if (v.error) return expect(codeOf(() => parsePre(pre))).toMatch(CODES);
      expect(() => parsePre(pre)).not.toThrow();
    });
});

describe('a pre-signature', () => {
  it('is refused with numbers out of range, and for a key that is none', () => {
    const [key, message, aux] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const Y = publicKey(aux);
    const pre = presign(key, message, Y, aux);
    for (const at of [66, 98, 130]) {
      const high = pre.slice();
      high.set(toBytes(N), at);
      expect(codeOf(() => verifyPre(publicKey(key), message, Y, high))).toBe('scalar-range');
    }
    expect(codeOf(() => verifyPre(hex(`02${'ff'.repeat(32)}`), message, Y, pre))).toBe('wrong-key');
    const zero = Uint8Array.of(...adapt(pre, aux).subarray(0, 32), ...new Uint8Array(32));
    expect(codeOf(() => extract(pre, Y, zero))).toBe('scalar-range');
  });
  it('becomes a signature that Bitcoin takes, and both show the secret, be the s of the signature low or high', () => {
    fc.assert(
      fc.property(secretKey, secretKey, bytes32, bytes32, secretKey, (x, y, message, aux, other) => {
        fc.pre(![x, y, message].some((one) => Buffer.compare(one, other) === 0));
        const [X, Y] = [publicKey(x), publicKey(y)];
        const pre = presign(x, message, Y, aux);
        const made = adapt(pre, y);
        expect(verifiesEcdsa(derOf(made), message, X)).toBe(true);
        expect(extract(pre, Y, made)).toEqual(y);
        const high = Uint8Array.of(...made.subarray(0, 32), ...toBytes(N - toNumber(made.subarray(32))));
        expect(isFinished(high, message, X)).toBe(true);
        expect(extract(pre, Y, high)).toEqual(y);
        expect(presign(x, message, Y, aux)).toEqual(pre);
        expect(isFinished(adapt(pre, other), message, X)).toBe(false);
        for (const [key, text, point] of [
          [publicKey(other), message, Y],
          [X, other, Y],
          [X, message, publicKey(other)],
        ] as const)
          expect(codeOf(() => verifyPre(key, text, point, pre))).toBe('adaptor-invalid');
      }),
      { numRuns: 12 },
    );
  });
  it('takes another nonce for another point, message or key', () => {
    const [key, message, aux] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const made = [
      presign(key, message, publicKey(aux), aux),
      presign(key, message, publicKey(message), aux),
      presign(key, aux, publicKey(aux), aux),
      presign(aux, message, publicKey(aux), aux),
    ].map((pre) => bytesToHex(pre.subarray(33, 66)));
    expect(new Set(made).size).toBe(4);
  });
});
