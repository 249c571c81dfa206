/** The four transactions as functions of terms and state, for all amounts and scripts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { feeOf, keySpendVsize, sumSat } from '../../src/lib/bitcoin/transaction.ts';
import { keysOf, payoutScript, type Contract, type Terms } from '../../src/lib/credit/terms.ts';
import {
  checkCapacity,
  checkPaid,
  close,
  exitFee,
  maxPaid,
  minPaid,
  refund,
  refundFee,
  rollover,
  update,
} from '../../src/lib/credit/transactions.ts';
import { ADDRESSES, contractWith, termsWith } from './things.ts';

const outpoint = { txid: 'aa'.repeat(32), vout: 1 };
const address = fc.constantFrom(...Object.values(ADDRESSES));
const terms: fc.Arbitrary<Terms> = fc
  .record({
    capacity: fc.bigInt(20_000n, 3_000_000n),
    payer_address: address,
    payee_address: address,
    exit_feerate: fc.integer({ min: 1, max: 30 }),
  })
  .filter((t) => t.payer_address !== t.payee_address)
  .map(({ capacity, ...rest }) => termsWith({ capacity_sat: capacity, ...rest }))
  .filter((t) => maxPaid(t) > minPaid(t));
const at = (t: Terms): Contract => ({ id: '', terms: t, outpoint });
/** Terms, and an amount that an update can carry; the edges often. */
const paying = terms.chain((t) => {
  const [low, high] = [minPaid(t), maxPaid(t)];
  const dust = dustLimit(payoutScript(t, 'payer'));
  const edges = [low, high, high - 1n, high - dust, high - dust + 1n, high - dust - 1n].filter((n) => n >= low);
  return fc.oneof(fc.bigInt(low, high), fc.constantFrom(...edges)).map((paid) => ({ t, paid }));
});
const to = (outputs: readonly { sat: bigint; script: string }[], script: string): bigint =>
  sumSat(outputs.filter((o) => o.script === script));

describe('update', () => {
  it('pays at least what was paid, less than a dust limit more, and no sat is lost', () => {
    fc.assert(
      fc.property(paying, ({ t, paid }) => {
        const tx = update(at(t), paid);
        const payee = to(tx.outputs, payoutScript(t, 'payee'));
        expect(payee >= paid && payee < paid + dustLimit(payoutScript(t, 'payer'))).toBe(true);
        expect(sumSat(tx.outputs) + exitFee(t)).toBe(t.capacity_sat);
        for (const o of tx.outputs) expect(o.sat >= dustLimit(o.script)).toBe(true);
        // The remainder is the payer's wherever it can be an output.
        const remainder = t.capacity_sat - paid - exitFee(t);
        const dust = dustLimit(payoutScript(t, 'payer'));
        expect(to(tx.outputs, payoutScript(t, 'payer'))).toBe(remainder >= dust ? remainder : 0n);
      }),
      { numRuns: 300 },
    );
  });

  it('is a version 3 transaction of one input, valid at once, replaceable, in one order', () => {
    const tx = update(contractWith(), 2_100n);
    expect(tx).toMatchObject({ version: 3, locktime: 0 });
    expect(tx.inputs).toEqual([
      { ...contractWith().outpoint, sat: 1_200_000n, script: keysOf(termsWith()).script, sequence: 0xfffffffd },
    ]);
    expect(tx.outputs.map((o) => o.sat)).toEqual([2_100n, 1_197_616n]);
    expect(tx).toEqual(update(contractWith(), 2_100n));
  });

  it('never pays a payee less for having been paid more', () => {
    fc.assert(
      fc.property(paying, ({ t, paid }) => {
        if (paid >= maxPaid(t)) return;
        const payee = (p: bigint) => to(update(at(t), p).outputs, payoutScript(t, 'payee'));
        expect(payee(paid + 1n) >= payee(paid)).toBe(true);
      }),
    );
  });
});

