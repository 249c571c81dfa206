/** liquidity: sums over the contracts of a home, days, expiries for new contracts, and what a mass exit takes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crowded, DAY, exitable, liquidity, massExit, spread } from '../../src/lib/credit/liquidity.ts';
import { settledAs } from '../../src/lib/credit/records.ts';
import { opened, openedMint, ecashMessages, payMessages } from '../support/credit.ts';
import { parties, payeeOf, payerOf, policy } from './helpers.ts';

const facts = { tip: 1_000, coins: 'not-checked', known: 'not-checked' } as const;

describe('the sums', () => {
  it('are those of the contracts: held, settled, signed away, left', async () => {
    const both = await parties();
    const [a, b, c] = [await opened(both), await opened(both, { blocks: 9_000 }), await opened(both)];
    await payMessages(both, a, 50_000n);
    await payMessages(both, b, 70_000n);
    const payee = [await payeeOf(both, a), await payeeOf(both, b), await payeeOf(both, c)];
    expect(liquidity('regtest', payee, facts)).toMatchObject({
      contracts: 3,
      locked_sat: 3_600_000n,
      holds_sat: 120_000n,
      settle_now_sat: 120_000n,
      settled_sat: 0n,
      // deadlines 5176 and 9856; nothing was paid over the third
      days: [
        { from_height: 5_040, exits: 1, paid_sat: 50_000n },
        { from_height: 9_792, exits: 1, paid_sat: 70_000n },
      ],
    });
    const payer = [await payerOf(both, a), await payerOf(both, b), await payerOf(both, c)];
    expect(liquidity('regtest', payer, facts)).toMatchObject({
      contracts: 0,
      signed_sat: 120_000n,
      left_sat: 3_480_000n,
      owed_sat: 0n,
    });
  });
  it('count a contract as settled once the chain or the record says so', async () => {
    const both = await parties();
    const [a, b] = [await opened(both), await opened(both)];
    await payMessages(both, a, 50_000n);
    await payMessages(both, b, 70_000n);
    const [first, second] = [await payeeOf(both, a), await payeeOf(both, b)];
    const at = `${second.outpoint.txid}:${second.outpoint.vout}`;
    const chain = { tip: 1_000, coins: new Map([[at, 'missing' as const]]), known: new Map() };
    const marked = settledAs(first, { by: 'exit', txid: '00'.repeat(32) });
    const sums = liquidity('regtest', [marked, second], chain);
    expect(sums).toMatchObject({ contracts: 0, holds_sat: 0n, settled_sat: 120_000n, days: [] });
  });
  it('tell a funding that is not there from a coin that an exit can spend', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const c = await payeeOf(both, id);
    const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
    const chain = {
      tip: 1_000,
      coins: new Map([[at, 'missing' as const]]),
      known: new Map([[c.outpoint.txid, false]]),
    };
    expect(liquidity('regtest', [c], chain)).toMatchObject({ contracts: 1, holds_sat: 50_000n, settle_now_sat: 0n });
  });
  it('say what ecash is out', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 2_100n);
    await payMessages(both, id, 900n);
    const sums = liquidity('regtest', [await payeeOf(both, id)], facts);
    expect(sums).toMatchObject({ issued_sat: 2_100n, unissued_sat: 900n, holds_sat: 3_000n });
  });
});

describe('new contracts', () => {
  const day = (height: number): number => Math.floor(height / DAY);
  it('go to the emptiest days, the nearest first, apart from each other', () => {
    // Deadlines from 1864 (day 12) on; one is there on each of the next two days.
    const made = spread([1_900, 2_020], 1_000, policy, 2, 3);
    expect(made.map((n) => day(n.deadline_height))).toEqual([12, 15, 16]);
    const tight = { ...policy, max_blocks: policy.min_blocks + 143 };
    expect(spread([], 1_008, tight, 3, 5).map((n) => n.deadline_height)).toEqual([1_872, 1_920, 1_968]);
  });
  it('never overfill a day nor leave the policy, whatever is there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1_000, max: 6_000 }), { maxLength: 60 }),
        fc.integer({ min: 900, max: 2_000 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 2_000 }),
        (deadlines, tip, most, count, more) => {
          const bounded = { ...policy, max_blocks: policy.min_blocks + more };
          const made = spread(deadlines, tip, bounded, most, count);
          const exits = Map.groupBy([...deadlines, ...made.map((n) => n.deadline_height)], day);
          for (const { expiry, deadline_height: deadline } of made) {
            expect(exits.get(day(deadline))!.length).toBeLessThanOrEqual(most);
            expect(expiry - deadline).toBe(policy.margin_blocks);
            expect(expiry - tip).toBeGreaterThanOrEqual(bounded.min_blocks);
            expect(expiry - tip).toBeLessThanOrEqual(bounded.max_blocks);
          }
          // Fewer come back only where every day is full.
          const [first, last] = [tip + bounded.min_blocks - 144, tip + bounded.max_blocks - 144];
          if (made.length < count)
            for (let d = day(first); d <= day(last); d++)
              expect(exits.get(d)?.length ?? 0).toBeGreaterThanOrEqual(most);
        },
      ),
    );
  });
  it('days with too many are named', () => {
    const days = [
      { from_height: 0, exits: 3, paid_sat: 1n },
      { from_height: 144, exits: 7, paid_sat: 1n },
    ];
    expect(crowded(days, 3)).toEqual([{ from_height: 144, exits: 7, over: 4 }]);
  });
});

describe('a mass exit', () => {
  it('takes a child each, and a coin for each that cannot pay its own', async () => {
    const both = await parties();
    const [rich, poor] = [await opened(both), await opened(both)];
    await payMessages(both, rich, 500_000n);
    await payMessages(both, poor, 1_000n);
    const live = exitable([await payeeOf(both, rich), await payeeOf(both, poor)], facts);
    expect(massExit(live, 2_000, '2')).toMatchObject({
      exits: 2,
      alone: 2,
      children: 0,
      child_fees_sat: 0n,
      coins: [],
    });
    // 154 vB at 2 sat/vB and a child of 111 vB, to 40 sat/vB: 10600 - 308; with a coin beside: 168.5 → 169 vB.
    const spike = massExit(live, 40_000, '40');
    expect(spike).toMatchObject({ alone: 0, children: 2, child_fees_sat: 10_292n + 12_612n });
    expect(spike.coins).toEqual([{ contract: poor, at_least_sat: 12_612n + 330n - 1_000n }]);
  });
});
