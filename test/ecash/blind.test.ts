/** Blind signatures and their proofs (NUT-00, NUT-12), byte for byte as cashu-ts makes them. */
import { createBlindSignature, createDLEQProof, OutputData, Amount, pointFromHex } from '@cashu/cashu-ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blindSignature, hashToCurve, isBlindSignature, type BlindSignature } from '../../src/lib/ecash/blind.ts';
import {
  bytesToHex,
  G,
  N,
  parsePoint,
  hexToBytes,
  Point,
  pointBytes,
  timesG,
  toBytes,
  toNumber,
} from '../../src/lib/signing/curve.ts';
import { secretKey } from '../support/random.ts';

const hexOf = (point: Point): string => bytesToHex(pointBytes(point));

/** By the library, whose check is a part of unblinding. */
function takenByCashu(C_: string, B: Point, A: Point, dleq: BlindSignature['dleq']): boolean {
  const one = Amount.from(1);
  try {
    new OutputData({ amount: one, id: 'x', B_: hexOf(B) }, 1n, new Uint8Array(1)).toProof(
      { id: 'x', amount: one, C_, dleq },
      { id: 'x', keys: { 1: hexOf(A) } },
    );
    return true;
  } catch {
    return false;
  }
}

it.each([
  ['00', '024cce997d3b518f739663b757deaec95bcd9473c30a14ac2fd04023a739d1a725'],
  ['01', '022e7158e11c9506f1aa4248bf531298daa7febd6194f003edcd9b93ade6253acf'],
  ['02', '026cdbe15362df59cd1dd3c9c11de8aedac2106eca69236ecd9fbe117af897be4f'],
])('the point of a secret is the one that NUT-00 publishes: %s', (last, point) =>
  expect(hexOf(hashToCurve(hexToBytes(last.padStart(64, '0'))))).toBe(point),
);

describe('a blind signature', () => {
  const edges = [1n, 2n, N - 1n, N >> 1n].map(toBytes);
  const some = fc.oneof(secretKey, fc.constantFrom(...edges));

  it('and its proof are those of cashu-ts, byte for byte', () => {
    fc.assert(
      fc.property(some, some, (secret, other) => {
        const B = timesG(toNumber(other));
        const theirs = pointFromHex(hexOf(B));
        const { e, s } = createDLEQProof(theirs, secret);
        const { C_ } = createBlindSignature(theirs, secret, 'id');
        const made = blindSignature(B, secret);
        expect(made).toEqual({ C_: C_.toHex(true), dleq: { e: bytesToHex(e), s: bytesToHex(s) } });
        expect(isBlindSignature(parsePoint(hexToBytes(made.C_))!, B, timesG(toNumber(secret)), made.dleq)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it('has no key of zero or the order', () => {
    for (const n of [0n, N]) expect(() => blindSignature(G, toBytes(n))).toThrow();
  });

  const [a, B] = [toBytes(77n), timesG(5n)];
  const { C_, dleq } = blindSignature(B, a);
  const [C, A] = [parsePoint(hexToBytes(C_))!, timesG(77n)];
  const plus = (hex: string, n: bigint): string => bytesToHex(toBytes(toNumber(hexToBytes(hex)) + n));
  it.each<[string, Point, Point, Point, BlindSignature['dleq'], boolean]>([
    ['as it was made', C, B, A, dleq, true],
    ['of another output', C, timesG(6n), A, dleq, false],
    ['by another key', C, B, timesG(78n), dleq, false],
    ['that is another point', C.negate(), B, A, dleq, false],
    ['with its proof swapped', C, B, A, { e: dleq.s, s: dleq.e }, false],
    ['with e of another', C, B, A, { ...dleq, e: plus(dleq.e, 1n) }, false],
    ['with s of another', C, B, A, { ...dleq, s: plus(dleq.s, 1n) }, false],
    ['with e = 0', C, B, A, { ...dleq, e: '00'.repeat(32) }, false],
    ['with s = 0', C, B, A, { ...dleq, s: '00'.repeat(32) }, false],
    ['with e = N', C, B, A, { ...dleq, e: bytesToHex(toBytes(N)) }, false],
    ['with s = N', C, B, A, { ...dleq, s: bytesToHex(toBytes(N)) }, false],
    ['whose proof comes to the point at infinity', C, B, A, { e: plus('00', 1n), s: plus('00', 77n) }, false],
  ])('%s is taken as the library takes it', (_, signature, output, key, proof, taken) => {
    expect(isBlindSignature(signature, output, key, proof)).toBe(taken);
    expect(takenByCashu(hexOf(signature), output, key, proof)).toBe(taken);
  });
});
