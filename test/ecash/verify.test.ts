/** Keysets and verification: NUT-01's and NUT-02's vectors, and every way in which a token is not what it says. */
import { describe, expect, it } from 'vitest';
import { keysetById, readMintKeys } from '../../src/lib/ecash/mint-keys.ts';
import { readToken, writeToken, type Proof, type Token } from '../../src/lib/ecash/token.ts';
import { secretPoint, verifyToken } from '../../src/lib/ecash/token-document.ts';
import type { Json } from '../../src/lib/protocol/json.ts';
import { testMint } from '../support/ecash.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

const { keysets } = fixture('ecash/keysets.json');
const [v1, v2, v2All] = keysets;

describe('keysets', () => {
  it('have the published ids, of version 00 and 01', () => {
    expect(readMintKeys({ keysets }).map(({ id }) => id)).toEqual(keysets.map(({ id }: any) => id));
    for (const set of vectors('cashu/nut02_keyset_ids.json') ?? []) expect(readMintKeys(set)[0]!.id).toBe(set.id);
  });
  it('come alone, as a list, or as a mint answers', () => {
    for (const document of [v2, [v2], { keysets: [v2] }])
      expect(readMintKeys(document)).toEqual([{ id: v2.id, unit: 'sat', keys: v2.keys }]);
  });
  it('of NUT-01 are taken or refused as published', () => {
    for (const { valid, keys } of vectors<any[]>('cashu/nut01_keysets.json') ?? []) {
      const read = () => readMintKeys({ id: v1.id, keys } as Json);
      // The keys alone have no id to compare with: what is well formed fails only by that.
      if (valid) expect(['none', 'keyset-differs']).toContain(outcome(read));
      else expect(codeOf(read)).toBe('malformed-keyset');
    }
  });
  const outcome = (work: () => unknown): string => {
    try {
      work();
      return 'none';
    } catch {
      return codeOf(work);
    }
  };
  const [first, second] = Object.entries(v1.keys) as [[string, string], [string, string]];
  it.each<[string, Json]>([
    ['of another key', { ...v1, keys: { ...v1.keys, [first[0]]: second[1] } }],
    ['of a key less', { ...v1, keys: Object.fromEntries(Object.entries<string>(v1.keys).slice(1)) }],
    ['of another unit (version 01)', { ...v2, unit: 'usd' }],
    ['of another fee (version 01)', { ...v2, input_fee_ppk: 101 }],
    ['of another expiry (version 01)', { ...v2, final_expiry: v2.final_expiry + 1 }],
    ['without its fee (version 01)', { ...v2, input_fee_ppk: 0 }],
  ])('with the id %s are refused', (_, document) => {
    expect(refusal(() => readMintKeys(document))).toMatchObject({ code: 'keyset-differs', blame: 'mint' });
  });
  it.each<[string, Json, RegExp]>([
    ['null', null, /an object/],
    ['a number', 1, /an object/],
    ['without keys, as GET /v1/keysets answers', { id: v1.id, unit: 'sat', active: true }, /^keys: nothing found/],
    ['with no key', { id: v1.id, keys: {} }, /no key found/],
    ['with a key that is no point', { ...v1, keys: { 1: `02${'ff'.repeat(32)}` } }, /^keys\.1: a point of the curve/],
    ['with a short key', { ...v1, keys: { 1: first[1].slice(2) } }, /^keys\.1: 33 bytes/],
    ['with an amount that is none', { ...v1, keys: { '01': first[1] } }, /a whole amount/],
    ['with a short id', { ...v2, id: v2.id.slice(0, 16) }, /^id: the whole id/],
    ['with an id of version 02', { ...v2, id: `02${v2.id.slice(2)}` }, /^id: a keyset id of version 00 or 01/],
    ['with a negative fee', { ...v2, input_fee_ppk: -1 }, /^input_fee_ppk: not less than 0/],
    ['in a list with something else', { keysets: [v1, 7] }, /^keysets\.1: an object/],
    ['not in a list', { keysets: 7 }, /^keysets: a list/],
  ])('that are %s are refused', (_, document, why) => {
    expect(refusal(() => readMintKeys(document))).toMatchObject({
      code: 'malformed-keyset',
      message: expect.stringMatching(why),
    });
  });
});

describe('a short id', () => {
  const sets = readMintKeys({ keysets });
  it('means the keyset that it begins', () => {
    expect(keysetById(v2.id.slice(0, 16), sets)?.id).toBe(v2.id);
    expect(keysetById(v2.id, [...sets, ...sets])?.id).toBe(v2.id);
    expect(keysetById('01ffffffffffffff', sets)).toBe(undefined);
    expect(keysetById(v2All.id, [sets[0]!])).toBe(undefined);
  });
  it('of two keysets is refused', () => {
    const twin = { ...sets[1]!, id: `${v2.id.slice(0, 16)}${'0'.repeat(50)}` };
    expect(codeOf(() => keysetById(v2.id.slice(0, 16), [...sets, twin]))).toBe('keyset-ambiguous');
  });
});

