/** Reconciliation: the difference of two graphs is found for the size of the difference, and what is too large says so. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import GossipReconcile from '../../src/commands/gossip/reconcile.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import type { Graph } from '../../src/lib/gossip/graph.ts';
import { differ, elementOf, itemsOf, MOST_BYTES, reconcileGossip } from '../../src/lib/gossip/reconcile.ts';
import { simulateGossip, type Setting } from '../../src/lib/gossip/reconcile-sim.ts';
import { drawTopology } from '../../src/lib/gossip/topology.ts';
import { Draws } from '../../src/lib/protocol/draws.ts';
import { command, refusedCommand } from '../support/command.ts';
import { describeGraph, makeNetwork } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';

const SALT = Uint8Array.from({ length: 16 }, (_, i) => i);
const bytes = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const whole = graphOf(bytes(describeGraph(makeNetwork(40, 120, 31))), 'json').graph;
const without = (graph: Graph, gone: number): Graph => ({
  ...graph,
  channels: graph.channels.filter((_, i) => i % 10 !== gone),
});
const names = (items: object[]): string[] => items.map((item) => JSON.stringify(item)).sort();

describe('two graphs', () => {
  const [one, two] = [without(whole, 3), without(whole, 7)];
  const [a, b] = [itemsOf(one), itemsOf(two)].map((items) => new Set(names(items))) as [Set<string>, Set<string>];
  it('are reconciled by a sketch that has room, or by extensions', () => {
    for (const [capacity, extensions] of [
      [100, 0],
      [40, 1],
      [5, 4],
    ] as const) {
      const made = reconcileGossip(one, two, { bits: 64, capacity, mostBytes: MOST_BYTES }, SALT);
      expect(made).toMatchObject({ extensions, halvings: 0, collisions: 0 });
      expect(names(made.missing.first)).toEqual([...b].filter((name) => !a.has(name)).sort());
      expect(names(made.missing.second)).toEqual([...a].filter((name) => !b.has(name)).sort());
      expect(made.bytes.sketches).toBe(8 * made.capacity);
      expect(made.bytes.messages).toBeGreaterThan(made.bytes.ids);
    }
  });
  it('that are one differ in nothing', () => {
    expect(reconcileGossip(whole, whole, { bits: 32, capacity: 4, mostBytes: 64 }, SALT)).toMatchObject({
      missing: { first: [], second: [] },
    });
  });
  it('with elements too short to tell apart say so', () => {
    expect(reconcileGossip(whole, whole, { bits: 6, capacity: 4, mostBytes: 64 }, SALT).collisions).toBeGreaterThan(
      100,
    );
  });
  it('have other elements under another salt, type, side or time', () => {
    const update = { kind: 'channel_update', short_channel_id: '1x2x3', side: 1, timestamp: 5 } as const;
    const elements = [
      update,
      { ...update, side: 2 },
      { ...update, timestamp: 6 },
      { ...update, kind: 'channel_announcement' as const },
    ];
    const all = [...elements.map((item) => elementOf(item, SALT, 64)), elementOf(update, new Uint8Array(16), 64)];
    expect(new Set(all).size).toBe(5);
    expect(elementOf(update, SALT, 2)).toBeGreaterThan(0n);
  });
});

describe('a difference', () => {
  const numbers = (from: number, count: number): bigint[] =>
    Array.from({ length: count }, (_, i) => BigInt.asUintN(64, BigInt(from + i) * 0x9e37_79b9_7f4a_7c15n) | 1n);
  const sides = [numbers(0, 300), numbers(60, 300)] as const;
  const apart = [...numbers(0, 60), ...numbers(300, 60)].sort();
  it.each([
    { capacity: 128, mostBytes: MOST_BYTES, extensions: 0, halvings: 0 },
    { capacity: 64, mostBytes: MOST_BYTES, extensions: 1, halvings: 0 },
    { capacity: 8, mostBytes: 256, extensions: 2, halvings: 7 },
  ])('is found from room for $capacity in at most $mostBytes bytes', ({ extensions, halvings, ...sketching }) => {
    for (const real of [true, false]) {
      // The lowest bit of all is 1, so that the first halving parts nothing.
      const made = differ({ ...sketching, bits: 64 }, real)(sides);
      expect([...made.found].sort()).toEqual(apart);
      expect(made.extensions).toBe(extensions);
      if (halvings === 0) expect(made.halvings).toBe(0);
      else expect(made.halvings).toBeGreaterThanOrEqual(Math.ceil(120 / made.capacity) - 1);
      expect(made.bytes).toBe(8 * made.capacity * (1 + made.halvings));
      expect(made.bytes / (1 + made.halvings)).toBeLessThanOrEqual(sketching.mostBytes);
    }
  });
});

describe('a simulated network', () => {
  const setting: Setting = {
    bits: 32,
    capacity: 16,
    mostBytes: MOST_BYTES,
    minutes: 3,
    rate: 40,
    period: 20,
    messageBytes: 100,
    real: false,
  };
  const played = (more: Partial<Setting> = {}, seed = '1', peers = 30, channels = 90): any => {
    const draws = new Draws('gossip', seed);
    return simulateGossip(drawTopology(peers, channels, draws), { ...setting, ...more }, draws);
  };
  it('tells every node every message, each once', () => {
    const made = played();
    expect(made).toMatchObject({ peers: 30, pairs: 90, messages: 120, unreached: 0 });
    const { flooding, ids, sketches } = made.bytes_per_node_day;
    const once = ((120 * 29 * 100) / 30 / 3) * 1440;
    expect(flooding).toBeGreaterThan(2 * once);
    expect(ids).toBeLessThan(flooding);
    expect(sketches).toBeGreaterThan(once);
    expect(sketches).toBeLessThan(flooding);
  });
  it('that has two nodes sends what the sums say', () => {
    // No message crosses itself, so that flooding sends each once; ids add two numbers of 8 bytes to each.
    const { messages, meetings, bytes_per_node_day: bytes } = played({ capacity: 64 }, '1', 2, 1);
    const daily = (total: number): number => Math.round((total / 2 / 3) * 1440);
    expect(bytes).toEqual({
      flooding: daily(messages * 100),
      ids: daily(messages * 116),
      sketches: daily(messages * 108 + meetings * 64 * 4),
    });
  });
  it('is played the same by counting and by sketches that are made and decoded', () => {
    for (const more of [{}, { capacity: 4 }, { capacity: 4, mostBytes: 32, rate: 150 }]) {
      const counted = played(more);
      expect(played({ ...more, real: true })).toEqual({ ...counted, real: true });
    }
    expect(played({ capacity: 4, mostBytes: 32, rate: 150 }).sketches.halvings).toBeGreaterThan(0);
  });
  it('takes no longer than a period a hop, and longer with a longer period', () => {
    const [short, long] = [played({ period: 10 }), played({ period: 40 })];
    expect(short.delay_ms.p50).toBeLessThan(long.delay_ms.p50);
    expect(long.delay_ms.p100).toBeLessThan(40_000 * 30);
    expect(short.delay_ms.p50).toBeLessThanOrEqual(short.delay_ms.p90);
    // Nobody waits longer than a period for a direct peer.
    expect(played({ period: 10 }, '1', 2, 1).delay_ms.p100).toBeLessThanOrEqual(10_000);
  });
  it('is the same for one seed; without channels, or with too few elements, it is refused', () => {
    expect(played({}, '7')).toEqual(played({}, '7'));
    expect(played({}, '8')).not.toEqual(played({}, '7'));
    expect(codeOf(() => simulateGossip([[], []], setting, new Draws('gossip', '1')))).toBe('malformed-message');
    expect(codeOf(() => played({ bits: 7 }))).toBe('element-range');
    expect(played({ bits: 8 }).unreached).toBe(0);
  });
});

describe('gossip reconcile', () => {
  const dir = mkdtempSync(join(tmpdir(), 'reconcile-'));
  const file = (name: string, graph: object): string => {
    writeFileSync(join(dir, name), bytes(graph));
    return join(dir, name);
  };
  it('reads two dumps, and halves what is too large for a sketch', async () => {
    const files = [file('one.json', without(whole, 3)), file('two.json', whole)];
    const made = await command(GossipReconcile, [
      '--bits',
      '48',
      '--capacity',
      '64',
      '--salt',
      '00'.repeat(16),
      ...files,
    ]);
    expect(JSON.parse(made.stdout)).toMatchObject({ halvings: 0, missing: { second: [] } });
    await refusedCommand(GossipReconcile, ['--bits', '48', '--capacity', '64', '--salt', '00', ...files], 'usage');
    await refusedCommand(GossipReconcile, ['--bits', '48', '--capacity', '64'], 'usage');
    const halved = await command(GossipReconcile, ['--bits', '64', '--capacity', '4', '--most-bytes', '64', ...files]);
    expect(JSON.parse(halved.stdout)).toMatchObject({ capacity: 8, missing: { second: [] } });
    expect(JSON.parse(halved.stdout).missing.first).toHaveLength(JSON.parse(made.stdout).missing.first.length);
    expect(JSON.parse(halved.stdout).halvings).toBeGreaterThan(0);
  });
  it('plays a random network, or that of a dump', async () => {
    const flags = ['--simulate', '--bits', '32', '--capacity', '16', '--minutes', '2', '--rate', '10'];
    const made = JSON.parse((await command(GossipReconcile, [...flags, '--peers', '20', '--degree', '4'])).stdout);
    expect(made).toMatchObject({ type: 'gossip-simulation', peers: 20, pairs: 40, messages: 20, unreached: 0 });
    const real = JSON.parse((await command(GossipReconcile, [...flags, '--real', file('w.json', whole)])).stdout);
    expect(real).toMatchObject({ real: true, peers: 40, pairs: 111, messages: 20 });
    await refusedCommand(
      GossipReconcile,
      ['--real', '--bits', '32', '--capacity', '16', file('w.json', whole)],
      'usage',
    );
  });
});