describe('amounts', () => {
  const code = (f: () => void): string | undefined => {
    try {
      f();
      return undefined;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  for (const [name, payee] of Object.entries(ADDRESSES))
    it(`the first payment reaches the dust limit of ${name}, and the last leaves the fee`, () => {
      const t = termsWith({ payee_address: payee, payer_address: ADDRESSES.p2tr2 });
      const dust = dustLimit(payoutScript(t, 'payee'));
      expect(code(() => checkPaid(t, dust - 1n))).toBe('below-dust');
      expect(code(() => checkPaid(t, 0n))).toBe('below-dust');
      expect(code(() => checkPaid(t, dust))).toBe(undefined);
      expect(code(() => checkPaid(t, maxPaid(t)))).toBe(undefined);
      expect(code(() => checkPaid(t, maxPaid(t) + 1n))).toBe('over-capacity');
      expect(update(at(t), maxPaid(t)).outputs.length).toBe(1);
    });

  it('dust limits are those of Bitcoin Core', () => {
    const dust = (a: string) => dustLimit(payoutScript(termsWith({ payee_address: a }), 'payee'));
    expect([dust(ADDRESSES.p2tr), dust(ADDRESSES.p2wpkh), dust(ADDRESSES.p2wsh), dust(ADDRESSES.p2pkh)]).toEqual([
      330n,
      294n,
      330n,
      546n,
    ]);
  });

  it('a capacity must carry one payment, and its refund', () => {
    const t = termsWith();
    const least = minPaid(t) + exitFee(t);
    expect(code(() => checkCapacity({ ...t, capacity_sat: least }))).toBe(undefined);
    expect(code(() => checkCapacity({ ...t, capacity_sat: least - 1n }))).toBe('below-dust');
    const small = termsWith({ payee_address: ADDRESSES.p2wpkh, payer_address: ADDRESSES.p2pkh });
    const refunded = (sat: bigint) => code(() => checkCapacity({ ...small, capacity_sat: refundFee(small) + sat }));
    expect([545n, 546n, 547n].map(refunded)).toEqual(['below-dust', undefined, undefined]);
  });
});

describe('refund', () => {
  it('gives everything back, one block after the expiry and not before', () => {
    fc.assert(
      fc.property(terms, (t) => {
        const tx = refund(at(t));
        expect(tx).toMatchObject({ version: 3, locktime: t.expiry });
        // Any sequence but the final one keeps nLockTime; bit 31 keeps BIP68 off.
        expect(tx.inputs.map((i) => i.sequence)).toEqual([0xfffffffe]);
        expect(tx.outputs).toEqual([{ sat: t.capacity_sat - refundFee(t), script: payoutScript(t, 'payer') }]);
        expect(feeOf(tx)).toBe(BigInt(t.exit_feerate * keySpendVsize(tx)));
      }),
    );
  });
});

describe('close', () => {
  it('follows the update’s rule at any fee', () => {
    fc.assert(
      fc.property(paying, fc.bigInt(100n, 20_000n), ({ t, paid }, fee) => {
        if (paid + fee > t.capacity_sat) return;
        const tx = close(at(t), paid, fee);
        const payee = to(tx.outputs, payoutScript(t, 'payee'));
        expect(payee >= paid && payee < paid + dustLimit(payoutScript(t, 'payer'))).toBe(true);
        expect(feeOf(tx)).toBe(fee);
      }),
    );
  });

  it('with nothing paid has no output of 0', () => {
    expect(close(contractWith(), 0n, 300n).outputs).toEqual([
      { sat: 1_199_700n, script: payoutScript(termsWith(), 'payer') },
    ]);
  });

  it('leaves no room for more than the capacity', () => {
    expect(() => close(contractWith(), 1_199_900n, 101n)).toThrow(expect.objectContaining({ code: 'fee-too-high' }));
  });
});

describe('rollover', () => {
  const next = termsWith({ capacity_sat: 900_000n }, 3);
  it('pays exactly what was paid, funds the next contract, and spends the old one and the coins', () => {
    const topUps = [{ txid: 'bb'.repeat(32), vout: 0, sat: 50_000n, script: '5120' + 'cd'.repeat(32) }];
    const tx = rollover(
      contractWith(),
      { paidSat: 300_000n, topUps, change: { address: ADDRESSES.p2tr2, sat: 49_000n } },
      next,
    );
    expect(tx.version).toBe(3);
    expect(to(tx.outputs, payoutScript(termsWith(), 'payee'))).toBe(300_000n);
    expect(to(tx.outputs, keysOf(next).script)).toBe(900_000n);
    expect(tx.inputs.map((i) => i.txid)).toEqual(['aa'.repeat(32), 'bb'.repeat(32)]);
    expect(feeOf(tx)).toBe(1_000n);
  });
  it('with nothing paid has no output for it', () => {
    const tx = rollover(contractWith(), { paidSat: 0n, topUps: [], change: null }, next);
    expect(tx.outputs).toEqual([{ sat: 900_000n, script: keysOf(next).script }]);
  });
});
