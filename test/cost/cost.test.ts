/** Costs: the figures that their sources publish, and answers of no that say why. */
import { describe, expect, it } from 'vitest';
import {
  ads as CostAds,
  channel as CostChannel,
  dust as CostDust,
  exit as CostExit,
  jit as CostJit,
  phoenixd as CostPhoenixd,
  reserve as CostReserve,
} from '../../src/commands/cost.ts';
import { exitCost, reserveCost } from '../../src/lib/cost/chain.ts';
import { adsCost, jitCost, phoenixdCost, phoenixdRate } from '../../src/lib/cost/service.ts';
import { command, refusedCommand, type Made } from '../support/command.ts';
import { codeOf } from '../support/refusal.ts';

const answer = async (Command: Made, line: string): Promise<any> => {
  const { exit, stdout } = await command(Command, line.split(' ').filter(Boolean));
  expect(exit).toBe(0);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ type: 'cost', version: 1, source: expect.any(String) });
  return document;
};

describe('cost jit', () => {
  it('refuses the example of bLIP-52, whose fee is above the payment', async () => {
    expect(await answer(CostJit, '--payment-msat 42000 --min-fee-msat 546000 --ppm 1200')).toMatchObject({
      fee_msat: 546_000,
      payable: false,
      error: 202,
    });
  });
  it('rounds the share up, by 10^6', () => {
    expect(jitCost({ paymentMsat: 10_000_001n, minFeeMsat: 1n, ppm: 1n })).toMatchObject({
      fee_msat: 11n,
      payable: true,
    });
    expect(jitCost({ paymentMsat: 1_000_000_000n, minFeeMsat: 546_000n, ppm: 1200n })).toMatchObject({
      fee_msat: 1_200_000n,
      received_msat: 998_800_000n,
    });
  });
  it('tells an overflow and payments out of range', () => {
    expect(jitCost({ paymentMsat: 2n ** 63n, minFeeMsat: 1n, ppm: 3n })).toMatchObject({ error: 203, payable: false });
    expect(jitCost({ paymentMsat: 5000n, minFeeMsat: 1n, ppm: 1n, minPaymentMsat: 5001n })).toMatchObject({
      error: 202,
    });
    expect(jitCost({ paymentMsat: 5002n, minFeeMsat: 1n, ppm: 1n, maxPaymentMsat: 5001n })).toMatchObject({
      error: 203,
    });
    expect(jitCost({ paymentMsat: 5001n, minFeeMsat: 5001n, ppm: 1n })).toMatchObject({ error: 202 });
  });
});

describe('bounds of costs', () => {
  it('are met: a product of 64 bits, payments that are served, a balance that is worth it', async () => {
    const jit = (paymentMsat: bigint, more: object = {}) => jitCost({ paymentMsat, minFeeMsat: 1n, ppm: 1n, ...more });
    const most = 2n ** 64n - 1n;
    expect(jit(most - 999_999n)).toMatchObject({ payable: true });
    expect(jit(most - 999_998n)).toMatchObject({ error: 203 });
    expect(jit(most, { ppm: 1n })).toMatchObject({ error: 203 });
    expect(jit(most + 1n)).toMatchObject({ error: 203 });
    expect(jit(5000n, { minPaymentMsat: 5000n, maxPaymentMsat: 5000n })).toMatchObject({ payable: true });
    const worth = (balance: bigint) => exitCost({ clients: '8', feerate: 1000, balance });
    expect([worth(5376n), worth(5375n)]).toMatchObject([{ worth_it: true }, { worth_it: false }]);
    expect(reserveCost({ capacity: 35_400n })).toMatchObject({ reserve_sat: 354n });
    expect(reserveCost({ capacity: 354n })).toMatchObject({ spendable_sat: 0n });
    expect(reserveCost({ capacity: 355n })).toMatchObject({ spendable_sat: 1n });
  });
  it('are met: a branch has a size and a number, a payment fits into its room or pays its fee', async () => {
    expect(codeOf(() => exitCost({ transactions: 5n, feerate: 1 }))).toBe('usage');
    const events = (...receive: bigint[]): string[] =>
      (phoenixdCost({ receive, feerate: 0, autoLiquidity: 1000n, basis: 0n }) as any).payments.map(
        (each: any) => each.event,
      );
    expect(events(1000n, 1n)).toEqual(['fee-credit', 'channel-opened']);
    expect(events(2000n, 1000n)).toEqual(['channel-opened', 'received']);
    expect(events(2000n, 1001n)).toEqual(['channel-opened', 'liquidity-bought']);
  });
});

