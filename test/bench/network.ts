/**
 * Sketches, flows, simulations and costs: CPU time against others that do the same, and how it grows. Limits of growth follow
 * from what the work should be, and a tenth: making a sketch and playing messages are linear, decoding is quadratic, a flow
 * takes rounds over all edges, no more of them than the root of the nodes.
 * SPILLWAY_MINISKETCH names a libminisketch.so; SPILLWAY_VECTORS the folder of the mainnet snapshot of 2026-02-03.
 * networkx is asked where python3 has it, about that snapshot or a random network of its size.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { NetworkBalances } from '../../src/lib/flow/liquidity.ts';
import { networkOfGraph, type ChannelNetwork } from '../../src/lib/flow/network.ts';
import { decideWealth } from '../../src/lib/flow/wealth.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import type { GossipChannel, Graph } from '../../src/lib/gossip/graph.ts';
import { elementOf, itemsOf, reconcileGossip } from '../../src/lib/gossip/reconcile.ts';
import { drawTopology } from '../../src/lib/gossip/topology.ts';
import { Draws } from '../../src/lib/protocol/draws.ts';
import { simulate } from '../../src/lib/sim/back-pressure.ts';
import { decodeSketch, makeSketch } from '../../src/lib/sketch/sketch.ts';
import { bulkFile } from '../support/vectors.ts';
import { interleaved, median, report, runToEnd } from './measure.ts';

const peers = join(import.meta.dirname, '../support/peers');

/** Milliseconds of CPU, the median of some rounds after a first one. */
function cpu(rounds: number, work: () => unknown): number {
  const took: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    if (round >= 0) took.push((user + system) / 1000);
  }
  return median(took);
}
const draws = (label: string): Draws => new Draws('bench', label);
const elements = (count: number): bigint[] => {
  const drawn = draws('elements');
  return Array.from({ length: count }, () => (BigInt(drawn.below(2 ** 32)) << 32n) | BigInt(1 + drawn.below(2 ** 31)));
};

function sketches(rounds: number): boolean[] {
  const [few, many] = [elements(1024), elements(10_240)];
  const make = (list: readonly bigint[]) => cpu(rounds, () => makeSketch(list, 64, 1024));
  const [made, larger] = [make(few), make(many)];
  const [small, full] = [512, 1024].map((size) => {
    const sketch = makeSketch(few.slice(0, size), 64, size);
    return cpu(Math.min(rounds, 3), () => decodeSketch(sketch));
  }) as [number, number];
  console.log(
    `      a sketch of 1024 elements and capacity 1024 takes ${made.toFixed(1)} ms of CPU, to decode it ${full.toFixed(0)}`,
  );
  const results = [
    report({ what: 'a sketch of ten times the elements', ratio: larger / made, limit: 11, unit: '× the CPU time' }),
    report({ what: 'decoding twice the elements', ratio: full / small, limit: 4.4, unit: '× the CPU time' }),
  ];
  const library = process.env['SPILLWAY_MINISKETCH'];
  if (library === undefined) {
    console.log('skip  sketches against libminisketch (SPILLWAY_MINISKETCH is not set)');
    return results;
  }
  const input = JSON.stringify({ bits: 64, capacity: 1024, elements: few.map(String) });
  const theirs = JSON.parse(runToEnd('python3', [join(peers, 'minisketch_native.py'), library], { input }));
  const unit = '× libminisketch';
  return [
    ...results,
    report({
      what: 'making a sketch, 64 bits',
      ratio: made / theirs.make,
      limit: 3,
      unit: `${unit}, its fastest field`,
    }),
    report({ what: 'decoding 1024 of 1024', ratio: full / theirs.decode, limit: 10, unit: `${unit}, generic field` }),
  ];
}

/** A network of so many nodes and channels, capacities of four magnitudes. */
function randomGraph(nodes: number, channels: number): Graph {
  const drawn = draws('graph');
  const policy = { fee_base_msat: 1, fee_proportional_millionths: 1, cltv_expiry_delta: 40, htlc_minimum_msat: 1 };
  const made: GossipChannel[] = drawTopology(nodes, channels, drawn)
    .flatMap((others, node) => others.filter((other) => other > node).map((other) => [node, other] as const))
    .map(([node_1, node_2], i) => ({
      short_channel_id: `${700_000 + Math.floor(i / 100)}x${i % 100}x0`,
      node_1,
      node_2,
      capacity_sat: 10 ** (4 + drawn.below(4)) * (1 + drawn.below(9)),
      one_to_two: { ...policy, disabled: false, timestamp: 1_700_000_000 + drawn.below(1_000_000) },
      two_to_one: { ...policy, disabled: false, timestamp: 1_700_000_000 + drawn.below(1_000_000) },
    }));
  const list = Array.from({ length: nodes }, (_, node) => ({ node, features: '', addresses: [] }));
  return {
    type: 'gossip-graph',
    version: 1,
    network: 'mainnet',
    source: 'bench',
    nodes: list,
    channels: made,
  } as never;
}

const liquidityOf = (network: ChannelNetwork, drawn: Draws): number[][] =>
  network.channels.map(({ capacity }) => {
    const first = drawn.below(capacity + 1);
    return [first, capacity - first];
  });

