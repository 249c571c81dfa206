/** Sums of a campaign: worth, the goal to the satoshi, and the choice against every subset. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeCampaign } from '../../src/lib/pledge/complete.ts';
import { Gate } from '../../src/lib/pledge/gather.ts';
import type { Pledge } from '../../src/lib/pledge/pledge.ts';
import {
  checkWorth,
  choosePledges,
  CampaignGoal,
  inputWeight,
  largestFitting,
  pledgeWorth,
  NOTHING,
  plus,
  SUM_LIMITS,
} from '../../src/lib/pledge/sums.ts';
import { parseTransaction, txidOfHex, vsizeOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { codeOf } from '../support/refusal.ts';
import { campaign, coin, NETWORK, ownPledge, pledged } from './things.ts';

const bridge = campaign();
const gate = new Gate(bridge, NETWORK);
const { goal } = gate;
const P2TR = 231;
const offered = (...nets: (number | bigint)[]) => nets.map((net) => ({ weight: P2TR, netSat: BigInt(net) }));
const isMissing = (found: object): found is { missing: bigint } => 'missing' in found;

describe('worth', () => {
  it('is the coin less the fee of its input', () => {
    expect(inputWeight(coin(1, 1n).coin.script)).toBe(231);
    expect(inputWeight(coin(1, 1n, 'p2wpkh').coin.script)).toBe(272);
    // 231 / 4 = 57.75 vB, rounded up.
    expect(pledgeWorth(coin(1, 1_000n).coin, bridge)).toBe(942n);
    expect(pledgeWorth(coin(1, 1_000n, 'p2wpkh').coin, bridge)).toBe(932n);
  });
  it('of dust is below the minimum', () => {
    expect(codeOf(() => checkWorth(coin(1, 666n).coin, bridge))).toBe('below-minimum');
    expect(checkWorth(coin(1, 667n).coin, bridge)).toBe(609n);
    const low = campaign({ min_sat: 0n });
    expect(codeOf(() => checkWorth(coin(1, 388n).coin, low))).toBe('below-minimum');
    expect(checkWorth(coin(1, 389n).coin, low)).toBe(331n);
  });
});

describe('the goal', () => {
  it('is reached at the satoshi that pays outputs and fee, and not one below', () => {
    // (42 + 43 * 4) / 4 = 53.5 vB
    expect(goal.target(1)).toBe(1_000_054n);
    expect(goal.target(253) - goal.target(252)).toBe(2n);
    const at = (netSat: bigint) => plus(NOTHING, { weight: P2TR, netSat });
    expect(goal.isReached(at(1_000_053n))).toBe(false);
    expect(goal.isReached(at(1_000_054n))).toBe(true);
    expect(goal.missing(at(1_000_000n))).toBe(54n);
  });
  it('pays the fee rate of the campaign, by the bytes of the finished transaction', () => {
    for (const feerate of [1000, 2500, 10_000]) {
      const to = campaign({ feerate });
      const target = new CampaignGoal(to, NETWORK).target(3);
      const own = 3n * (400_000n - pledgeWorth(coin(1, 400_000n).coin, to));
      const each = (target + own) / 3n;
      const pledges = [1, 2, 3].map((n) => ownPledge(to, n, each + (n === 1 ? (target + own) % 3n : 0n)));
      const made = completeCampaign(new Gate(to, NETWORK), pledges, { allowExcess: false });
      if (!('finished' in made)) throw new Error('missing');
      const { feeSat, hex, txid, excessSat } = made.finished;
      const least = BigInt(Math.ceil(((4 * vsizeOfHex(hex) - 3) * feerate) / 4000));
      expect(excessSat).toBe(0n);
      expect(feeSat).toBeGreaterThanOrEqual(least);
      expect(feeSat).toBeLessThanOrEqual(least + 3n + BigInt(feerate) / 500n);
      expect(txidOfHex(hex)).toBe(txid);
    }
  });
});

describe('the choice', () => {
  it('is nothing one satoshi below the goal, and all of them at it', () => {
    const all = offered(500_000, 500_054);
    expect(choosePledges(goal, all)).toEqual({ chosen: all, excess: 0n });
    expect(choosePledges(goal, offered(500_000, 500_053))).toEqual({ missing: 1n });
    expect(choosePledges(goal, [])).toEqual({ missing: 1_000_054n });
  });
  it('is all of them up to an excess of one in a hundred, and the earliest beyond', () => {
    const all = offered(500_054, 500_000, 10_000);
    expect(choosePledges(goal, all)).toEqual({ chosen: all, excess: 10_000n });
    const more = offered(500_054, 500_000, 10_001);
    expect(choosePledges(goal, more)).toEqual({ chosen: more.slice(0, 2), excess: 0n });
  });
  it('takes late ones in place of the last where the earliest exceed too much', () => {
    const all = offered(900_000, 300_000, 100_060, 50_000);
    expect(choosePledges(goal, all)).toEqual({ chosen: [all[0], all[2]], excess: 6n });
  });
  it('goes back to early ones where the late ones leave too much', () => {
    const all = offered(400_000, 500_000, 600_060, 1_200_000);
    expect(choosePledges(goal, all)).toEqual({ chosen: [all[0], all[2]], excess: 6n });
  });
  it('finds late ones that reach the goal to the satoshi, also where all that are left are needed', () => {
    const all = offered(400_000, 700_000, 600_054);
    expect(choosePledges(goal, all)).toEqual({ chosen: [all[0], all[2]], excess: 0n });
    const last = offered(1_200_000, 500_027, 500_027);
    expect(choosePledges(goal, last)).toEqual({ chosen: last.slice(1), excess: 0n });
    // The earliest exceed by just what may be paid.
    const just = offered(500_000, 510_054, 900_000);
    expect(choosePledges(goal, just)).toEqual({ chosen: just.slice(0, 2), excess: 10_000n });
  });
  it('is paid as fee up to one in a hundred, and not a satoshi more unless that is allowed', () => {
    const gate = new Gate(campaign(), NETWORK);
    const with_ = (sat: bigint) => [ownPledge(gate.campaign, 1, sat)];
    const most = 1_000_054n + 58n + 10_000n;
    expect(completeCampaign(gate, with_(most), { allowExcess: false })).toMatchObject({
      finished: { excessSat: 10_000n },
    });
    expect(() => completeCampaign(gate, with_(most + 1n), { allowExcess: false })).toThrow('at most 10000 expected');
    expect(completeCampaign(gate, with_(most + 1n), { allowExcess: true })).toMatchObject({
      finished: { excessSat: 10_001n },
    });
  });
  it('agrees with every subset, for up to ten pledges', () => {
    const nets = fc.array(fc.integer({ min: 331, max: 700_000 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(nets, (values) => {
        const all = offered(...values);
        const found = choosePledges(goal, all);
        const target = goal.target(all.length);
        const sums = Array.from({ length: 2 ** all.length }, (_, set) =>
          all.reduce((sum, one, i) => (set & (1 << i) ? sum + one.netSat : sum), 0n),
        ).filter((sum) => sum >= target);
        if (isMissing(found)) return void expect(sums).toEqual([]);
        const least = sums.reduce((a, b) => (a < b ? a : b)) - target;
        expect(found.excess).toBe(found.chosen.reduce((sum, { netSat }) => sum + netSat, 0n) - target);
        if (least > goal.mostExcess) expect(found.excess).toBe(least);
        else expect(found.excess).toBeLessThanOrEqual(goal.mostExcess);
      }),
      { numRuns: 300, seed: 39 },
    );
  });
  it('ends after its tries, with what was best until then', () => {
    // Two of these are too little and three too much, in ten million ways.
    const all = offered(...Array.from({ length: 400 }, (_, i) => 350_100 + i));
    const start = performance.now();
    const found = choosePledges(goal, all);
    expect(performance.now() - start).toBeLessThan(5_000);
    if (isMissing(found)) throw new Error('missing');
    expect(found.excess).toBeGreaterThan(goal.mostExcess);
  });
});

describe('the weight', () => {
  it('holds 1,730 taproot pledges with one output, and the largest of more', () => {
    const many = offered(...Array.from({ length: 1_731 }, (_, i) => 1_000 + i));
    expect(goal.bareWeight(1_730) + 1_730 * P2TR).toBeLessThanOrEqual(SUM_LIMITS.weight.most);
    expect(largestFitting(goal, many.slice(1))).toHaveLength(1_730);
    expect(largestFitting(goal, many)).toEqual(many.slice(1));
  });
});

describe('completing', () => {
  it('leaves out what exceeds, and refuses an excess that is a slip', () => {
    const pledges = [ownPledge(bridge, 1, 800_000n), pledged(bridge, 2, 400_000n, 'p2wpkh')];
    const options = { allowExcess: false };
    expect(codeOf(() => completeCampaign(gate, pledges, options))).toBe('overfunded');
    const made = completeCampaign(gate, pledges, { allowExcess: true });
    if (!('finished' in made)) throw new Error('missing');
    expect(made.finished).toMatchObject({ inputs: 2, feeSat: 200_000n });
    expect(completeCampaign(gate, pledges.slice(1) as Pledge[], options)).toEqual({ missing: 600_054n + 68n });
  });
  it('with a lock takes that coin, and refuses one that the sum does not need', () => {
    const pledges = [ownPledge(bridge, 1, 700_000n)];
    const { key } = coin(2, 300_170n);
    const lock = { ...ownPledge(bridge, 2, 300_170n), secret: key.secret, aux: new Uint8Array(32) };
    const made = completeCampaign(gate, pledges, { allowExcess: false, lock });
    if (!('finished' in made)) throw new Error('missing');
    const sizes = parseTransaction(made.finished.hex).witnesses!.map(([first]) => first!.length);
    expect(sizes.sort()).toEqual([64, 65]);
    const enough = [...pledges, ownPledge(bridge, 3, 300_180n)];
    expect(codeOf(() => completeCampaign(gate, enough, { allowExcess: true, lock }))).toBe('overfunded');
  });
});
