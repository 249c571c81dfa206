/**
 * Pledges in numbers: a thousand gathered from a file against as many Schnorr verifications, the choice among 1,700, and the
 * memory of a stream of a hundred thousand.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatherLines } from '../../src/commands/pledge/gathering.ts';
import { HomeSeats } from '../../src/commands/pledge/seats.ts';
import type { Campaign } from '../../src/lib/pledge/campaign.ts';
import { choosePledges, CampaignGoal } from '../../src/lib/pledge/sums.ts';
import { pledge as table } from '../../src/lib/pledge/table.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import { verifies } from '../../src/lib/signing/bip340.ts';
import { ADDRESSES } from '../credit/things.ts';
import { NETWORK, ownPledge } from '../pledge/things.ts';
import { TestParty } from '../support/party.ts';
import { resident } from './batch.ts';
import { median, report } from './measure.ts';

const lineOf = (campaign: Campaign, n: number, sat: bigint): string => {
  const { sat: _, ...pledge } = ownPledge(campaign, n, sat);
  return JSON.stringify({
    type: 'pledge',
    version: 1,
    step: 'pledged',
    network: NETWORK,
    campaign: campaign.id,
    pledge: { ...pledge, sat: Number(sat) },
    sealed: null,
  });
};

async function collector(seed: number, goal: bigint): Promise<{ party: TestParty; campaign: Campaign; text: string }> {
  const party = await TestParty.make(seed);
  party.chain.feerate = 1000;
  const input = { outputs: [{ address: ADDRESSES.p2tr, sat: goal }] };
  const { message, text } = await party.run(table, { input });
  return { party, campaign: withSats(message['campaign']) as Campaign, text };
}

/** Gathers lines as the command does, its answers dropped. @returns milliseconds */
async function gathered(party: TestParty, lines: string): Promise<number> {
  const { write } = process.stdout;
  const start = performance.now();
  process.stdout.write = ((_: unknown, done?: () => void) => (done?.(), true)) as typeof write;
  try {
    const pieces = lines.match(/[^]{1,65536}/g)!.map((piece) => Buffer.from(piece));
    const source = {
      [Symbol.asyncIterator]: async function* () {
        yield* pieces;
      },
    };
    await gatherLines(source, new HomeSeats(party.home, undefined), party.ports().source, true);
  } finally {
    process.stdout.write = write;
    process.exitCode = 0;
  }
  return performance.now() - start;
}

/** The lines of a thousand pledges into a new home, against their signatures verified. */
async function joinRatio(rounds: number): Promise<number> {
  const took = { join: [] as number[], verify: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    const { party, campaign } = await collector(150, 100_000_000n);
    const lines = Array.from({ length: 1_000 }, (_, i) => lineOf(campaign, i + 1, 70_000n + BigInt(i)));
    const hash = new Uint8Array(32).fill(7);
    const pledges = lines.map((line) => (JSON.parse(line) as { pledge: { signature: string; script: string } }).pledge);
    const start = performance.now();
    for (const { signature, script } of pledges) verifies(signature.slice(0, 128), hash, script.slice(4));
    const verify = performance.now() - start;
    const join = await gathered(party, lines.join('\n'));
    party.close();
    if (round < 0) continue;
    took.join.push(join);
    took.verify.push(verify);
  }
  return median(took.join) / median(took.verify);
}

/** Seconds of the worst choice among 1,700 of distinct sizes, none of whose sums is near the goal. */
function choiceSeconds(campaign: Campaign): number {
  const goal = new CampaignGoal(campaign, NETWORK);
  const third = goal.sat / 3n;
  const offered = Array.from({ length: 1_700 }, (_, i) => ({ weight: 231, netSat: third + third / 20n + BigInt(i) }));
  const start = performance.now();
  if (!('chosen' in choosePledges(goal, offered))) throw new Error('the goal is not reached');
  return (performance.now() - start) / 1000;
}

/** Megabytes that `pledge check` gains in the second half of so many lines. */
async function streamGrowth(run: string, lines: number): Promise<number> {
  const { party, campaign, text } = await collector(151, 100_000_000n);
  const dir = mkdtempSync(join(tmpdir(), 'spillway-pledges-'));
  writeFileSync(join(dir, 'campaign.json'), text);
  party.close();
  // Each is larger than all before it, so that it takes a place; what was signed is repeated under other coins.
  const some = Array.from({ length: 2_000 }, (_, i) => `${lineOf(campaign, i + 1, 70_000n + BigInt(i))}\n`);
  const child = spawn(process.execPath, [run, 'pledge', 'check', '--campaign', join(dir, 'campaign.json'), '--batch'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  let warm = 0;
  for (let i = 0; i < lines; i++) {
    if (!child.stdin.write(some[i % some.length]!)) await once(child.stdin, 'drain');
    if (i === Math.floor(lines / 2)) warm = resident(child.pid!);
  }
  const grown = resident(child.pid!) - warm;
  child.stdin.end();
  await once(child, 'exit');
  rmSync(dir, { recursive: true });
  return grown;
}

export async function benchPledges(run: string, rounds: number, lines = 100_000): Promise<boolean[]> {
  const { party, campaign } = await collector(152, 100_000_000n);
  party.close();
  return [
    report({
      what: 'a thousand pledges gathered in a home',
      ratio: await joinRatio(rounds),
      limit: 2,
      unit: '× as many Schnorr verifications',
    }),
    report({ what: 'the choice among 1,700 pledges', ratio: choiceSeconds(campaign), limit: 1, unit: 's' }),
    report({
      what: `memory of ${lines} offered pledges`,
      ratio: await streamGrowth(run, lines),
      limit: 30,
      unit: 'MB more',
    }),
  ];
}
