/** The simulation: buckets to the message, runs that repeat, and the orders of magnitude of the proposal's discussion. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import OnionSim from '../../src/commands/onion/sim.ts';
import { Draws } from '../../src/lib/protocol/draws.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import { drawTopology, topologyOf } from '../../src/lib/gossip/topology.ts';
import {
  Bucket,
  READINGS,
  simulate,
  type Attack,
  type Reading,
  type SimRules,
} from '../../src/lib/sim/back-pressure.ts';
import { command, refusedCommand } from '../support/command.ts';
import { gossmap, makeNetwork } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';

const RULES: SimRules = {
  seconds: 60,
  rate: 0.5,
  limit: 10,
  walk: [3, 6],
  burst: 10,
  floor: 0.1,
  relayDepth: 0,
  retry: false,
  also: [],
};
const play = (attack: Attack, more: Partial<SimRules> = {}, seed = '1') => {
  const draws = new Draws('sim', seed);
  return simulate(drawTopology(200, 600, draws), { ...RULES, ...more }, attack, draws);
};
const share = ({ delivered, sent }: { delivered: number; sent: number }): number => delivered / sent;

describe('a link', () => {
  it('of 10 a second and a burst of 10 lets 110 of 200 messages through in ten seconds', () => {
    const bucket = new Bucket(10, 10);
    const passed = Array.from({ length: 200 }, (_, i) => bucket.takes(50 * i)).filter(Boolean).length;
    expect(Math.abs(passed - 110)).toBeLessThanOrEqual(1);
  });
  it('does so between two nodes too, each way', () => {
    const { honest, drops } = simulate(
      [[1], [0]],
      { ...RULES, seconds: 10, rate: 20 },
      { kind: 'none' },
      new Draws('sim', '1'),
    );
    expect(honest.sent).toBe(400);
    expect(Math.abs(honest.delivered - 220)).toBeLessThanOrEqual(2);
    expect(honest.delivered + drops).toBe(400);
  });
  it('that was halved doubles after half a minute, up to its limit, and never falls below the floor', () => {
    const taken = (bucket: Bucket, from: number): number =>
      Array.from({ length: 200 }, (_, i) => bucket.takes(from + 50 * i)).filter(Boolean).length;
    const bucket = new Bucket(10, 1);
    for (let i = 0; i < 20; i++) bucket.halve(0, 0.1);
    expect(taken(bucket, 0)).toBeLessThanOrEqual(2);
    expect(taken(bucket, 60_000)).toBeLessThan(10);
    expect(taken(bucket, 600_000)).toBeGreaterThan(90);
  });
});

describe('a halved limit', () => {
  it('halves the burst too where that is the reading, down to one message', () => {
    const atOnce = (shrinks: boolean, halvings: number): number => {
      const bucket = new Bucket(10, 10, shrinks);
      for (let i = 0; i < halvings; i++) bucket.halve(0, 0.1);
      return Array.from({ length: 20 }, () => bucket.takes(0)).filter(Boolean).length;
    };
    expect([0, 1, 2, 7].map((n) => atOnce(true, n))).toEqual([10, 5, 2, 1]);
    expect([0, 1, 2, 7].map((n) => atOnce(false, n))).toEqual([10, 10, 10, 10]);
  });
});

describe('who is blamed', () => {
  it('is whoever sent last over the link, rightly or not, and an origin knows its own message', () => {
    const line = [[1], [0, 2], [1]];
    const busy = { ...RULES, seconds: 20, rate: 3, limit: 2, walk: [3, 3] as const, relayDepth: 5 };
    const played = (also: readonly Reading[]) =>
      simulate(line, { ...busy, also }, { kind: 'none' }, new Draws('sim', '1'));
    const [literal, blind] = [played([]), played(['origin'])];
    // Only 0 and 2 send three nodes far; what 1 sends ends beside it. Each drop of a relayed message has one cause.
    expect(literal.misattributed).toBe(0);
    expect(literal.halvings).toBeGreaterThan(0);
    expect(blind.misattributed).toBeGreaterThan(0);
  });
});

describe('a network under one message a second that is bounced 382 times', () => {
  const bounce = { kind: 'bounce', rate: 1, hops: 382 } as const;
  const heard = (also: readonly Reading[], more: Partial<SimRules> = {}): number[] =>
    ['1', '2', '3'].map((seed) =>
      share(play(bounce, { seconds: 120, walk: [4, 7], relayDepth: 20, also, ...more }, seed).honest),
    );
  it('stands where the proposal is read as it is written', () => expect(Math.min(...heard([]))).toBeGreaterThan(0.97));
  it('collapses where all harsher readings are taken', () => expect(Math.max(...heard(READINGS))).toBeLessThan(0.6));
  it.each(['burst', 'origin'] as const)('collapses less without the reading "%s"', (left) => {
    const others = heard(READINGS.filter((reading) => reading !== left));
    heard(READINGS).forEach((all, i) => expect(others[i]).toBeGreaterThan(all + 0.2));
  });
  it('stands in any reading where limits are not halved below what honest nodes send over a link', () =>
    expect(Math.min(...heard(READINGS, { floor: 4 }))).toBeGreaterThan(0.95));
  it('stands where drops are told to nobody', () =>
    expect(Math.min(...heard(READINGS, { relayDepth: 0 }))).toBeGreaterThan(0.97));
});

describe('a spammer', () => {
  it('gets through what its links take: the limit, or the floor where the node that drops halves too', () => {
    const [seconds, perLink] = [30, 100];
    const spam = { kind: 'spam', links: 20, total: 20 * perLink } as const;
    const passes = (persecond: number): number => (RULES.burst + persecond * seconds) / (perLink * seconds);
    for (const [also, persecond] of [
      [[], RULES.limit],
      [['dropper'], RULES.floor],
    ] as const) {
      const { attacker, honest } = play(spam, { seconds, relayDepth: 1, also });
      expect(Math.abs(share(attacker) / passes(persecond) - 1)).toBeLessThan(0.1);
      expect(share(honest)).toBeGreaterThan(0.98);
    }
  });
});

describe('a network', () => {
  it('without an attack delivers nearly everything, and every message is counted', () => {
    const { honest, attacker, drops } = play({ kind: 'none' });
    expect(attacker.sent).toBe(0);
    expect(honest.sent).toBe(200 * 30);
    expect(share(honest)).toBeGreaterThan(0.995);
    expect(honest.delivered + drops).toBe(honest.sent);
  });
  it('plays the same for one seed, and not for another', () => {
    const attack = { kind: 'spam', links: 20, total: 300 } as const;
    expect(play(attack, { relayDepth: 3, retry: true })).toEqual(play(attack, { relayDepth: 3, retry: true }));
    expect(play(attack, {}, '2')).not.toEqual(play(attack));
  });
  it('with a flat limit hears honest nodes beside 20 links of spam, of which a tenth passes', () => {
    const { honest, attacker } = play({ kind: 'spam', links: 20, total: 2000 }, { seconds: 30 });
    expect(share(honest)).toBeGreaterThan(0.97);
    expect(share(attacker)).toBeGreaterThan(0.05);
    expect(share(attacker)).toBeLessThan(0.15);
  });
  it('that tells drops hears honest nodes as well, and blames some who had no part in it', () => {
    const many = { kind: 'spam', links: 150, total: 1500 } as const;
    const [flat, far] = [0, 20].map((relayDepth) => play(many, { seconds: 20, limit: 5, relayDepth }));
    expect(flat!.halvings).toBe(0);
    expect(far!.halvings).toBeGreaterThan(0);
    expect(share(far!.honest)).toBeGreaterThan(share(flat!.honest) - 0.02);
    expect(far!.misattributed).toBeLessThanOrEqual(far!.halvings);
  });
  it('stops what goes to and fro between two nodes where they tell each other', () => {
    const bounce = { kind: 'bounce', rate: 1, hops: 382 } as const;
    const [flat, told] = [play(bounce), play(bounce, { relayDepth: 1 })];
    expect(told.attacker.delivered).toBeLessThanOrEqual(flat.attacker.delivered);
    expect(told.halvings).toBeGreaterThan(0);
    expect(share(told.honest)).toBeGreaterThan(0.95);
  });
  it('tries another walk for a dropped message, once', () => {
    const busy = { seconds: 5, rate: 20, relayDepth: 3 };
    const [lost, tried] = [play({ kind: 'none' }, busy), play({ kind: 'none' }, { ...busy, retry: true })];
    expect(lost.retried).toBe(0);
    expect(tried.retried).toBeGreaterThan(0);
    expect(tried.retried).toBeLessThanOrEqual(tried.drops);
  });
  it('without channels is refused, whatever the attack', () => {
    for (const attack of [{ kind: 'none' }, { kind: 'bounce', rate: 1, hops: 4 }, { kind: 'spam', links: 1, total: 9 }])
      for (const empty of [[], [[], []]])
        expect(codeOf(() => simulate(empty, RULES, attack as Attack, new Draws('sim', '1')))).toBe('malformed-message');
  });
  it('is drawn with as many channels as are asked for, all of it joined', () => {
    const peers = drawTopology(50, 120, new Draws('sim', '7'));
    expect(peers.reduce((sum, list) => sum + list.length, 0)).toBe(240);
    const seen = new Set([0]);
    for (const node of seen) for (const peer of peers[node]!) seen.add(peer);
    expect(seen.size).toBe(50);
    expect(drawTopology(3, 100, new Draws('sim', '7')).every((list) => list.length === 2)).toBe(true);
  });
});

describe('onion-sim', () => {
  it('prints the spread over its seeds, on a random network and on a graph', async () => {
    const flags = [
      '--nodes',
      '20',
      '--channels',
      '40',
      '--seconds',
      '10',
      '--attack',
      'spam',
      '--total',
      '100',
      '--seed',
      '1',
      '--seed',
      '2',
    ];
    const made = JSON.parse((await command(OnionSim, flags)).stdout);
    expect(made).toMatchObject({
      type: 'onion-sim',
      rate: '0.5',
      attack: { kind: 'spam', total: '100' },
      runs: [{ seed: '1' }, { seed: '2' }],
    });
    const file = join(mkdtempSync(join(tmpdir(), 'sim-')), 'map.gz');
    writeFileSync(file, gzipSync(gossmap(makeNetwork(10, 20, 3))));
    const real = JSON.parse(
      (await command(OnionSim, ['--seconds', '5', '--attack', 'bounce', '--relay-depth', '2', '--retry', file])).stdout,
    );
    expect(real.runs[0].honest.sent).toBeGreaterThan(10);
    expect(topologyOf(graphOf(gossmap(makeNetwork(10, 20, 3)), 'gossmap').graph)).toHaveLength(10);
    await refusedCommand(OnionSim, ['--rate', '0'], 'usage');
    for (const walk of ['2-2', '2-27'])
      expect(
        (await command(OnionSim, ['--seconds', '1', '--nodes', '5', '--channels', '6', '--walk', walk])).exit,
      ).toBe(0);
    for (const walk of ['1-3', '4-3', '3-28', '3']) await refusedCommand(OnionSim, ['--walk', walk], 'usage');
  });
});
