/** BIP340: its vectors, another library, and malformed input. */
import { schnorr } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signHash, verifies, xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { bytesToHex, hexToBytes, N, toBytes } from '../../src/lib/signing/curve.ts';
import { bytes32, CURVE, secretKey } from '../support/random.ts';
import { fixture, vectors } from '../support/vectors.ts';

interface Row {
  pubkey: string;
  message: string;
  signature: string;
  valid: boolean;
}
const check = (row: Row): void => expect(verifies(row.signature, hexToBytes(row.message), row.pubkey)).toBe(row.valid);
const cases = fixture<{ cases: (Row & { index: number })[] }>('bip340/verify.json').cases;

describe('BIP340', () => {
  it.each(cases)('vector $index: $valid', check);

  const bulk = vectors<Record<string, string>[]>('bip340/test-vectors.csv');
  it.skipIf(!bulk)('all vectors', () => {
    expect(bulk!.length).toBeGreaterThan(10);
    for (const row of bulk!)
      check({
        pubkey: row['public key']!,
        message: row['message']!,
        signature: row['signature']!,
        valid: row['verification result'] === 'TRUE',
      });
  });

  it('signs as the vector without auxiliary randomness, and as the other library', () => {
    const { message, signature, pubkey } = cases[0]!;
    expect(signHash(hexToBytes(message), toBytes(3n))).toBe(signature);
    expect(xOnlyKey(toBytes(3n))).toBe(pubkey);
    fc.assert(
      fc.property(secretKey, bytes32, (secret, hash) => {
        const made = signHash(hash, secret);
        expect(made).toBe(bytesToHex(schnorr.sign(hash, secret, new Uint8Array(32))));
        expect(xOnlyKey(secret)).toBe(bytesToHex(schnorr.getPublicKey(secret)));
        expect(verifies(made, hash, xOnlyKey(secret))).toBe(true);
      }),
      CURVE,
    );
  });

  it('takes malformed input for a signature that does not verify', () => {
    const { message, signature, pubkey } = cases[0]!;
    const hash = hexToBytes(message);
    for (const [s, p] of [
      ['', pubkey],
      ['zz', pubkey],
      [signature.slice(2), pubkey],
      [`${signature}00`, pubkey],
      [signature, ''],
      [signature, `02${pubkey}`],
      [signature, 'zz'.repeat(32)],
    ] as const)
      expect(verifies(s, hash, p)).toBe(false);
  });

  it('has no key of zero or the order', () => {
    for (const secret of [toBytes(0n), toBytes(N)]) {
      expect(() => xOnlyKey(secret)).toThrow();
      expect(() => signHash(new Uint8Array(32), secret)).toThrow();
    }
  });
});
