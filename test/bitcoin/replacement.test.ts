/** What takes the place of something in a mempool: enough by every rule, and not a satoshi more. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feeFor } from '../../src/lib/bitcoin/fee.ts';
import { childrenOf, replacementFee, withChildren, type Paid } from '../../src/lib/bitcoin/replacement.ts';

const paid = fc.record({ feeSat: fc.bigInt(0n, 5_000n), vsize: fc.integer({ min: 100, max: 400 }) });
const both = (a: Paid, b: Paid): Paid => ({ feeSat: a.feeSat + b.feeSat, vsize: a.vsize + b.vsize });
/** By weight, as Core compares: so many virtual bytes may weigh three units less than four each. */
const beats = (fee: bigint, vsize: number, p: Paid): boolean =>
  fee * BigInt(4 * p.vsize - 3) > p.feeSat * BigInt(4 * vsize);

describe('a replacement', () => {
  it('pays for all that goes and for its own relay, at a higher feerate than any part, and one sat less does not', () => {
    fc.assert(
      fc.property(paid, fc.option(paid), fc.integer({ min: 100, max: 400 }), (own, child, vsize) => {
        const all = child ? both(own, child) : own;
        const relay = 1_000;
        const fee = replacementFee(withChildren(all, own), vsize, relay);
        const enough = (sat: bigint) =>
          sat >= all.feeSat + feeFor(relay, vsize) && beats(sat, vsize, all) && beats(sat, vsize, own);
        expect([enough(fee), enough(fee - 1n)]).toEqual([true, false]);
      }),
    );
  });

  it('of children alone pays for them, and there is none where there are none (vB)', () => {
    const own = { feeSat: 308n, vsize: 154 };
    const children = (vsize: number) => childrenOf({ feeSat: 1_308n, vsize: 154 + vsize }, own);
    expect(children(0)).toBe(null);
    expect(children(1)).toMatchObject({ feeSat: 1_000n, vsize: 1 });
    // Fee and relay of 1000 + 111 sat; a higher feerate of 1000 sat for 100 vB, or 397 units of weight, takes 1119.
    expect([99, 100, 101].map((vsize) => replacementFee(children(vsize)!, 111, 1_000))).toEqual([
      1_130n,
      1_119n,
      1_111n,
    ]);
  });
});
