/** The feasibility commands: networks and dumps in, answers out; an answer of no is an answer. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  count as FeasibilityCount,
  pay as FeasibilityPay,
  sample as FeasibilitySample,
  throughput as FeasibilityThroughput,
  wealth as FeasibilityWealth,
} from '../../src/commands/feasibility.ts';
import { command, refusedCommand } from '../support/command.ts';
import { gossmap, makeNetwork } from '../support/gossip.ts';

const dir = mkdtempSync(join(tmpdir(), 'flow-'));
const file = (name: string, data: string | Uint8Array): string => {
  writeFileSync(join(dir, name), data);
  return join(dir, name);
};
const CHANNELS = [
  { members: ['a', 'b'], capacity_sat: 10 },
  { members: ['b', 'c'], capacity_sat: 11 },
];
const network = file('network.json', JSON.stringify({ channels: CHANNELS, wealth_sat: { a: 15, b: 4, c: 2 } }));
const map = file('map.gz', gzipSync(gossmap(makeNetwork(10, 30, 8))));
const answer = async (ended: Promise<{ exit: number; stdout: string }>): Promise<any> => {
  const { exit, stdout } = await ended;
  expect(exit).toBe(0);
  return JSON.parse(stdout);
};

describe('feasibility', () => {
  it('wealth answers no with exit 0, and takes wealth from a file', async () => {
    expect(await answer(command(FeasibilityWealth, [network]))).toMatchObject({ feasible: false });
    const other = file('wealth.json', '{"a":5,"b":6,"c":10}');
    expect(await answer(command(FeasibilityWealth, ['--wealth', other, network]))).toMatchObject({ feasible: true });
    await refusedCommand(FeasibilityWealth, [map], 'usage');
  });
  it('pay asks by wealth, or by balances', async () => {
    const wealth = file('wealth.json', '{"a":5,"b":6,"c":10}');
    const ends = ['--payer', 'c', '--payee', 'a'];
    expect(
      await answer(command(FeasibilityPay, [...ends, '--amount', '5', '--wealth', wealth, network])),
    ).toMatchObject({ feasible: true });
    expect(
      await answer(command(FeasibilityPay, [...ends, '--amount', '6', '--wealth', wealth, network])),
    ).toMatchObject({ feasible: false });
    const [one, two] = CHANNELS;
    const balances = {
      channels: [
        { ...one, liquidity_sat: { a: 3, b: 7 } },
        { ...two, liquidity_sat: { b: 6, c: 5 } },
      ],
    };
    const stated = file('balances.json', JSON.stringify(balances));
    expect(await answer(command(FeasibilityPay, [...ends, '--amount', '6', '--liquidity', stated]))).toMatchObject({
      feasible: false,
      most_sat: 5,
    });
    await refusedCommand(
      FeasibilityPay,
      ['--payer', 'c', '--payee', 'x', '--amount', '6', network],
      'malformed-message',
    );
    await refusedCommand(FeasibilityPay, [...ends, '--amount', '0.5', network], 'usage');
    await refusedCommand(FeasibilityPay, [...ends, '--amount', '9007199254740992', network], 'usage');
  });
  it('count and sample read networks and dumps', async () => {
    expect(await answer(command(FeasibilityCount, ['--amount', '2', network]))).toMatchObject({
      feasible: 132,
      distributions: 253,
    });
    const sampled = await answer(command(FeasibilitySample, ['--pairs', '20', '--seed', '1', '--list', map]));
    expect(sampled).toMatchObject({ members: 10, channels: 30, pairs: 20, seed: '1' });
    const fresh = await answer(command(FeasibilitySample, ['--pairs', '20', map]));
    expect(await answer(command(FeasibilitySample, ['--pairs', '20', '--seed', fresh.seed, map]))).toEqual(fresh);
    await refusedCommand(FeasibilityCount, [map], 'too-many-states');
  });
  it('throughput needs fewer failures than payments', async () => {
    const flags = ['--tps', '14', '--payments', '10000', '--infeasible'];
    expect(await answer(command(FeasibilityThroughput, [...flags, '3']))).toMatchObject({
      payments_per_second: 46_667,
    });
    expect(await answer(command(FeasibilityThroughput, [...flags, '10000']))).toMatchObject({
      payments_per_second: 14,
    });
    await refusedCommand(FeasibilityThroughput, [...flags, '10001'], 'usage');
  });
});
