/** What liquidity shows on a terminal. */
import { expect, it } from 'vitest';
import { liquidityTable, type Planned } from '../../src/commands/credit/liquidity.ts';

const found: Planned = {
  type: 'liquidity',
  version: 1,
  network: 'regtest',
  tip: 1_000,
  contracts: 1,
  locked_sat: 1_200_000n,
  holds_sat: 2_600n,
  settle_now_sat: 2_600n,
  pending_sat: 0n,
  settled_sat: 0n,
  lost_sat: 0n,
  issued_sat: 0n,
  unissued_sat: 0n,
  signed_sat: 0n,
  owed_sat: 0n,
  left_sat: 0n,
  days: [
    { from_height: 4_176, exits: 1, paid_sat: 2_500n },
    { from_height: 9_792, exits: 2, paid_sat: 100n },
  ],
};

it('fits its bars into the terminal, the longest as wide as there is room', () => {
  const bars = (columns: number) => liquidityTable(found, columns).match(/█+$/gm);
  expect(bars(80)!.map((bar) => bar.length)).toEqual([40, 1]);
  for (const columns of [40, 50, 60])
    expect(
      Math.max(
        ...liquidityTable(found, columns)
          .split('\n')
          .slice(-2)
          .map((line) => line.length),
      ),
    ).toBe(columns);
  expect(bars(10)!.map((bar) => bar.length)).toEqual([1, 1]);
});

it('counts in words that fit one', () => {
  const mass_exit = { feerate: '2', exits: 1, children: 1, child_fees_sat: 222n, coins: [] };
  const plan = { most_a_day: 1, new: [], unplaced: 0, crowded: [], mass_exit } as unknown as Planned['plan'];
  const table = liquidityTable({ ...found, ...(plan && { plan }) }, 80);
  expect(table).toContain('in 1 contract\n');
  expect(table).toMatch(/^all exits \(1\) at 2 sat\/vB: 1 child for 222 sat; coins needed beside: 0$/m);
});
