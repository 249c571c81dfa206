/** Adaptor signatures: published vectors, rejections among them, and properties of both constructions. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import {
  adapt,
  combinePre,
  extract,
  isFinished,
  presign,
  sessionPre,
  signLastPre,
  verifyPre,
} from '../../src/lib/signing/adaptor.ts';
import { verifies, xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { keySet } from '../../src/lib/signing/keyset.ts';
import { hasEvenY, timesG, toNumber, pointBytes, N } from '../../src/lib/signing/curve.ts';
import { nonceGen, partialVerify, publicKey, sign } from '../../src/lib/signing/musig2.ts';
import { bytes32, secretKey } from '../support/random.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const VECTORS = fixture('channel/schnorr-adaptor.json');
const hex = hexToBytes;
const rows = (name: string): [string, any][] => VECTORS[name].map((v: any) => [`${v.index} ${v.comment}`, v]);

describe('published vectors', () => {
  it.each(rows('presig'))('pre-signature %s', (_, v) => {
    const check = () => verifyPre(hex(v['public key']), hex(v.message), hex(v.adaptor), hex(v['pre-signature']));
    if (v.result === 'TRUE') expect(check).not.toThrow();
    else expect(codeOf(check)).toMatch(/^(?:adaptor-invalid|scalar-range|wrong-key)$/);
    if (v['secret key'])
      expect(bytesToHex(presign(hex(v['secret key']), hex(v.message), hex(v.adaptor), hex(v.aux_rand)))).toBe(
        v['pre-signature'],
      );
  });
  it.each(rows('adapt'))('adapted %s', (_, v) => {
    const made = adapt(hex(v['pre-signature']), hex(v.secadaptor));
    expect(bytesToHex(made) === v['BIP340 signature'] && isFinished(made, hex(v.message), hex(v.pubkey))).toBe(
      v.result === 'TRUE',
    );
  });
  it.each(rows('secadaptor'))('extracted %s', (_, v) => {
    const T = pointBytes(timesG(toNumber(hex(v.secadaptor))));
    const found = () => bytesToHex(extract(hex(v['pre-signature']), T, hex(v['BIP340 signature'])));
    if (v.result === 'TRUE') expect(found()).toBe(v.secadaptor);
    else expect(codeOf(found)).toBe('adaptor-invalid');
  });
});

describe('one key', () => {
  it('a pre-signature becomes a signature with t alone, and both show t', () => {
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(secretKey, secretKey, bytes32, bytes32, secretKey, (d, t, message, aux, other) => {
        const [T, P] = [publicKey(t), hex(xOnlyKey(d))];
        const pre = presign(d, message, T, aux);
        seen.add(pre[0] === 2);
        const made = adapt(pre, t);
        expect(verifies(bytesToHex(made), message, xOnlyKey(d))).toBe(true);
        expect(extract(pre, T, made)).toEqual(t);
        expect(verifies(bytesToHex(adapt(pre, other)), message, xOnlyKey(d))).toBe(false);
        for (const wrong of [() => verifyPre(P, message, publicKey(other), pre), () => verifyPre(P, aux, T, pre)])
          expect(codeOf(wrong)).toBe('adaptor-invalid');
        expect(codeOf(() => extract(pre, publicKey(other), made))).toBe('adaptor-invalid');
      }),
      { numRuns: 30, seed: 40 },
    );
    expect(seen.size).toBe(2);
  });
  it('refuses every altered byte', () => {
    const [d, t] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const [T, P, m] = [publicKey(t), hex(xOnlyKey(d)), new Uint8Array(32).fill(3)];
    const pre = presign(d, m, T, m);
    for (let at = 0; at < 65; at++) {
      const bent = pre.slice();
      bent[at]! ^= 1;
      expect(
        codeOf(() => verifyPre(P, m, T, bent)),
        String(at),
      ).toMatch(/^(?:adaptor-invalid|scalar-range)$/);
    }
    const high = pre.slice();
    high.set(hex(N.toString(16)), 33);
    expect(codeOf(() => verifyPre(P, m, T, high))).toBe('scalar-range');
    expect(codeOf(() => adapt(pre, new Uint8Array(32)))).toBe('scalar-range');
    for (const length of [0, 64]) expect(codeOf(() => adapt(pre.subarray(0, length), t))).toBe('adaptor-invalid');
    const finished = adapt(pre, t);
    const beyond = Uint8Array.of(...finished.subarray(0, 32), ...hex(N.toString(16)));
    expect(codeOf(() => extract(pre, T, beyond))).toBe('scalar-range');
    const [longer, elsewhere] = [
      Uint8Array.of(...finished.subarray(0, 32), 0, ...finished.subarray(32)),
      finished.slice(),
    ];
    elsewhere[0]! ^= 1;
    expect(codeOf(() => extract(pre, T, longer))).toMatch(/^(?:adaptor-invalid|scalar-range)$/);
    expect(codeOf(() => extract(pre, T, elsewhere))).toBe('adaptor-invalid');
  });
});

describe('two keys, construction A', () => {
  it('both partials make a pre-signature, with either parity; no nonce is the same under two points', () => {
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(secretKey, secretKey, secretKey, secretKey, bytes32, bytes32, (a, b, t, u, message, random) => {
        const set = keySet([publicKey(a), publicKey(b)].map((k) => bytesToHex(k)));
        const T = publicKey(t);
        const draw = () => nonceGen({ random, secret: a, pubkey: publicKey(a), aggregate: set.agg.xQ, message });
        const opener = draw();
        const last = signLastPre(b, set, opener.pubnonce, message, T);
        const s = sessionPre(set, opener.pubnonce, last.pubnonce, message, T);
        expect(partialVerify(last.partial, last.pubnonce, 1, s)).toBe(true);
        const pre = combinePre([sign(opener.secnonce, a, s), last.partial], s, T);
        seen.add(hasEvenY(s.R));
        const made = adapt(pre, t);
        expect(isFinished(made, message, set.agg.xQ)).toBe(true);
        expect(extract(pre, T, made)).toEqual(t);
        const elsewhere = signLastPre(b, set, opener.pubnonce, message, publicKey(u));
        expect(bytesToHex(elsewhere.pubnonce)).not.toBe(bytesToHex(last.pubnonce));
        expect(codeOf(() => combinePre([last.partial, elsewhere.partial], s, T))).toBe('adaptor-invalid');
      }),
      { numRuns: 30, seed: 41 },
    );
    expect(seen.size).toBe(2);
  });
});
