/**
 * Routes: the cheapest one, against a search of all of them, and certificates where there is none. networkx judges larger
 * networks where python3 has it (`pip install networkx`).
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GossipChannel, Graph, NodeName, GossipPolicy } from '../../src/lib/gossip/graph.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import { pathDocument, SEARCH_LIMITS, type PathSearch } from '../../src/lib/gossip/path.ts';
import { routeDocument } from '../../src/lib/onion/route.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { describeGraph, drawer, makeNetwork } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';

const made = (nodes: number, channels: number, seed: number): Graph =>
  graphOf(new TextEncoder().encode(JSON.stringify(describeGraph(makeNetwork(nodes, channels, seed)))), 'json').graph;
const named = ({ nodes }: Graph, i: number): string => nodes[i]!.node_id!;
const search = (graph: Graph, more: Partial<PathSearch> = {}): PathSearch => ({
  payer: named(graph, 0),
  payee: named(graph, graph.nodes.length - 1),
  amountMsat: 5_000_000n,
  maxHops: 20,
  avoid: [],
  finalDelta: 18,
  height: 800_000,
  ...more,
});
const fee = (amount: bigint, { fee_base_msat: base, fee_proportional_millionths: millionths }: GossipPolicy): bigint =>
  BigInt(base) + (amount * BigInt(millionths)) / 1_000_000n;
const carries = ({ capacity_sat: sat }: GossipChannel, policy: GossipPolicy | null, amount: bigint): boolean =>
  policy !== null &&
  !policy.disabled &&
  amount >= BigInt(policy.htlc_minimum_msat) &&
  amount <= BigInt(policy.htlc_maximum_msat!) &&
  amount <= BigInt(sat!) * 1000n;
const directions = (graph: Graph): [NodeName, NodeName, GossipChannel, GossipPolicy | null][] =>
  graph.channels.flatMap((channel) => [
    [channel.node_1, channel.node_2, channel, channel.one_to_two],
    [channel.node_2, channel.node_1, channel, channel.two_to_one],
  ]);

/** The least weight of all routes without a node twice. */
function least(graph: Graph, { payer, payee, amountMsat, maxHops }: PathSearch): number | undefined {
  let best: number | undefined;
  const walk = (node: NodeName, amount: bigint, weight: number, passed: readonly NodeName[]): void => {
    if (node === payer) {
      best = Math.min(best ?? Infinity, weight);
      return;
    }
    if (passed.length > maxHops) return;
    for (const [from, to, channel, policy] of directions(graph)) {
      if (to !== node || passed.includes(from) || !carries(channel, policy, amount)) continue;
      const charged = from === payer ? 0n : fee(amount, policy!);
      const risk = from === payer ? 0 : (Number(amount) * policy!.cltv_expiry_delta * 15) / 1e9;
      walk(from, amount + charged, weight + Number(charged) + risk, [...passed, from]);
    }
  };
  walk(payee, amountMsat, 0, [payee]);
  return best;
}

/** What a route weighs that was found, by the fees that onion-route counts. */
function weightOf(document: any, amountMsat: bigint): number {
  const route: any = routeDocument(new Fields(parseJson(printJson(document))));
  let [weight, amount] = [Number(route.fees_msat), amountMsat];
  for (const hop of [...document.hops].reverse().slice(0, -1)) {
    weight += (Number(amount) * hop.cltv_expiry_delta * 15) / 1e9;
    amount += fee(amount, hop);
  }
  return weight;
}

/** A network without two channels between the same nodes, which networkx's search does not know. */
function single(graph: Graph): Graph {
  const pairs = new Map(graph.channels.map((channel) => [`${channel.node_1} ${channel.node_2}`, channel]));
  return { ...graph, channels: [...pairs.values()] };
}
const asEdges = (graph: Graph): unknown[] =>
  directions(graph).flatMap(([from, to, channel, policy]) =>
    !policy || policy.disabled
      ? []
      : [
          [
            from,
            to,
            policy.fee_base_msat,
            policy.fee_proportional_millionths,
            policy.cltv_expiry_delta,
            Number(policy.htlc_minimum_msat),
            Math.min(Number(policy.htlc_maximum_msat), channel.capacity_sat! * 1000),
          ],
        ],
  );