describe('cost ads', () => {
  it('is what eclair charges', async () => {
    const line = '--feerate-kw 5000 --weight 1100 --basis 75 --requested 750000 --contributed 700000';
    expect(await answer(CostAds, line)).toMatchObject({
      mining_fee_sat: 5500,
      service_fee_sat: 5250,
      total_fee_sat: 10_750,
    });
    expect(await answer(CostAds, `${line} --base 300 --creation 100 --new`)).toMatchObject({ service_fee_sat: 5650 });
    expect(await answer(CostAds, `${line} --base 300 --creation 100`)).toMatchObject({ service_fee_sat: 5550 });
  });
  it('has the bytes of the rate, and what the seller signs', () => {
    const ads = { feerateKw: 1n, requested: 1n, contributed: 1n, new: false } as const;
    const made: any = adsCost({
      ...ads,
      minAmount: 1n,
      maxAmount: 2n,
      weight: 3n,
      basis: 4n,
      base: 5n,
      creation: 6n,
      script: new Uint8Array(2),
    });
    expect(made.rate).toBe('0000000100000002000300040000000500000006');
    expect(made.signing_hash).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('cost channel', () => {
  it('finds the order of bLIP-51 that does not add up', async () => {
    expect((await answer(CostChannel, '--fee 8888 --balance 2000000 --total 2008888')).problems).toEqual([]);
    expect((await answer(CostChannel, '--fee 8888 --balance 2000000 --total 200888')).problems).toHaveLength(1);
  });
});

describe('cost phoenixd', () => {
  const usual = { autoLiquidity: 2_000_000n, feerate: 1000, basis: 100n, newChannel: 1000n, vb: 271n };
  it('is what its users were charged', () => {
    const alone: any = phoenixdCost({ ...usual, autoLiquidity: 0n, receive: [2_000_000n] });
    expect(alone.payments[0].service_fee_sat).toBe(21_000n);
    const real: any = phoenixdCost({ ...usual, receive: [13_739n, 12_200n], feerate: 3789 });
    expect(real.payments[0]).toMatchObject({ event: 'fee-credit', fee_credit_sat: 13_739n, received_sat: 0n });
    expect(real.payments[1]).toMatchObject({
      event: 'channel-opened',
      service_fee_sat: 21_122n,
      mining_fee_sat: 1027n,
      credit_used_sat: 13_739n,
      fee_from_payment_sat: 8410n,
    });
  });
  it('is its published table', () => {
    const table: [bigint, [bigint, number][]][] = [
      [
        2_000_000n,
        [
          [1n, 101],
          [10n, 114],
          [20n, 127],
          [30n, 141],
          [50n, 168],
        ],
      ],
      [
        5_000_000n,
        [
          [1n, 101],
          [10n, 105],
          [20n, 111],
          [30n, 116],
        ],
      ],
      [
        10_000_000n,
        [
          [1n, 100],
          [10n, 103],
          [20n, 105],
        ],
      ],
    ];
    for (const [liquidity, row] of table)
      for (const [feerate, expected] of row)
        expect(Math.abs(Number(phoenixdRate(liquidity, feerate, 100n, 271n)) - expected)).toBeLessThanOrEqual(1);
  });
  it('never gives credit back, and never takes more than was received', async () => {
    const made = await answer(CostPhoenixd, `${'--receive 9000 '.repeat(40)}--feerate 5`);
    const opened = made.payments.findIndex(({ event }: any) => event === 'channel-opened');
    expect(opened).toBe(2);
    const sum = made.received_sat + made.fees_sat + made.fee_credit_sat;
    expect(sum).toBe(40 * 9000);
    expect(made.payments.slice(3).every(({ event }: any) => event === 'received')).toBe(true);
  });
});

describe('cost reserve, dust and exit', () => {
  it('take a hundredth, and not less than dust', async () => {
    expect(await answer(CostReserve, '--capacity 1000000')).toMatchObject({
      reserve_sat: 10_000,
      spendable_sat: 990_000,
    });
    expect(await answer(CostReserve, '--capacity 20000')).toMatchObject({ reserve_sat: 354 });
    expect(await answer(CostReserve, '--capacity 300')).toMatchObject({ spendable_sat: 0 });
  });
  it('know the outputs of BOLT3 and Core', async () => {
    const { bolt3_sat: bolt3, core_sat: core } = await answer(CostDust, '');
    expect([bolt3.p2pkh, bolt3.p2wpkh, bolt3.p2wsh, bolt3.segwit]).toEqual([546, 294, 330, 354]);
    expect([core.p2tr, core.p2a]).toEqual([330, 240]);
  });
  it.each([
    ['8', 1792n, [5376n, 53_760n, 268_800n]],
    ['128', 3706n, [11_118n, 111_180n, 555_900n]],
    ['1000', 5025n, [15_075n, 150_750n, 753_750n]],
  ] as const)('leave %s clients for what the tree takes', (clients, vb, balances) => {
    for (const [i, feerate] of [1000, 10_000, 50_000].entries())
      expect(exitCost({ clients, feerate })).toMatchObject({
        vb,
        least_balance_sat: balances[i],
      });
  });
  it('say that a hundred million users with a satoshi each cannot leave', async () => {
    const made = await answer(CostExit, '--clients 1000 --feerate 1 --users 100000000 --balance 1');
    expect(made).toMatchObject({ worth_it: false, mass_exit: { vb: 4_300_000_000, blocks: 4300 } });
    const faulty = await answer(CostExit, '--clients 8 --feerate 1 --users 100000000 --block-vb 4000000');
    expect(faulty.mass_exit.blocks).toBe(1075);
    expect(await answer(CostExit, '--exit-vb 878 --transactions 5 --feerate 1')).toMatchObject({ vb: 1792 });
    await refusedCommand(CostExit, ['--feerate', '1'], 'usage');
    await refusedCommand(CostExit, ['--feerate', '1', '--clients', '8', '--block-vb', '0'], 'usage');
  });
});
