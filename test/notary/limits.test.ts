/** The limits of proof files. */
import { describe } from 'vitest';
import { concatBytes } from '../../src/lib/bitcoin/bytes.ts';
import { apply, op, OTS_LIMITS, readOts, writeOts, type OtsFile } from '../../src/lib/notary/ots.ts';
import { limits } from '../support/limits.ts';
import { proofWith } from '../support/notary.ts';

const malformed = 'malformed-ots' as const;
const unknown = (payload: Uint8Array) => ({ by: 'unknown' as const, payload, tag: '0102030405060708' });
const again = (proof: OtsFile) => readOts(writeOts(proof));
const varuint = (n: number): Uint8Array => Uint8Array.of((n & 0x7f) | 0x80, n >> 7);

describe('a proof', () => {
  limits(OTS_LIMITS, {
    payload: { takes: (n: number) => again(proofWith([], unknown(new Uint8Array(n)))), above: malformed },
    uri: {
      takes: (n: number) => {
        const payload = concatBytes(varuint(n), new Uint8Array(n).fill(0x61));
        return again(proofWith([], { by: 'pending', uri: '', payload, tag: '83dfe30d2ef90c8e' }));
      },
      above: malformed,
    },
    argument: {
      // An argument at its most leaves no room for a message: it is read as one of an empty message.
      takes: (n: number) =>
        n > 4000
          ? apply(op('append', new Uint8Array(n)), new Uint8Array())
          : again(proofWith([op('append', new Uint8Array(n))])),
      below: malformed,
      above: malformed,
    },
    result: { takes: (n: number) => apply(op('append', new Uint8Array(n - 32)), new Uint8Array(32)), above: malformed },
    depth: { takes: (n: number) => again(proofWith(Array(n).fill(op('sha256')))), above: malformed },
  });
});