describe('a path', () => {
  it('costs what the cheapest of all routes costs, and onion-route takes it', () => {
    let found = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const graph = made(6, 10, seed);
      const asked = search(graph, { maxHops: 5 });
      const document: any = pathDocument(graph, asked);
      const best = least(graph, asked);
      expect(document.found, `seed ${seed}`).toBe(best !== undefined);
      if (best === undefined) continue;
      found += 1;
      expect(weightOf(document, asked.amountMsat), `seed ${seed}`).toBeCloseTo(best, 3);
    }
    expect(found).toBeGreaterThan(30);
  });
  it('is as light as networkx finds it, where it is installed', () => {
    if (spawnSync('python3', ['-c', 'import networkx']).status !== 0) {
      console.log('skipped: networkx (python3 has no module of that name)');
      return;
    }
    const draw = drawer(8);
    const cases = Array.from({ length: 45 }, (_, i) => {
      const nodes = i === 0 ? 500 : 10 + i;
      const graph = single(made(nodes, 3 * nodes, i));
      const amountMsat = [1000n, 5_000_000n, 850_000_000n][i % 3]!;
      return { graph, asked: search(graph, { amountMsat, payer: named(graph, draw(nodes >> 1)) }) };
    });
    const input = cases.map(({ graph, asked: { payer, payee, amountMsat } }) =>
      JSON.stringify({ edges: asEdges(graph), payer, payee, amount: Number(amountMsat) }),
    );
    const judge = join(import.meta.dirname, '../support/peers/networkx_path.py');
    const { stdout } = spawnSync('python3', [judge], { input: `${input.join('\n')}\n`, encoding: 'utf8' });
    const theirs = stdout.trim().split('\n').map(Number.parseFloat);
    const ours = cases.map(({ graph, asked }) => {
      const document: any = pathDocument(graph, asked);
      return document.found ? weightOf(document, asked.amountMsat) : NaN;
    });
    expect(ours.map((weight) => weight.toFixed(2))).toEqual(theirs.map((weight) => weight.toFixed(2)));
    expect(ours.filter(Number.isNaN).length).toBeGreaterThan(3);
    expect(ours.filter((weight) => weight > 0).length).toBeGreaterThan(20);
  });
  it('that is not there is shown by who can reach the payee', () => {
    let missing = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const graph = made(7, 8, seed);
      const asked = search(graph, { amountMsat: 400_000_000n });
      const document: any = pathDocument(graph, asked);
      if (document.found) continue;
      missing += 1;
      const reached = new Map<NodeName, number>(document.certificate.reached.map((r: any) => [r.node, r.amount_msat]));
      expect(reached.has(asked.payee)).toBe(true);
      expect(reached.has(asked.payer)).toBe(false);
      for (const [from, to, channel, policy] of directions(graph))
        if (reached.has(to) && !reached.has(from))
          expect(carries(channel, policy, BigInt(reached.get(to)!))).toBe(false);
    }
    expect(missing).toBeGreaterThan(50);
  });
  it('avoids channels, and keeps to a number of hops', () => {
    const graph = made(6, 14, 5);
    const first: any = pathDocument(graph, search(graph));
    expect(first.found).toBe(true);
    const avoid = first.hops.map((hop: any) => hop.short_channel_id);
    const second: any = pathDocument(graph, search(graph, { avoid }));
    for (const hop of second.hops ?? []) expect(avoid).not.toContain(hop.short_channel_id);
    const direct = directions(graph).find(([, , channel, policy]) => carries(channel, policy, 5_000_000n))!;
    const [payer, payee] = direct;
    const one: any = pathDocument(graph, search(graph, { payer, payee, maxHops: 1 }));
    expect(one.hops).toHaveLength(1);
  });
  it('of equal weight takes the lesser channel', () => {
    const graph = made(2, 1, 5);
    const [channel] = graph.channels;
    const open = { ...channel!.one_to_two!, disabled: false };
    const twins = ['10x1x0', '9x1x0', '9x2x0'].map((scid) => ({
      ...channel!,
      short_channel_id: scid,
      one_to_two: open,
      two_to_one: open,
    }));
    const read = graphOf(new TextEncoder().encode(printJson({ ...graph, channels: twins })), 'json').graph;
    const document: any = pathDocument(read, search(graph, { amountMsat: 5000n }));
    expect(document.hops[0].short_channel_id).toBe('9x1x0');
  });
  it('refuses ends that are not there, or one', () => {
    const graph = made(3, 3, 1);
    expect(codeOf(() => pathDocument(graph, search(graph, { payee: 'ff' })))).toBe('malformed-message');
    expect(codeOf(() => pathDocument(graph, search(graph, { payee: named(graph, 0) })))).toBe('malformed-message');
    expect(SEARCH_LIMITS.hops.most).toBe(27);
    expect(drawer(1)(1)).toBe(0);
  });
});
