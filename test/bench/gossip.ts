/**
 * Gossip: a graph as large as mainnet's against the engine's own parsing, signatures against a bare loop of the seam's ECDSA,
 * and memory that must not grow with a stream. The network has the shape of a public snapshot where SPILLWAY_VECTORS has it.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bytesToHex, concatBytes } from '../../src/lib/bitcoin/bytes.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import { readGossip } from '../../src/lib/gossip/message.ts';
import { gossipHash } from '../../src/lib/gossip/verify.ts';
import { parsedKey, verifiesParsed } from '../../src/lib/signing/ecdsa.ts';
import { capacities, describeGraph, drawer, makeNetwork, messages, storeOf, update2 } from '../support/gossip.ts';
import { bulkFile } from '../support/vectors.ts';
import { median, report, runToEnd } from './measure.ts';

/** Ends of the channels, as numbers of nodes: of the snapshot of February 2026, or drawn, as many. */
function shape(): [number, number][] {
  const file = bulkFile('periphery/mainnet-2026-02-03.gossmap.gz');
  if (file !== undefined) {
    const { channels } = graphOf(gunzipSync(readFileSync(file)), 'gossmap').graph;
    return channels.map(({ node_1: one, node_2: two }) => [Number(one), Number(two)]);
  }
  const draw = drawer(5);
  return Array.from({ length: 50_808 }, () => [draw(17_324), draw(17_324)]);
}

/** The network as describegraph has it, each channel under an id of its own. */
function largeGraph(): Uint8Array {
  const ends = shape();
  const { nodes, edges } = describeGraph(makeNetwork(100, 400, 7)) as { nodes: object[]; edges: object[] };
  const count = Math.max(...ends.flat()) + 1;
  const keys = Array.from({ length: count }, (_, i) => `02${createHash('sha256').update(String(i)).digest('hex')}`);
  return new TextEncoder().encode(
    JSON.stringify({
      nodes: keys.map((key, i) => ({ ...nodes[i % nodes.length], pub_key: key, alias: `node ${i}` })),
      edges: ends.map(([one, two], i) => ({
        ...edges[i % edges.length],
        channel_id: String((600_000n + BigInt(i)) << 40n),
        node1_pub: keys[one],
        node2_pub: keys[two],
      })),
    }),
  );
}

/** Milliseconds of CPU, the engine's own threads included. */
function cpuOf(work: () => unknown): number {
  const { user } = process.cpuUsage();
  work();
  return (process.cpuUsage().user - user) / 1000;
}

/** Most megabytes that a run of the program ever holds, and its milliseconds of CPU. @param to file of its output, exit code */
export function costOf(
  run: string,
  argv: readonly string[],
  { out = '/dev/null', code = 0 } = {},
): { peak: number; cpu: number } {
  const tell = `process.on('exit', () => {
    const { maxRSS, userCPUTime } = process.resourceUsage();
    process.stderr.write('cost ' + maxRSS + ' ' + userCPUTime);
  })`;
  const node = `data:text/javascript,${encodeURIComponent(tell)}`;
  const script = `"$0" --import "$1" "$3" "\${@:4}" 2>&1 >"$2"`;
  const said = runToEnd('bash', ['-c', script, process.execPath, node, out, run, ...argv], { code });
  const [, rss, cpu] = /cost (\d+) (\d+)/.exec(said)!;
  return { peak: Number(rss) / 1024, cpu: Number(cpu) / 1000 };
}
const peak = (run: string, argv: readonly string[]): number => costOf(run, argv).peak;

export function benchGossip(run: string, rounds: number): boolean[] {
  const dir = mkdtempSync(join(tmpdir(), 'bench-gossip-'));
  const file = (name: string, data: string | Uint8Array): string => {
    writeFileSync(join(dir, name), data);
    return join(dir, name);
  };
  const results: boolean[] = [];
  const line = (what: string, ratio: number, limit: number, unit: string): void => {
    results.push(report({ what, ratio, limit, unit }));
  };

  const large = largeGraph();
  const times = { graph: [] as number[], parse: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    const parse = cpuOf(() => JSON.parse(new TextDecoder().decode(large)));
    const graph = cpuOf(() => graphOf(large, 'json'));
    if (round < 0) continue;
    times.graph.push(graph);
    times.parse.push(parse);
  }
  const name = file('large.json', large);
  line('a graph as large as mainnet', median(times.graph) / median(times.parse), 3, '× JSON.parse of describegraph');
  const size = large.length / 1024 / 1024;
  line(`memory of gossip graph over ${size.toFixed(0)} MB`, peak(run, ['gossip', 'graph', name]) / size, 8, '× input');

  const network = makeNetwork(60, 150, 5);
  const all = messages(network);
  const store = (times: number): string =>
    file(`store-${times}`, storeOf(Array.from({ length: times }, () => all).flat(), capacities(network)));
  const signatures = 150 * 6 + 60;
  const [first] = all;
  const { values, type } = readGossip(first!);
  const [hash, key] = [gossipHash({ type, bytes: first! }), parsedKey(Buffer.from(values['node_id_1'], 'hex'))!];
  const signature = Buffer.from(values['node_signature_1'], 'hex');
  const bare = (): void => {
    for (let i = 0; i < 8 * signatures; i++)
      if (!verifiesParsed(signature, hash, key)) throw new Error('the signature is wrong');
  };
  const verified: Record<number, number[]> = { 2: [], 10: [], 18: [] };
  const loop: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [count, all] of Object.entries(verified))
      all.push(costOf(run, ['gossip', 'verify', store(Number(count))]).cpu);
    loop.push(cpuOf(bare));
  }
  const [few, many, most] = [2, 10, 18].map((count) => median(verified[count]!)) as [number, number, number];
  console.log(
    `      ${((1000 * 8 * signatures) / (most - many)).toFixed(0)} signatures of gossip verified a second of CPU`,
  );
  // The earlier messages bear the cost of compiling.
  line('gossip verify', (most - many) / median(loop), 1.25, '× a bare loop of its ECDSA');
  line('gossip verify, the later messages', (most - many) / (many - few), 1.3, '× the earlier ones');

  const hex = (list: readonly Uint8Array[]): string => list.map((message) => `${bytesToHex(message)}\n`).join('');
  const updates = hex(Array.from({ length: 500 }, (_, i) => update2(800_000 + i)));
  const plain = concatBytes(...Array.from({ length: 20 }, () => new TextEncoder().encode(hex(all))));
  const streams = [
    ['decode', [], plain, 10],
    ['rate', ['--tip', '801000'], new TextEncoder().encode(updates.repeat(1500)), 3],
  ] as const;
  for (const [command, flags, once, times] of streams) {
    const more = concatBytes(...Array.from({ length: times }, () => once));
    const [short, long] = [file(`${command}-once`, once), file(`${command}-more`, more)];
    const grown = peak(run, ['gossip', command, ...flags, long]) - peak(run, ['gossip', command, ...flags, short]);
    line(`memory of gossip ${command}, ${times} times ${(once.length / 1e6).toFixed(0)} MB`, grown, 24, 'MB more');
  }
  const [short, long] = [2, 18].map((count) => peak(run, ['gossip', 'verify', store(count)])) as [number, number];
  line('memory of gossip verify, nine times as much', long - short, 24, 'MB more');
  rmSync(dir, { recursive: true });
  return results;
}
