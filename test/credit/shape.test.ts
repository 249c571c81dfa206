/** What a payee takes as the transaction of a rollover, from a payer that builds it to its own liking. */
import { describe, expect, it } from 'vitest';
import { checkShape } from '../../src/lib/credit/rolling.ts';
import { contractOutpoint } from '../../src/lib/credit/funding.ts';
import type { Contract, Terms } from '../../src/lib/credit/terms.ts';
import { rollover, type RolloverParts } from '../../src/lib/credit/transactions.ts';
import { ADDRESSES, contractWith, termsWith } from './things.ts';

const old = contractWith();
const PAID: RolloverParts = { paidSat: 50_000n, topUps: [], change: null };

/** The code of a refusal; undefined where it is taken. */
function shape(parts: Partial<RolloverParts> = {}, terms: Partial<Terms> = {}, next: Partial<Contract> = {}) {
  const of = termsWith({ capacity_sat: 1_149_000n, ...terms }, 3);
  const template = rollover(old, { ...PAID, ...parts }, of);
  const contract = { id: 'next', terms: of, outpoint: contractOutpoint(of, template), ...next };
  try {
    checkShape(template, old, contract);
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

  it('has no output that no node relays', () => {
    expect(shape({ paidSat: 329n }, { capacity_sat: 1_199_000n })).toBe('below-dust');
    expect(shape({ change: { address: ADDRESSES.p2wpkh, sat: 293n } })).toBe('below-dust');
  });

  it('costs what a rollover costs, and pays no more than it has', () => {
    expect(shape({}, { capacity_sat: 1_150_001n })).toBe('transaction-differs');
    expect(shape({}, { capacity_sat: 1_150_000n })).toBe('fee-too-low');
    expect(shape({}, { capacity_sat: 1_000_000n })).toBe('fee-too-high');
  });
});
