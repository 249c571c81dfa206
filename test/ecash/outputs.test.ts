/** Into which amounts a payment is split, what may be signed for it, and what a keyset may be. */
import { Amount, deriveKeysetId, getDecodedToken, OutputData } from '@cashu/cashu-ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkKeyset, keysetSchema, type Keyset } from '../../src/lib/ecash/keyset.ts';
import { loadCashu } from '../../src/lib/ecash/library.ts';
import { blindSignature } from '../../src/lib/ecash/blind.ts';
import { amountsFor, blindedOutputs, placesFrom, tokenOf } from '../../src/lib/ecash/outputs.ts';
import { checkOutputs } from '../../src/lib/ecash/promise.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { bytesToHex, hexToBytes, parsePoint, toBytes } from '../../src/lib/signing/curve.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { codeOf, refusal } from '../support/refusal.ts';

const key = bytesToHex(publicKey(toBytes(7n)));
const keysetOf = (amounts: readonly bigint[], of = key): Keyset => {
  const keys = Object.fromEntries(amounts.map((amount) => [String(amount), of]));
  return { id: deriveKeysetId(keys, { unit: 'sat', versionByte: 1 }), unit: 'sat', keys };
};
beforeAll(loadCashu);

it.each([
  // sat, of which amounts, and how many they are: at most 64
  [1n, '1', 1],
  [63n, '1', 63],
  [64n, '1', 64],
  [65n, '1', null],
  [65n, '1 2', 33],
  [128n, '2', 64],
  [129n, '2', null],
  [0n, '1', null],
  [3n, '2', null],
  [1n, '2', null],
  [1n, '', null],
] as const)('%i sat of the amounts [%s]: %s', (sat, known, count) => {
  const work = () => amountsFor(sat, keysetOf(known.split(' ').filter(Boolean).map(BigInt)));
  if (count === null) expect(refusal(work)).toMatchObject({ code: 'over-capacity', exit: 77 });
  else {
    const found = work();
    expect([found.length, found.reduce((sum, each) => sum + each, 0n)]).toEqual([count, sat]);
  }
});

it.each([63, 64, 65])('a keyset of %i keys', (count) => {
  const keyset = keysetOf(Array.from({ length: count }, (_, i) => BigInt(i + 1)));
  if (count <= 64) expect(parseAs(keysetSchema, keyset)).toEqual(keyset);
  else expect(codeOf(() => parseAs(keysetSchema, keyset))).toBe('malformed-message');
});

it.each([
  ['1 2 4 4503599627370496', 'taken'],
  ['1 3', 'a key for 3 sat found, powers of two expected'],
  ['4503599627370497', 'a key for 4503599627370497 sat found, powers of two expected'],
] as const)('a keyset of the amounts [%s]: %s', (amounts, expected) => {
  const keyset = keysetOf(amounts.split(' ').map(BigInt));
  if (expected === 'taken') expect(checkKeyset(keyset, 'payee')).toEqual(keyset);
  else
    expect(refusal(() => checkKeyset(keyset, 'payee'))).toMatchObject({
      code: 'keyset-differs',
      blame: 'payee',
      message: expected,
    });
});

it('a keyset whose id follows from its keys, of which one is no point', () => {
  const none = `02${'ff'.repeat(32)}`;
  expect(refusal(() => checkKeyset(keysetOf([1n], none), 'payee'))).toMatchObject({
    code: 'keyset-differs',
    blame: 'payee',
    message: expect.stringContaining(`${none} found`),
  });
});

it.each([
  ['1 2', 'taken'],
  ['3', 'an output of 3 sat found, which the keyset has no key for'],
  ['1 2 4', 'an output of 4 sat found, which the keyset has no key for'],
] as const)('outputs of [%s] sat by the keys of 1 and 2 sat, for just their sum: %s', (amounts, expected) => {
  const keyset = keysetOf([1n, 2n]);
  const outs = amounts.split(' ').map((amount, i) => ({
    amount_sat: BigInt(amount),
    id: keyset.id,
    B_: bytesToHex(publicKey(toBytes(BigInt(i + 1)))),
  }));
  const work = () =>
    checkOutputs(
      outs,
      keyset,
      outs.reduce((sum, o) => sum + o.amount_sat, 0n),
    );
  if (expected === 'taken') expect(work).not.toThrow();
  else expect(refusal(work)).toMatchObject({ code: 'outputs-differ', blame: 'payer', message: expected });
});

describe.each([0, 1])('by a keyset id of version %i', (versionByte) => {
  const keys = { 1: key, 2: key, 4: key };
  const keyset: Keyset = { id: deriveKeysetId(keys, { unit: 'sat', versionByte }), unit: 'sat', keys };
  const seed = new Uint8Array(64).fill(9);
  const places = placesFrom(20, [1n, 2n, 4n, 4n]);
  const theirs = () =>
    places.map(({ counter, amountSat }) =>
      OutputData.createSingleDeterministicData(amountSat, seed, counter, keyset.id),
    );
  const signed = () =>
    blindedOutputs(seed, keyset.id, places).map(({ amount_sat, id, B_ }) => ({
      amount_sat,
      id,
      ...blindSignature(parsePoint(hexToBytes(B_))!, toBytes(7n)),
    }));
  const token = (promises = signed()) => tokenOf(seed, places, keyset, promises, 'https://mint.example');

  it('outputs are those of cashu-ts, and so are the coins that come of them', () => {
    expect(blindedOutputs(seed, keyset.id, places)).toEqual(
      theirs().map(({ blindedMessage: { id, B_ } }, i) => ({ amount_sat: places[i]!.amountSat, id, B_ })),
    );
    const coins = signed().map(({ amount_sat, id, C_, dleq }, i) =>
      theirs()[i]!.toProof({ id, amount: Amount.from(amount_sat), C_, dleq }, keyset),
    );
    const plain = (proofs: readonly { amount: unknown }[]) => proofs.map((p) => ({ ...p, amount: String(p.amount) }));
    expect(plain(getDecodedToken(token(), [keyset.id]).proofs)).toEqual(plain(coins));
    // The same proof, in capitals.
    const loud = ({ e, s }: { e: string; s: string }) => ({ e: e.toUpperCase(), s: s.toUpperCase() });
    expect(token(signed().map((one) => ({ ...one, dleq: loud(one.dleq) })))).toBe(token());
  });

  it.each([
    ['a proof that is none', (one: any) => ({ ...one, dleq: { ...one.dleq, s: one.dleq.e } })],
    ['a proof without a half', (one: any) => ({ ...one, dleq: { e: one.dleq.e } })],
    ['a proof that is no text', (one: any) => ({ ...one, dleq: { e: 7, s: 8 } })],
    ['a signature that is no point', (one: any) => ({ ...one, C_: `02${'ff'.repeat(32)}` })],
    ['a signature that is no text', (one: any) => ({ ...one, C_: 7 })],
    ['a signature by another key', (one: any) => ({ ...one, C_: key })],
  ])('no coin comes of %s', (_, change) => {
    const [first, ...rest] = signed();
    expect(codeOf(() => token([change(first), ...rest]))).toBe('dleq-invalid');
  });
});