describe.each([0, 1] as const)('a token of a keyset of version 0%i', (version) => {
  const mint = testMint('bank', version);
  const other = testMint('other bank', version);
  const coins = [1n, 8n, 64n].map((amount) => mint.coin(amount));
  const tokenOf = (...proofs: Proof[]): Token => ({ format: 'V4', mint: 'https://m', unit: 'sat', proofs });
  const states = (token: Token, sets = [mint.keyset]): string[] => verifyToken(token, sets).map(({ dleq }) => dleq);
  const [one, eight] = coins as [Proof, Proof, Proof];

  it('is verified coin by coin, also as V3 and V4 hand it on', () => {
    expect(states(tokenOf(...coins))).toEqual(['valid', 'valid', 'valid']);
    for (const format of ['V3', 'V4'] as const)
      expect(states(readToken(writeToken(tokenOf(...coins), format)))).toEqual(['valid', 'valid', 'valid']);
    expect(readMintKeys({ ...mint.keyset })[0]!.id).toBe(mint.keyset.id);
  });
  it('is undetermined where keys or proofs are missing', () => {
    const { dleq, ...bare } = eight;
    const { e, s } = dleq!;
    expect(states(tokenOf(one, bare, { ...bare, secret: 'x', dleq: { e, s } }))).toEqual([
      'valid',
      'missing',
      'missing',
    ]);
    expect(states(tokenOf(one), [other.keyset])).toEqual(['not-checked']);
    expect(states(tokenOf(one, other.coin(2n)))).toEqual(['valid', 'not-checked']);
  });
  it('is refused for what does not hold, even where something else is missing', () => {
    const missing = other.coin(2n);
    expect(codeOf(() => states(tokenOf(missing, { ...eight, secret: 'another' })))).toBe('dleq-invalid');
  });
  const flip = (hex: string): string => hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0');
  const dleq = eight.dleq! as { e: string; s: string; r: string };
  it.each<[string, Partial<Proof>]>([
    ['another secret', { secret: 'another' }],
    ['the secret with a space', { secret: `${eight.secret} ` }],
    ['the signature on another secret', { C: mint.coin(8n, 'another').C }],
    ['the signature for another amount', { C: mint.coin(1n, eight.secret).C }],
    ["another bank's signature", { C: other.coin(8n, eight.secret).C }],
    ["another bank's proof", { C: other.coin(8n, eight.secret).C, dleq: other.coin(8n, eight.secret).dleq! }],
    ['a higher amount', { amount: 64n }],
    ['another challenge', { dleq: { ...dleq, e: flip(dleq.e) } }],
    ['another response', { dleq: { ...dleq, s: flip(dleq.s) } }],
    ['another blinding factor', { dleq: { ...dleq, r: flip(dleq.r) } }],
    ['a blinding factor of zero', { dleq: { ...dleq, r: '0'.repeat(64) } }],
    ['a blinding factor above the order', { dleq: { ...dleq, r: 'f'.repeat(64) } }],
    ['a response above the order', { dleq: { ...dleq, s: 'f'.repeat(64) } }],
    ['a challenge of zero', { dleq: { ...dleq, e: '0'.repeat(64) } }],
  ])('with %s is refused', (_, change) => {
    const found = refusal(() => states(tokenOf(one, { ...eight, ...change })));
    expect(found).toMatchObject({ code: 'dleq-invalid', blame: 'sender' });
    expect(found.message).toMatch(/^proof 1: /);
    expect(found.message).not.toContain(eight.secret);
  });
  it('of an amount that the keyset has no key for is refused', () => {
    expect(codeOf(() => states(tokenOf({ ...eight, amount: 3n })))).toBe('amount-unknown');
    expect(codeOf(() => states(tokenOf({ ...eight, amount: 2n ** 63n })))).toBe('amount-unknown');
  });
  it('that says another unit than its keyset is refused', () => {
    const dollars = testMint('bank of dollars', version, 'usd');
    expect(codeOf(() => states(tokenOf(dollars.coin(8n)), [dollars.keyset]))).toBe('unit-differs');
    expect(states({ ...tokenOf(dollars.coin(8n)), unit: 'usd' }, [dollars.keyset])).toEqual(['valid']);
  });
});

it('the point of a secret is the one that mints know', () => {
  const { hash_to_curve } = fixture('ecash/curve.json');
  expect(secretPoint('\0'.repeat(32))).toBe(hash_to_curve[0].point);
});
