/** A credit contract in the terms of `watch`: the coins that are asked for, and what becomes of a rollover that cannot confirm. */
import { describe, expect, it } from 'vitest';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { unsignedHex } from '../../src/lib/bitcoin/transaction.ts';
import { asShared } from '../../src/lib/credit/watch.ts';
import { payee, ready, rules } from './watching.ts';

const own = { txid: 'ff'.repeat(32), vout: 0 };
const topUp = { txid: 'ee'.repeat(32), vout: 3 };
const script = '5120' + 'aa'.repeat(32);
const hex = unsignedHex({
  version: 3,
  locktime: 0,
  inputs: [own, topUp].map((at) => ({ ...at, sat: 1_000n, script, sequence: 0xfffffffd })),
  outputs: [{ sat: 1_500n, script }],
});

describe('a rollover with a coin of its own', () => {
  const w = asShared(payee({ outpoint: own, pending: ready('rollover', { hex }) }));
  it('is asked for that coin too, and not twice for the contract', () => {
    expect(w.coins.map(({ outpoint, beside }) => [outpoint, beside])).toEqual([[own, [topUp]]]);
  });
  it('gives way to the exit at the deadline once that coin is gone', () => {
    const at = (conflicted: boolean) => {
      const coins = new Map([[outpointText(own), { coin: 'unspent', depth: 6, spend: null, conflicted } as const]]);
      const seen = { tip: 856, medianTime: 0, coins, feerate: 2_000, least: 1_000, relay: 1_000 };
      return w.decide(seen, rules);
    };
    expect(at(false)).toMatchObject([{ do: 'send', event: 'rebroadcast', tx: { by: 'rollover' } }]);
    expect(at(true)).toMatchObject([{ do: 'send', event: 'exit', tx: { by: 'exit' } }]);
  });
});
it('blocks are not searched for what spends a contract over which nothing was paid, nor a copy', () => {
  const unsearched = (more: object) => asShared(payee({ contract: {} as never, ...more })).coins[0]!.unsearched;
  expect([{}, { lapses: true }, { lapses: 'absent' }, { contract: null }].map(unsearched)).toEqual([
    false,
    true,
    false,
    true,
  ]);
});