/** Of ten times the edges, with √10 times as many rounds, and a tenth. */
const FLOW_GROWTH = 35;
function flows(rounds: number): boolean[] {
  const cuts = ({ network }: { network: ChannelNetwork }) => {
    const drawn = draws('cuts');
    const liquidity = liquidityOf(network, drawn);
    const balances = new NetworkBalances(network, liquidity);
    const pairs = Array.from({ length: 200 }, () => {
      const payer = drawn.below(network.members.length);
      return [payer, (payer + 1 + drawn.below(network.members.length - 1)) % network.members.length] as const;
    });
    const took = cpu(rounds, () => pairs.forEach(([payer, payee]) => balances.most(payer, payee))) / pairs.length;
    return { network, liquidity, balances, pairs, took };
  };
  const [tenth, large] = [
    cuts(networkOfGraph(randomGraph(1_732, 5_081))),
    cuts(networkOfGraph(randomGraph(17_324, 50_808))),
  ];
  const file = bulkFile('periphery/mainnet-2026-02-03.gossmap.gz');
  const mainnet = file && cuts(networkOfGraph(graphOf(gunzipSync(readFileSync(file)), 'gossmap').graph));
  const whole = mainnet || large;
  const wealth = (nodes: number, channels: number): number => {
    const { network } = networkOfGraph(randomGraph(nodes, channels));
    const owned = network.members.map(() => 0);
    const balance = liquidityOf(network, draws('wealth'));
    network.channels.forEach(({ members }, i) => members.forEach((member, j) => (owned[member]! += balance[i]![j]!)));
    return cpu(Math.min(rounds, 3), () => {
      if (!decideWealth(network, owned).feasible) throw new Error('a balance of the channels counts as infeasible');
    });
  };
  const results = [
    report({
      what: 'a smallest cut, ten times the network',
      ratio: large.took / tenth.took,
      limit: FLOW_GROWTH,
      unit: '× the CPU time',
    }),
    report({
      what: 'feasibility of wealth, ten times the network',
      ratio: wealth(20_000, 50_000) / wealth(2_000, 5_000),
      limit: FLOW_GROWTH,
      unit: '× the CPU time',
    }),
  ];
  if (mainnet)
    results.push(report({ what: 'a smallest cut of mainnet', ratio: mainnet.took, limit: 5, unit: 'ms of CPU' }));
  if (spawnSync('python3', ['-c', 'import networkx']).status !== 0) {
    console.log('skip  cuts against networkx (python3 has no module of that name)');
    return results;
  }
  const edges = whole.network.channels.map(({ members }, i) => [...members, ...whole.liquidity[i]!]);
  const asked = (pairs: readonly (readonly number[])[]): { flows: number[]; ms: number } => {
    const input = `${JSON.stringify({ nodes: whole.network.members.length, edges, pairs })}\n`;
    const start = performance.now();
    const flows = JSON.parse(runToEnd('python3', [join(peers, 'networkx_flow.py')], { input }));
    return { flows, ms: performance.now() - start };
  };
  const [one, five] = [asked(whole.pairs.slice(0, 1)), asked(whole.pairs.slice(0, 5))];
  const ours = whole.pairs.slice(0, 5).map(([payer, payee]) => whole.balances.most(payer, payee));
  if (JSON.stringify(ours) !== JSON.stringify(five.flows)) throw new Error('networkx finds other flows');
  return [
    ...results,
    report({
      what: 'a smallest cut',
      ratio: (1000 * whole.took) / ((five.ms - one.ms) / 4),
      limit: 10,
      unit: "thousandths of networkx's time",
    }),
  ];
}

function reconciling(rounds: number): boolean {
  const graph = randomGraph(2_000, 10_000);
  const salt = new Uint8Array(16);
  const without = (gone: number): Graph => ({
    ...graph,
    channels: graph.channels.filter((_, i) => i % 500 !== gone),
  });
  const [first, second] = [without(1), without(2)];
  const sketching = { bits: 64, capacity: 256, mostBytes: 65_536 };
  const took = cpu(rounds, () => {
    const { missing } = reconcileGossip(first, second, sketching, salt);
    if (missing.first.length !== 60 || missing.second.length !== 60) throw new Error('another difference was found');
  });
  const bare = cpu(rounds, () => {
    for (const one of [first, second])
      makeSketch(
        itemsOf(one).map((item) => elementOf(item, salt, 64)),
        64,
        256,
      );
  });
  return report({ what: 'gossip reconcile', ratio: took / bare, limit: 1.5, unit: '× its hashes and sketches' });
}

function loads(rounds: number): boolean[] {
  const play = (seconds: number) => {
    const drawn = draws('load');
    const network = drawTopology(200, 600, drawn);
    const rules = { rate: 25, walk: [4, 7], limit: 100, burst: 100, floor: 1, relayDepth: 3, retry: false } as const;
    return simulate(network, { ...rules, seconds, also: [] }, { kind: 'none' }, drawn).honest.sent;
  };
  const [short, long] = [2, 20].map((seconds) => cpu(rounds, () => play(seconds))) as [number, number];
  return [
    // A walk of 4 to 7 nodes has 4.5 hops on average.
    report({ what: 'onion-sim, 600,000 hops', ratio: (600 * long) / (4.5 * play(20)), limit: 1, unit: 's of CPU' }),
    report({ what: 'onion-sim, ten times as long', ratio: long / short, limit: 11, unit: '× the CPU time' }),
  ];
}

/** Runs all; false where a limit was not held. */
export async function benchNetwork(run: string, rounds: number): Promise<boolean[]> {
  const times = await interleaved(
    [
      { name: 'node', run: () => void runToEnd(process.execPath, ['-e', '0']) },
      { name: 'cost', run: () => void runToEnd(process.execPath, [run, 'cost', 'dust']) },
    ],
    rounds,
  );
  return [
    ...sketches(rounds),
    reconciling(rounds),
    ...flows(rounds),
    ...loads(rounds),
    report({
      what: 'cost dust, a process',
      ratio: times.get('cost')! / times.get('node')!,
      limit: 4,
      unit: '× node -e 0',
    }),
  ];
}
