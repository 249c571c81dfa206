/** A token in a document: as text or in parts, and not one that was found to be no valid token. */
import { beforeAll, expect, it } from 'vitest';
import { loadCashu } from '../../src/lib/ecash/library.ts';
import { encodeToken } from '../../src/lib/ecash/token-document.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { codeOf } from '../support/refusal.ts';

beforeAll(loadCashu);

const parts = {
  mint: 'https://mint.example',
  unit: 'sat',
  proofs: [
    {
      amount: 8,
      id: '009a1f293253e41e',
      secret: 'a',
      C: `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`,
    },
  ],
};
const encoded = (document: object): string => encodeToken(new Fields(parseJson(JSON.stringify(document))), [], 'V4');

it('is written from its parts, and the same from its text', () => {
  const token = encoded(parts);
  expect(token).toMatch(/^cashuB/);
  expect(encoded({ ...parts, valid: true })).toBe(token);
  expect(encoded({ token })).toBe(token);
});

it('is not written from a document that says it is not valid', () => {
  expect(codeOf(() => encoded({ ...parts, valid: false }))).toBe('malformed-message');
});

it.each([
  ['no coin', [], 'malformed-message'],
  ['a coin twice', [...parts.proofs, { ...parts.proofs[0], amount: 4 }], 'duplicate-secret'],
])('is not written from %s', (_, proofs, code) => {
  expect(codeOf(() => encoded({ ...parts, proofs }))).toBe(code);
});
