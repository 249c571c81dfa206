/** What a payee takes as the transaction of a rollover, from a payer that builds it to its own liking. */
import { describe, expect, it } from 'vitest';
import { checkMakes, checkShape, planOf, sighashOf } from '../../src/lib/credit/rolling.ts';
import type { Contract, Terms } from '../../src/lib/credit/terms.ts';
import { contractOutpoint, rollover, type RolloverParts } from '../../src/lib/credit/transactions.ts';
import type { Spent } from '../../src/lib/bitcoin/transaction.ts';
import { ADDRESSES, contractWith, termsWith } from './things.ts';

const old = contractWith();
const PAID: RolloverParts = { paidSat: 50_000n, topUps: [], change: null };

/** The code of a refusal; undefined where it is taken. */
function shape(parts: Partial<RolloverParts> = {}, terms: Partial<Terms> = {}, next: Partial<Contract> = {}) {
  const of = termsWith({ capacity_sat: 1_149_000n, ...terms }, 3);
  const template = rollover(old, { ...PAID, ...parts }, of);
  const contract = { id: 'next', terms: of, outpoint: contractOutpoint(of, template), ...next };
  try {
    checkShape(template, contract);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return undefined;
}

describe('the shape of a rollover', () => {
  it('pays what was paid, and funds the next contract where it is said to be', () => {
    expect(shape()).toBe(undefined);
    const at = { txid: 'cc'.repeat(32), vout: 0 };
    expect(shape({}, {}, { outpoint: at })).toBe('transaction-differs');
  });

  it.each([
    // Satoshis to the payee's P2TR, and as change to a P2WPKH.
    [329n, 293n, 'below-dust'],
    [330n, 294n, undefined],
    [331n, 295n, undefined],
  ])('has no output that no node relays: %s sat, or %s sat: %s', (paidSat, sat, code) => {
    expect(shape({ paidSat }, { capacity_sat: 1_199_000n })).toBe(code);
    expect(shape({ change: { address: ADDRESSES.p2wpkh, sat } })).toBe(code);
  });

  it('costs what a rollover costs, and pays no more than it has', () => {
    expect(shape({}, { capacity_sat: 1_150_001n })).toBe('transaction-differs');
    expect(shape({}, { capacity_sat: 1_150_000n })).toBe('fee-too-low');
    expect(shape({}, { capacity_sat: 1_000_000n })).toBe('fee-too-high');
  });
});

const plan = (paid: bigint, amount?: bigint, utxo: readonly Spent[] = []) =>
  planOf(old, paid, amount, utxo, ADDRESSES.p2wpkh, 2_000, true);
const planned = (...args: Parameters<typeof plan>) => {
  try {
    return plan(...args);
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the plan of a rollover', () => {
  const { capacity_sat: all } = old.terms;
  it('without an amount moves all that is left after the fee (sat), and is none where that is nothing', () => {
    const fee = all - 50_000n - plan(50_000n).capacity;
    const left = [-1n, 0n, 1n].map((sat) => planned(all - fee - sat));
    expect(left).toEqual(['not-enough-coins', 'not-enough-coins', { capacity: 1n, topUps: [], change: null }]);
  });
  it('has change where there is some, and none of 0 sat', () => {
    const fee = all - 50_000n - plan(50_000n).capacity;
    expect(plan(50_000n, all - 50_000n - fee)).toMatchObject({ topUps: [], change: null });
    const { change } = plan(50_000n, 500_000n);
    expect(change).toMatchObject({ address: ADDRESSES.p2wpkh, sat: expect.any(BigInt) });
    expect(change!.sat).toBeGreaterThan(600_000n);
  });
});

it('a rollover is signed for the contract that is kept, with its very refund: another sighash or outpoint is not it', () => {
  const terms = termsWith({ capacity_sat: 1_149_000n }, 3);
  const template = rollover(old, PAID, terms);
  const next = { id: 'next', terms, outpoint: contractOutpoint(terms, template) };
  const rolling = { ...PAID, nextKey: terms.payee_pubkey, sighash: sighashOf(old, template), witnesses: {} };
  const makes = (sighash: string, of: Contract) => () => checkMakes(template, sighash, rolling, of);
  expect(makes(rolling.sighash, next)).not.toThrow();
  const movedOn = expect.objectContaining({ code: 'state-moved-on' });
  expect(makes('11'.repeat(32), next)).toThrow(movedOn);
  expect(makes(rolling.sighash, { ...next, outpoint: { txid: 'cc'.repeat(32), vout: 0 } })).toThrow(movedOn);
  expect(makes(rolling.sighash, { ...next, outpoint: { ...next.outpoint, vout: 1 - next.outpoint.vout } })).toThrow(
    movedOn,
  );
});
