/** Into which amounts a payment is split, and what a keyset may be. */
import { deriveKeysetId } from '@cashu/cashu-ts';
import { beforeAll, expect, it } from 'vitest';
import { checkKeyset, keysetSchema, type Keyset } from '../../src/lib/ecash/keyset.ts';
import { loadCashu } from '../../src/lib/ecash/library.ts';
import { amountsFor } from '../../src/lib/ecash/outputs.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { bytesToHex, toBytes } from '../../src/lib/signing/curve.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { codeOf, refusal } from '../support/refusal.ts';

const key = bytesToHex(publicKey(toBytes(7n)));
const keysetOf = (amounts: readonly bigint[]): Keyset => {
  const keys = Object.fromEntries(amounts.map((amount) => [String(amount), key]));
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
