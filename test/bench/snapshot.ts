/**
 * A gossip_store as large as mainnet's, every signature of it true but one: verified, read and sampled, in memory that does not
 * follow its size. Nobody publishes such a store, so it is made here, which takes minutes. BENCH_CHANNELS (50808) makes it smaller.
 */
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  announcement,
  capacities,
  gossmap,
  makeNetwork,
  nodeAnnouncement,
  storeOf,
  update,
} from '../support/gossip.ts';
import { costOf } from './gossip.ts';
import { report, runToEnd } from './measure.ts';

const CHANNELS = Number(process.env['BENCH_CHANNELS'] ?? 50_808);
/** Megabytes that a run may hold more for ten times the store, where it streams. */
const NOISE = 24;
/** Bytes that a verifier keeps of a channel: its id, both keys in hex, its capacity, and the entries of its maps. */
const KEPT = 600;

/** Writes a store, message by message; one update in the middle is signed by the other node. @returns its size and the network */
function writeStore(name: string, channels: number) {
  const network = makeNetwork(Math.ceil((channels * 17_324) / 50_808), channels, 2026);
  const sat = capacities(network);
  const forged = network.channels[channels >> 1]!;
  writeFileSync(name, Uint8Array.of(16));
  for (const channel of network.channels) {
    const other = { ...channel, ends: [channel.ends[1], channel.ends[0]] as [number, number] };
    const last = update(network, channel === forged ? other : channel, 1);
    appendFileSync(name, storeOf([announcement(network, channel), update(network, channel, 0), last], sat).subarray(1));
  }
  for (const i of network.nodes.keys()) appendFileSync(name, storeOf([nodeAnnouncement(network, i)], sat).subarray(1));
  return { network, messages: 3 * channels + network.nodes.length, size: statSync(name).size / 1024 / 1024 };
}

export function benchSnapshot(run: string): boolean[] {
  const dir = mkdtempSync(join(tmpdir(), 'bench-snapshot-'));
  const [tenth, whole, lines] = ['tenth', 'whole', 'lines'].map((name) => join(dir, name)) as [string, string, string];
  const results: boolean[] = [];
  const line = (what: string, ratio: number, limit: number, unit: string): void => {
    results.push(report({ what, ratio, limit, unit }));
  };
  writeStore(tenth, CHANNELS / 10);
  const { network, messages, size } = writeStore(whole, CHANNELS);

  const verify = (store: string) => costOf(run, ['gossip', 'verify', store], { out: lines, code: 76 });
  const few = verify(tenth).peak;
  const { peak, cpu } = verify(whole);
  const count = (text: string): number => Number(runToEnd('bash', ['-c', 'grep -c "$1" "$0"; true', lines, text]));
  const [valid, wrong] = [count('"valid":true'), count('"valid":false')];
  if (valid !== messages - 1 || wrong !== 1)
    throw new Error(`${valid} messages valid and ${wrong} not, ${messages - 1} and 1 expected`);
  const kept = Math.ceil((0.9 * CHANNELS * KEPT) / 1024 / 1024);
  console.log(`      ${messages} messages of ${size.toFixed(0)} MB verified in ${(cpu / 1000).toFixed(0)} s of CPU`);
  line('memory of gossip verify over a whole network, ten times as much', peak - few, NOISE + kept, 'MB more');

  const more = (command: string): number =>
    costOf(run, ['gossip', command, whole]).peak - costOf(run, ['gossip', command, tenth]).peak;
  line('memory of gossip decode, the same', more('decode'), NOISE, 'MB more');
  line('memory of gossip graph, the same', more('graph') / (0.9 * size), 8, '× what the store has more');

  const map = join(dir, 'map');
  writeFileSync(map, gzipSync(gossmap(network)));
  const sample = (file: string): string =>
    runToEnd(process.execPath, [run, 'feasibility', 'sample', '--pairs', '1000', '--seed', '1', file]);
  if (sample(whole) !== sample(map)) throw new Error('a store and a map of one network give other samples');
  rmSync(dir, { recursive: true });
  return results;
}
