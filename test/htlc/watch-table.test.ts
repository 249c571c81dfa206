/**
 * What `watch` does in each state of a swap's record, for each thing that the chain shows of both coins, with money for fees
 * and without: every cell is filled by running the real look. The table is beside this file; a cell that has changed fails.
 *
 *   !  money was lost or something due was not done   ·  nothing to do
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sumSat } from '../../src/lib/bitcoin/transaction.ts';
import { EXPIRIES, swapScene, told, type SwapScene } from './watched-swap.ts';

const TABLE = join(import.meta.dirname, 'watch-table.txt');
const { FIRST, SECOND } = EXPIRIES;
const BUDGETS = { rich: 20_000n, poor: 20n } as const;

const STATES = ['responder funded', 'responder claimed', 'initiator funded', 'initiator claimed'] as const;
/** Spends that the chain has, in this order; `deep`: how many blocks after. */
const SHOWN: Record<string, { at: number; spends?: readonly string[]; deep?: number }> = {
  early: { at: SECOND - 40 },
  'at the second expiry': { at: SECOND },
  'at the first expiry': { at: FIRST },
  'second claimed, mempool': { at: SECOND - 40, spends: ['claim second'] },
  'second claimed, block': { at: SECOND - 40, spends: ['claim second'], deep: 1 },
  'second claimed, final': { at: SECOND - 40, spends: ['claim second'], deep: 6 },
  'second refunded, mempool': { at: SECOND, spends: ['refund second'] },
  'second refunded, final': { at: SECOND, spends: ['refund second'], deep: 6 },
  'second claimed, first refunded in the mempool': { at: FIRST, spends: ['claim second', '1', 'refund first'] },
  'second claimed, first refunded, final': { at: FIRST, spends: ['claim second', '1', 'refund first'], deep: 6 },
  'second refunded, first claimed in the mempool': { at: SECOND, spends: ['refund second', '1', 'claim first'] },
  'second refunded, first claimed, final': { at: SECOND, spends: ['refund second', '1', 'claim first'], deep: 6 },
  'both refunded, final': { at: FIRST, spends: ['refund second', 'refund first'], deep: 6 },
  'both claimed, final': { at: SECOND - 40, spends: ['claim second', 'claim first'], deep: 6 },
};

interface Cell {
  name: string;
  state: string;
  shown: string;
  budget: keyof typeof BUDGETS;
  said: string;
  lost: boolean;
  feeSat: bigint;
}
const cells: Cell[] = [];
const open: SwapScene[] = [];

async function cell(state: (typeof STATES)[number], shown: string, budget: keyof typeof BUDGETS): Promise<Cell> {
  const { at, spends = [], deep = 0 } = SHOWN[shown]!;
  const s = await swapScene({ budget: BUDGETS[budget] });
  open.push(s);
  const who = state.startsWith('initiator') ? 'alice' : 'bob';
  if (state !== 'initiator funded') await s.claims();
  if (state === 'responder claimed') await s.settles();
  s.toTip(at);
  const theirs = new Set<string>();
  for (const spend of spends)
    if (spend === '1') s.chain.mine(1);
    else theirs.add(s.send(await s.spendBy(spend as 'claim first')));
  s.chain.mine(deep);
  const events = await s.watch(who);
  const own = s.chain.mempool.filter(({ txid }) => !theirs.has(txid));
  const feeSat = sumSat(own.map((tx) => ({ sat: s.chain.fee(tx) })));
  const said = told(events).join(', ') || '·';
  const lost = events.some(({ event }) => event === 'lost');
  return { name: `${state} | ${shown} | ${budget}`, state, shown, budget, said, lost, feeSat };
}

beforeAll(async () => {
  for (const state of STATES)
    for (const shown of Object.keys(SHOWN))
      for (const budget of ['rich', 'poor'] as const) cells.push(await cell(state, shown, budget));
});
afterAll(() => open.forEach(({ close }) => close()));

describe('a swap that is watched', () => {
  it('does in each state what the table says', () =>
    expect(`${cells.map(({ name, said }) => `${name} | ${said}`).join('\n')}\n`).toMatchFileSnapshot(TABLE));
  it('pays no fee above its budget', () => {
    for (const { name, budget, state, feeSat } of cells)
      // A claim that was printed has the fee that its owner has asked for.
      expect([name, feeSat <= BUDGETS[budget] + (state.endsWith('claimed') ? 1_000n : 0n)]).toEqual([name, true]);
  });
  it('is lost only where the own coin was claimed and the other one taken back, both for good', () => {
    const lost = cells.filter((one) => one.lost);
    expect(lost.length).toBeGreaterThan(0);
    for (const { name, state, shown } of lost) {
      const ends = state.startsWith('responder')
        ? 'second claimed, first refunded, final'
        : 'second refunded, first claimed, final';
      expect([name, shown]).toEqual([name, ends]);
    }
  });
});
