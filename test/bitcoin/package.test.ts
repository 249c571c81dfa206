/** Children that pay for a parent (CPFP): feerate of both, anchors, TRUC limits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feeFor } from '../../src/lib/bitcoin/fee.ts';
import { childOf, isAnchor, type Parent } from '../../src/lib/bitcoin/package.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { feeOf, vsizeOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { refusal } from '../support/refusal.ts';
import { coinOf, signAll, walletKey } from '../support/wallet.ts';

const parent: Parent = { version: 3, vsize: 154, fee: 308n };
const own = walletKey('p2tr', 1);
const payTo = walletKey('p2tr', 9).script;

describe('a child', () => {
  it('brings both to the feerate and little above, takes no coin that it does not need, and pays no dust', () => {
    const coin = fc.tuple(fc.constantFrom('p2tr' as const, 'p2wpkh' as const), fc.bigInt({ min: 1000n, max: 50_000n }));
    let made = 0;
    fc.assert(
      fc.property(
        fc.array(coin, { maxLength: 4 }),
        fc.bigInt({ min: 400n, max: 60_000n }),
        fc.integer({ min: 3000, max: 60_000 }),
        (list, sat, feerate) => {
          const keys = list.map(([type], i) => walletKey(type, i + 20));
          const coins = list.map(([, amount], i) => coinOf(keys[i]!, i + 2, amount));
          const mine = coinOf(own, 1, sat);
          let child: ReturnType<typeof childOf>;
          try {
            child = childOf(parent, [mine], coins, payTo, feerate, true);
          } catch (error) {
            expect((error as { code: string }).code).toBe('not-enough-coins');
            return;
          }
          made += 1;
          const taken = [mine, ...coins].slice(0, child.inputs.length);
          expect(child.inputs).toEqual(taken.map((c) => ({ ...c, sequence: 0xfffffffd })));
          expect(child.version).toBe(3);
          expect(feeOf(child)).toBe(child.fee);
          expect(child.outputs).toHaveLength(1);
          expect(child.outputs[0]!.sat).toBeGreaterThanOrEqual(dustLimit(payTo));
          const tx = signAll(child, [own, ...keys]);
          tx.finalize();
          const both = feeFor(feerate, parent.vsize + tx.vsize);
          expect(parent.fee + child.fee).toBeGreaterThanOrEqual(both);
          expect(parent.fee + child.fee).toBeLessThanOrEqual(both + feeFor(feerate, 2 + taken.length));
        },
      ),
      { numRuns: 40 },
    );
    expect(made).toBeGreaterThan(5);
  });

  it.each([
    ['p2sh', 'a914' + '11'.repeat(20) + '87'],
    ['p2pkh', '76a914' + '11'.repeat(20) + '88ac'],
    ['a bare script', '21' + '02' + '11'.repeat(32) + 'ac'],
    ['p2wsh', '0020' + '11'.repeat(32)],
    ['a later witness version', '5220' + '11'.repeat(32)],
  ])('takes no added coin whose spending is of another size: %s', (_, script) => {
    const coin = { ...coinOf(own, 2, 50_000n), script };
    // Whether it would be needed or not.
    for (const sat of [400n, 60_000n])
      expect(refusal(() => childOf(parent, [coinOf(own, 1, sat)], [coin], payTo, 5000, true)).code).toBe(
        'unsafe-funding',
      );
  });

  it('pays for itself at least, where the parent pays enough', () => {
    const rich = { ...parent, fee: 100_000n };
    expect(childOf(rich, [coinOf(own, 1, 5000n)], [], payTo, 2000, false).fee).toBe(111n);
  });
  it('spends an anchor beside its own output, and its size is the real one', () => {
    const anchor = { txid: 'aa'.repeat(32), vout: 0, sat: 0n, script: '51024e73' };
    const truc = { version: 3, vsize: 124, fee: 0n } as const;
    const child = childOf(truc, [anchor, coinOf(own, 1, 1_000_000n)], [], payTo, 5000, false);
    expect(child.inputs.map((i) => i.script)).toEqual([anchor.script, own.script]);
    const vsize = vsizeOfHex(withWitness(child, [[], [new Uint8Array(64)]]));
    expect([child.fee, feeOf(child)]).toEqual([BigInt((124 + vsize) * 5), child.fee]);
    expect(isAnchor(anchor)).toBe(true);
  });
  it('costs at most a tenth unless that is allowed', () => {
    const work = (allow: boolean) => childOf(parent, [coinOf(own, 1, 5000n)], [], payTo, 10_000, allow);
    expect(refusal(() => work(false)).code).toBe('fee-too-high');
    expect(work(true).fee).toBe(2650n - 308n);
  });
  it('of a TRUC parent has at most 1,000 vB', () => {
    const coins = Array.from({ length: 40 }, (_, i) => coinOf(own, i + 2, 1000n));
    const found = refusal(() => childOf(parent, [coinOf(own, 1, 400n)], coins, payTo, 20_000, true));
    expect(found.code).toBe('truc-limit');
    expect(found.message).toContain('at most 1000 expected');
    expect(
      childOf({ ...parent, version: 2 }, [coinOf(own, 1, 400n)], coins, payTo, 14_000, true).inputs.length,
    ).toBeGreaterThan(16);
  });
  it.each([
    // the vB of the child, by the bytes of the witness program that it pays
    [999, 31],
    [1000, 32],
    [1001, 33],
  ])('of %i vB', (vsize, bytes) => {
    const keys = Array.from({ length: 15 }, (_, i) => walletKey(i < 7 ? 'p2tr' : 'p2wpkh', i + 1));
    const inputs = keys.map((key, i) => coinOf(key, i + 1, 10_000n));
    const work = (version: 2 | 3) =>
      childOf({ ...parent, version }, inputs, [], `51${bytes.toString(16)}${'ab'.repeat(bytes)}`, 1000, false).fee;
    expect(work(2)).toBe(BigInt(vsize));
    if (vsize <= 1000) expect(work(3)).toBe(BigInt(vsize));
    else
      expect(refusal(() => work(3))).toMatchObject({
        code: 'truc-limit',
        message: 'the child would be 1001 vB, at most 1000 expected',
      });
  });
  it.each([-1n, 0n, 1n])('whose output is the dust limit and %i sat', (more) => {
    const [fee, sat] = [530n - parent.fee, dustLimit(payTo) + more];
    const work = () => childOf(parent, [coinOf(own, 1, fee + sat)], [], payTo, 2000, true);
    if (more < 0n) expect(refusal(work).code).toBe('not-enough-coins');
    else expect(work()).toMatchObject({ fee, outputs: [{ sat, script: payTo }] });
  });
  it('that cannot be paid for says what is wanting', () => {
    const found = refusal(() => childOf(parent, [coinOf(own, 1, 400n)], [], payTo, 5000, true));
    expect(found).toMatchObject({
      code: 'not-enough-coins',
      hint: 'give more coins with --utxo FILE, or a lower --feerate',
    });
  });
});
