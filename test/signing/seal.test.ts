/** Seals of messages: what they cover, and what breaks them. */
import fc from 'fast-check';
import { schnorr } from '@noble/curves/secp256k1.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { taggedHash } from '../../src/lib/signing/curve.ts';
import { checkSeal, messageHash, seal } from '../../src/lib/signing/seal.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { codeOf, refusal } from '../support/refusal.ts';

const secret = new Uint8Array(32).fill(3);
const key = xOnlyKey(secret);
const message = { type: 'x', version: 1, step: 'one', paid_sat: 5n, contract: { id: 'aa', terms: [1, 2] } };
const sealed = seal(message, secret);

describe('a seal', () => {
  it('is a BIP340 signature over the tagged hash of the canonical message', () => {
    expect(sealed.auth).toMatch(/^[0-9a-f]{128}$/);
    expect(Object.keys(sealed).at(-1)).toBe('auth');
    const hash = schnorr.utils.taggedHash('spillway/message', utf8ToBytes(canonicalJson(message)));
    expect(messageHash(sealed)).toEqual(hash);
    expect(taggedHash('spillway/message', utf8ToBytes(canonicalJson(message)))).toEqual(hash);
    expect(schnorr.verify(hexToBytes(sealed.auth), hash, hexToBytes(key))).toBe(true);
    expect(checkSeal(sealed, key, 'payer')).toBeUndefined();
  });
  it('is the same each time, and one is taken off before another is put on', () => {
    expect(seal(message, secret)).toEqual(sealed);
    expect(seal(sealed, secret)).toEqual(sealed);
  });
  it('covers neither order nor checks', () => {
    const { auth, ...rest } = sealed;
    const turned = Object.fromEntries(Object.entries({ ...rest, auth, checks: { tip: 'given' } }).reverse());
    expect(checkSeal(turned, key, 'payer')).toBeUndefined();
    expect(checkSeal({ ...sealed, paid_sat: 5 }, key, 'payer')).toBeUndefined();
  });
  it.each<[string, object]>([
    ['a field', { ...sealed, paid_sat: 6n }],
    ['a field within', { ...sealed, contract: { id: 'ab', terms: [1, 2] } }],
    ['the order of a list', { ...sealed, contract: { id: 'aa', terms: [2, 1] } }],
    ['a number for its text', { ...sealed, paid_sat: '5' }],
    ['a field more', { ...sealed, extra: null }],
    ['checks within', { ...sealed, contract: { ...message.contract, checks: {} } }],
    ['a field less', { type: 'x', version: 1, step: 'one', paid_sat: 5n, auth: sealed.auth }],
    ['no seal', message],
    ['a seal that is no text', { ...sealed, auth: 5 }],
    ['a seal in capitals', { ...sealed, auth: sealed.auth.toUpperCase() }],
    ['a short seal', { ...sealed, auth: sealed.auth.slice(2) }],
    ['a seal of zeros', { ...sealed, auth: '00'.repeat(64) }],
  ])('%s: refused, and whose it should be is named', (_, altered) => {
    const found = refusal(() => checkSeal(altered, key, 'payer'));
    expect(found).toMatchObject({ code: 'bad-seal', exit: 76, blame: 'payer' });
    expect(found.message).toContain('by the payer');
  });
  it('of another key, or by a key that is none, is refused', () => {
    const other = xOnlyKey(new Uint8Array(32).fill(4));
    for (const k of [other, 'ff'.repeat(32), '', 'zz', `02${key}`])
      expect(codeOf(() => checkSeal(sealed, k, 'payee'))).toBe('bad-seal');
  });
  it('is broken by any bit', () => {
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        const bytes = hexToBytes(sealed.auth);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(codeOf(() => checkSeal({ ...sealed, auth: bytesToHex(bytes) }, key, 'payer'))).toBe('bad-seal');
      }),
      { numRuns: 30 },
    );
  });
});
