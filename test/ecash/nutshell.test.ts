/**
 * Another implementation: nutshell (`test/ecash/install.sh`) reads our tokens, V2 keyset ids included, and finds their
 * DLEQ proofs right; its tokens are read and verified here, also from a fixture where it is not installed.
 */
import { describe, expect, it } from 'vitest';
import { readMintKeys } from '../../src/lib/ecash/mint-keys.ts';
import { readToken, tokenTotal, writeToken, type Proof } from '../../src/lib/ecash/token.ts';
import { verifyToken } from '../../src/lib/ecash/token-document.ts';
import { nutshell, testMint } from '../support/ecash.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const made = fixture('ecash/nutshell.json');

/** Reads and verifies what nutshell made. */
function expectVerified({ token, keyset, format }: { token: string; keyset: any; format: 'V3' | 'V4' }): void {
  const read = readToken(token);
  const sets = readMintKeys(keyset);
  expect(read).toMatchObject({ format, mint: made.job.mint, unit: 'sat', memo: made.job.memo });
  expect(read.proofs.map(({ amount, secret }) => [Number(amount), secret])).toEqual(made.job.make);
  expect(read.proofs[0]!.id).toBe(format === 'V4' ? keyset.id.slice(0, 16) : keyset.id);
  expect(verifyToken(read, sets).map(({ dleq }) => dleq)).toEqual(read.proofs.map(() => 'valid'));
  const [first, ...rest] = read.proofs as [Proof, ...Proof[]];
  const altered = { ...read, proofs: [{ ...first, secret: `${first.secret}0` }, ...rest] };
  expect(codeOf(() => verifyToken(altered, sets))).toBe('dleq-invalid');
}

describe("nutshell's tokens", () => {
  it.each(['V3', 'V4'] as const)('kept in a fixture: %s is read and verified', (format) => {
    expectVerified({ token: made[format.toLowerCase()], keyset: made.keyset, format });
    expect(tokenTotal(readToken(made.v4))).toBe(2100n);
  });
});

const peer = nutshell();
describe.skipIf(!peer)('nutshell, here', () => {
  const ask = (...jobs: object[]): any[] => peer!(jobs);
  const bank = testMint('a bank that nutshell knows');
  const old = testMint('an old bank', 0);
  const coins = [1n, 4n, 32n, 2048n].map((amount) => bank.coin(amount));

  it.each(['V3', 'V4'] as const)('reads our %s and finds every DLEQ proof right', (format) => {
    for (const { keyset, coin } of [bank, old]) {
      const proofs = [1n, 4n, 32n, 2048n].map((amount) => coin(amount));
      const token = writeToken({ mint: 'https://m.example', unit: 'sat', memo: 'Ümläute ⚡', proofs }, format);
      const [said] = ask({ decode: token, keys: keyset.keys });
      const id = format === 'V4' ? keyset.id.slice(0, 16) : keyset.id;
      expect(said).toMatchObject({ mint: 'https://m.example', unit: 'sat', memo: 'Ümläute ⚡', amount: 2085 });
      expect(said.proofs).toEqual(
        proofs.map(({ amount, secret, C }) => ({ id, amount: Number(amount), secret, C, witness: null, dleq: true })),
      );
    }
  });
  it('finds the same proofs wrong that we do', () => {
    const proofs = coins.map((coin, i) => (i % 2 ? coin : { ...coin, secret: `${coin.secret}0` }));
    const token = writeToken({ mint: 'https://m', unit: 'sat', proofs }, 'V4');
    expect(ask({ decode: token, keys: bank.keyset.keys })[0].proofs.map((p: any) => p.dleq)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
  it('reads our witness', () => {
    const witness = JSON.stringify({ signatures: ['ab'.repeat(64)] });
    const token = writeToken({ mint: 'https://m', unit: 'sat', proofs: [{ ...coins[0]!, witness }] }, 'V4');
    expect(ask({ decode: token, keys: bank.keyset.keys })[0].proofs[0].witness).toBe(witness);
  });
  it('computes the same keyset ids, with fee and expiry', () => {
    const keyset = fixture('ecash/keysets.json').keysets[1];
    const [said] = ask({ keyset });
    expect(said).toMatchObject({ v2: keyset.id, short: keyset.id.slice(0, 16) });
    expect(ask({ keyset: old.keyset })[0].v1).toBe(old.keyset.id);
  });
  it('makes tokens that are verified here, the fixture among them', () => {
    for (const format of ['V3', 'V4'] as const) {
      const [said] = ask({ ...made.job, format });
      expect(said.token).toBe(made[format.toLowerCase()]);
      expectVerified({ ...said, format });
    }
  });
});
