/** The limits of ecash: how many outputs and keys, and how much one proof is. */
import { describe } from 'vitest';
import { amount, PROOF_LIMITS } from '../../src/lib/ecash/forms.ts';
import { KEYSET_LIMITS, keysetSchema } from '../../src/lib/ecash/keyset.ts';
import { amountsFor, OUTPUT_LIMITS, outputs, promises } from '../../src/lib/ecash/outputs.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { limits } from '../support/limits.ts';

const KEY = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
const id = `01${'ab'.repeat(32)}`;
const malformed = { below: 'malformed-message', above: 'malformed-message' } as const;
const dleq = { e: '00'.repeat(32), s: '00'.repeat(32) };

describe('ecash', () => {
  limits(OUTPUT_LIMITS, {
    outputs: [
      { takes: (n: number) => parseAs(outputs, Array(n).fill({ amount_sat: 1, id, B_: KEY })), ...malformed },
      { takes: (n: number) => parseAs(promises, Array(n).fill({ amount_sat: 1, id, C_: KEY, dleq })), ...malformed },
      // A keyset that knows one sat alone: as many outputs as sats.
      {
        takes: (n: number) => amountsFor(BigInt(n), { id, unit: 'sat', keys: { 1: KEY } }),
        below: 'over-capacity',
        above: 'over-capacity',
      },
    ],
  });
  limits(KEYSET_LIMITS, {
    keys: {
      takes: (n: number) =>
        parseAs(keysetSchema, {
          id,
          unit: 'sat',
          keys: Object.fromEntries(Array.from({ length: n }, (_, i) => [String(i + 1), KEY])),
        }),
      above: 'malformed-message',
    },
  });
  limits(PROOF_LIMITS, { amount: { takes: (n: bigint) => parseAs(amount, n), ...malformed } });
});
