/**
 * Simulation of gossip in a network: bytes of flooding, of ids and of sketches, and delays.
 *
 * Messages come up at random nodes. Each pair of peers meets once a period and shares what one of
 * them lacks. So delays are the same for all three methods; only bytes differ. Flooding sends each
 * message to every peer that did not send it. Ids are 8 bytes each, and missing messages are asked
 * for. Sketches name the difference alone. Not here: real messages (`reconcile.ts`).
 */
import { type Draws, quantiles } from '../protocol/draws.ts';
import { Refusal } from '../protocol/refusal.ts';
import { differ, type Sketching } from './reconcile.ts';
import { needPeers, type Topology } from './topology.ts';

export interface Setting extends Sketching {
  minutes?: number | undefined;
  /** New messages a minute in the whole network. */
  rate?: number | undefined;
  /** Seconds between two meetings of a pair. */
  period?: number | undefined;
  messageBytes?: number | undefined;
  /** Makes and decodes real sketches; otherwise a large enough sketch counts as decoded. */
  real?: boolean | undefined;
}

const ID_BYTES = 8;
const PARTS = [0.5, 0.9, 0.99, 1];
const MINUTES_A_DAY = 1440;

/** Pair of peers: its first meeting, and how much of each one's log was shared at its last. */
interface PeerPair {
  ends: readonly [number, number];
  phase: number;
  shared: [number, number];
}

/**
 * Runs until every message has reached all nodes that are connected to its origin.
 * @throws Refusal `element-range` if there are fewer elements than messages
 */
export function simulateGossip(peers: Topology, setting: Setting, draws: Draws): object {
  const { minutes = 30, rate = 100, period = 60, messageBytes = 138, bits, real = false } = setting;
  needPeers(peers);
  const count = Math.round(rate * minutes);
  if (count > 2 ** (bits - 1))
    throw new Refusal('element-range', `${count} messages found, at most ${2 ** (bits - 1)} of ${bits} bits expected`);
  const created = Float64Array.from({ length: count }, () => draws.below(60_000 * minutes) / 1000).sort();
  const elements = new Set<bigint>();
  while (elements.size < count) {
    const wide = (BigInt(draws.below(2 ** 32)) << 32n) | BigInt(draws.below(2 ** 32));
    const element = BigInt.asUintN(bits, wide);
    if (element !== 0n) elements.add(element);
  }
  const byNumber = [...elements];
  const numbers = new Map(byNumber.map((element, i) => [element, i]));
  const learned = peers.map((): number[] => []);
  const pairs = peers
    .flatMap((others, node) => others.filter((other) => other > node).map((other) => [node, other] as const))
    .map((ends): PeerPair => ({ ends, phase: draws.below(1000 * period) / 1000, shared: [0, 0] }))
    .sort((a, b) => a.phase - b.phase);

  const differenceOf = differ(setting, real);
  const bytes = { flooding: 0, ids: 0, sketches: 0 };
  const [delays, differences]: [number[], number[]] = [[], []];
  let [meetings, extensions, halvings, overflows, next] = [0, 0, 0, 0, 0];

  const meet = ({ ends, shared }: PeerPair, time: number): boolean => {
    const fresh = ends.map((end, i) => learned[end]!.slice(shared[i])) as [number[], number[]];
    const sides = fresh.map((list) => list.map((number) => byNumber[number]!)) as [bigint[], bigint[]];
    const { found, ...sent } = differenceOf(sides);
    const [first, second] = [new Set(fresh[0]), new Set(fresh[1])];
    const lacked = found.map((element) => numbers.get(element) ?? -1);
    // One too small sketch in 2^16 decodes to wrong elements: the pair tries again at its next meeting.
    const right = lacked.every((number) => first.has(number) !== second.has(number));
    for (const number of right ? lacked : []) {
      learned[ends[first.has(number) ? 1 : 0]]!.push(number);
      delays.push(time - created[number]!);
    }
    if (right) ends.forEach((end, i) => (shared[i] = learned[end]!.length));
    const all = fresh[0].length + fresh[1].length;
    meetings += 1;
    differences.push(found.length);
    bytes.flooding += all * messageBytes;
    bytes.ids += all * ID_BYTES + found.length * (ID_BYTES + messageBytes);
    bytes.sketches += sent.bytes + found.length * (ID_BYTES + messageBytes);
    extensions += sent.extensions;
    halvings += sent.halvings;
    if (sent.extensions + sent.halvings > 0) overflows += 1;
    return right && found.length > 0;
  };
  for (let start = 0, moved = true; moved || next < count; start += period) {
    moved = false;
    for (const pair of pairs) {
      const time = start + pair.phase;
      for (; next < count && created[next]! <= time; next++, moved = true)
        learned[draws.below(peers.length)]!.push(next);
      if (meet(pair, time)) moved = true;
    }
  }

  const daily = (total: number): number => Math.round((total / peers.length / minutes) * MINUTES_A_DAY);
  return {
    type: 'gossip-simulation',
    version: 1,
    real,
    peers: peers.length,
    pairs: pairs.length,
    messages: count,
    meetings,
    unreached: count * peers.length - learned.reduce((sum, { length }) => sum + length, 0),
    bytes_per_node_day: {
      flooding: daily(bytes.flooding),
      ids: daily(bytes.ids),
      sketches: daily(bytes.sketches),
    },
    sketches: {
      overflows,
      extensions,
      halvings,
      differences: quantiles(Float64Array.from(differences).sort(), PARTS),
    },
    delay_ms: quantiles(Float64Array.from(delays, (seconds) => Math.round(1000 * seconds)).sort(), PARTS),
  };
}
