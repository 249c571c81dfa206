/** Reconciliation: the difference of two graphs is found for the size of the difference, and what is too large says so. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import GossipReconcile from '../../src/commands/gossip/reconcile.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import type { Graph } from '../../src/lib/gossip/graph.ts';
import { elementOf, itemsOf, reconcile } from '../../src/lib/gossip/reconcile.ts';
import { command, refusedCommand } from '../support/command.ts';
import { describeGraph, makeNetwork } from '../support/gossip.ts';

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
      const made = reconcile(one, two, 64, capacity, SALT);
      expect(made).toMatchObject({ decoded: true, extensions, collisions: 0 });
      expect(names(made.missing!.first)).toEqual([...b].filter((name) => !a.has(name)).sort());
      expect(names(made.missing!.second)).toEqual([...a].filter((name) => !b.has(name)).sort());
      expect(made.bytes.sketch + made.bytes.extensions).toBe(8 * made.capacity);
      expect(made.bytes.messages).toBeGreaterThan(made.bytes.ids);
    }
  });
  it('that are one differ in nothing', () => {
    expect(reconcile(whole, whole, 32, 4, SALT)).toMatchObject({ decoded: true, missing: { first: [], second: [] } });
  });
  it('with elements too short to tell apart say so', () => {
    expect(reconcile(whole, whole, 6, 4, SALT).collisions).toBeGreaterThan(100);
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

describe('gossip reconcile', () => {
  const dir = mkdtempSync(join(tmpdir(), 'reconcile-'));
  const file = (name: string, graph: object): string => {
    writeFileSync(join(dir, name), bytes(graph));
    return join(dir, name);
  };
  it('reads two dumps, and ends with 3 where the difference is too large', async () => {
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
    expect(JSON.parse(made.stdout)).toMatchObject({ decoded: true, missing: { second: [] } });
    await refusedCommand(GossipReconcile, ['--bits', '48', '--capacity', '64', '--salt', '00', ...files], 'usage');
    const few = await command(GossipReconcile, ['--bits', '2', '--capacity', '1', ...files]);
    expect([0, 3]).toContain(few.exit);
    const large = file('large.json', graphOf(bytes(describeGraph(makeNetwork(300, 3000, 2))), 'json').graph);
    const none = file('none.json', { ...whole, nodes: [], channels: [] });
    const lost = await command(GossipReconcile, ['--bits', '64', '--capacity', '4100', large, none]);
    expect(lost).toMatchObject({ exit: 3 });
    expect(JSON.parse(lost.stdout)).toMatchObject({ decoded: false });
  }, 60_000);
});
