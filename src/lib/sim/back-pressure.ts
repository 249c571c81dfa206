/**
 * Onion messages under load: token buckets at every node, and the drops that tell senders to slow down.
 *
 * Source: https://gist.github.com/t-bast/e37ee9249d9825e51d260335c94f0fcf (back-pressure for onion messages). A node counts
 * what each peer sends it. Over the limit it drops, and may say so to the sender, who slows down whoever it stored last for
 * that link, and passes the drop on. How far it travels the proposal leaves open: `relayDepth` here.
 * Time is in milliseconds; events of one moment keep their order. Not here: onions themselves (`onion/`).
 */
import type { Graph } from '../gossip/graph.ts';
import type { Draws } from '../protocol/draws.ts';

/** Neighbours of each node. */
export type Topology = readonly (readonly number[])[];

export interface Rules {
  seconds: number;
  /** Messages a second that an honest node sends. */
  rate: number;
  /** Messages a second that a node takes of a peer, and of the attacker. */
  limit: number;
  attackerLimit: number;
  burst: number;
  /** The least that a limit is halved to. */
  floor: number;
  /** How many nodes pass a drop on; 0: nobody is told. */
  relayDepth: number;
  /** An origin that learns of a drop tries another walk once. */
  retry: boolean;
}
export type Attack =
  | { kind: 'none' }
  /** Messages a second in all, spread over links to different nodes. */
  | { kind: 'spam'; links: number; total: number }
  /** Messages a second that go to and fro between two nodes. */
  | { kind: 'bounce'; rate: number; hops: number };

export interface Counts {
  sent: number;
  delivered: number;
}
export interface Outcome {
  honest: Counts;
  attacker: Counts;
  drops: number;
  halvings: number;
  /** Halvings of a peer that the dropped message did not come by. */
  misattributed: number;
  retried: number;
}

const HOP = 50;
const RECOVERY = 30_000;

/** A network of nodes, each with a channel to an earlier one, and channels between random pairs. */
export function drawTopology(nodes: number, channels: number, draws: Draws): Topology {
  const peers = Array.from({ length: nodes }, () => new Set<number>());
  const join = (a: number, b: number): void => {
    peers[a]!.add(b);
    peers[b]!.add(a);
  };
  for (let node = 1; node < nodes; node++) join(node, draws.below(node));
  const most = (nodes * (nodes - 1)) / 2;
  for (let count = nodes - 1; count < Math.min(channels, most);) {
    const [a, b] = [draws.below(nodes), draws.below(nodes)];
    if (a === b || peers[a]!.has(b)) continue;
    join(a, b);
    count += 1;
  }
  return peers.map((set) => [...set]);
}

/** The network of a graph. */
export function topologyOf({ nodes, channels }: Graph): Topology {
  const index = new Map(nodes.map((node, i) => [node.node_id ?? node.node!, i]));
  const peers = nodes.map(() => new Set<number>());
  for (const { node_1: one, node_2: two } of channels) {
    peers[index.get(one)!]!.add(index.get(two)!);
    peers[index.get(two)!]!.add(index.get(one)!);
  }
  return peers.map((set) => [...set]);
}

/** What a node takes of one peer: so many a second, saved up to the burst. */
export class Bucket {
  readonly #usual: number;
  readonly #burst: number;
  #limit: number;
  #tokens: number;
  #time = 0;
  /** When it overflowed, was halved or doubled last. */
  #changed = 0;

  constructor(limit: number, burst: number) {
    this.#usual = limit;
    this.#burst = burst;
    this.#limit = limit;
    this.#tokens = burst;
  }
  #advance(now: number): void {
    // Half a minute without an overflow doubles the limit again.
    while (this.#limit < this.#usual && now - this.#changed >= RECOVERY) {
      this.#changed += RECOVERY;
      this.#fill(this.#changed);
      this.#limit = Math.min(this.#usual, 2 * this.#limit);
    }
    this.#fill(now);
  }
  #fill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#time) * this.#limit) / 1000);
    this.#time = now;
  }
  /** Takes a message, where there is room. */
  takes(now: number): boolean {
    this.#advance(now);
    // Sums of fractions stay a little below whole numbers.
    if (this.#tokens < 1 - 1e-9) {
      this.#changed = now;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }
  halve(now: number, floor: number): void {
    this.#advance(now);
    this.#limit = Math.max(Math.min(floor, this.#usual), this.#limit / 2);
    this.#changed = now;
  }
}

interface Message {
  path: readonly number[];
  attacker: boolean;
  retried: boolean;
}
type Event =
  | { kind: 'send'; node: number }
  | { kind: 'attack'; number: number }
  | { kind: 'arrive'; message: Message; at: number }
  /** Tells `node` that `from` has dropped a message that it sent. */
  | { kind: 'drop'; message: Message; node: number; from: number; depth: number };

/** Events by time, then by the order in which they were put in. */
class Agenda {
  readonly #heap: { time: number; number: number; event: Event }[] = [];
  #count = 0;
  put(time: number, event: Event): void {
    const heap = this.#heap;
    heap.push({ time, number: this.#count++, event });
    for (let i = heap.length - 1; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!this.#before(i, parent)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
  }
  #before(a: number, b: number): boolean {
    const [one, two] = [this.#heap[a]!, this.#heap[b]!];
    return one.time < two.time || (one.time === two.time && one.number < two.number);
  }
  next(): { time: number; event: Event } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === first) return first;
    heap[0] = last!;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && this.#before(child, least)) least = child;
      if (least === i) return first;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}

/** Plays one run. The attacker, where there is one, is a node of its own behind the others. */
export function simulate(topology: Topology, rules: Rules, attack: Attack, draws: Draws): Outcome {
  return new Run(topology, rules, attack, draws).play();
}

class Run {
  readonly #peers: number[][];
  readonly #rules: Rules;
  readonly #attack: Attack;
  readonly #draws: Draws;
  readonly #attacker: number;
  readonly #agenda = new Agenda();
  /** By node and peer: what it takes of the peer, and who sent last what went out to the peer. */
  readonly #buckets = new Map<number, Bucket>();
  readonly #lastSender = new Map<number, number>();
  readonly #out: Outcome = {
    honest: { sent: 0, delivered: 0 },
    attacker: { sent: 0, delivered: 0 },
    drops: 0,
    halvings: 0,
    misattributed: 0,
    retried: 0,
  };

  constructor(topology: Topology, rules: Rules, attack: Attack, draws: Draws) {
    this.#peers = topology.map((peers) => [...peers]);
    this.#attacker = topology.length;
    this.#rules = rules;
    this.#attack = attack;
    this.#draws = draws;
    this.#peers.push([]);
    const links = attack.kind === 'spam' ? Math.min(attack.links, topology.length) : attack.kind === 'bounce' ? 1 : 0;
    while (this.#peers[this.#attacker]!.length < links) {
      const node = draws.below(topology.length);
      if (this.#peers[this.#attacker]!.includes(node) || (attack.kind === 'bounce' && topology[node]!.length === 0))
        continue;
      this.#peers[this.#attacker]!.push(node);
    }
  }

  play(): Outcome {
    const end = this.#rules.seconds * 1000;
    const period = 1000 / this.#rules.rate;
    for (let node = 0; node < this.#attacker; node++)
      this.#agenda.put(this.#draws.below(Math.max(1, Math.floor(period))), { kind: 'send', node });
    if (this.#attack.kind !== 'none') this.#agenda.put(0, { kind: 'attack', number: 0 });
    for (let next = this.#agenda.next(); next; next = this.#agenda.next()) {
      const { time, event } = next;
      if (event.kind === 'arrive') this.#arrive(time, event.message, event.at);
      else if (event.kind === 'drop') this.#dropped(time, event.message, event.node, event.from, event.depth);
      else if (time < end)
        if (event.kind === 'send') {
          this.#send(time, {
            path: this.#walk([event.node], 2 + this.#draws.below(4)),
            attacker: false,
            retried: false,
          });
          this.#agenda.put(time + period, event);
        } else {
          this.#send(time, { path: this.#attackPath(event.number), attacker: true, retried: false });
          const { total } = this.#attack as { total?: number };
          this.#agenda.put(time + 1000 / (total ?? (this.#attack as { rate: number }).rate), {
            kind: 'attack',
            number: event.number + 1,
          });
        }
    }
    return this.#out;
  }

  /** Walks on for so many steps, to no node twice; it ends early where there is no other. */
  #walk(start: readonly number[], steps: number): number[] {
    const path = [...start];
    for (let i = 0; i < steps; i++) {
      const open = this.#peers[path.at(-1)!]!.filter((peer) => !path.includes(peer));
      if (open.length === 0) break;
      path.push(open[this.#draws.below(open.length)]!);
    }
    return path;
  }
  #attackPath(number: number): number[] {
    const links = this.#peers[this.#attacker]!;
    if (this.#attack.kind !== 'bounce')
      return this.#walk([this.#attacker, links[number % links.length]!], 1 + this.#draws.below(4));
    const one = links[0]!;
    const two = this.#peers[one]![0]!;
    return [this.#attacker, ...Array.from({ length: this.#attack.hops }, (_, i) => (i % 2 === 0 ? one : two))];
  }

  #send(time: number, message: Message): void {
    if (message.path.length < 2) return;
    const [origin, first] = message.path as [number, number];
    if (!message.retried) this.#counts(message).sent += 1;
    this.#lastSender.set(this.#link(origin, first), origin);
    this.#agenda.put(time + HOP, { kind: 'arrive', message, at: 1 });
  }
  #counts({ attacker }: Message): Counts {
    return attacker ? this.#out.attacker : this.#out.honest;
  }
  #link(node: number, peer: number): number {
    return node * this.#peers.length + peer;
  }
  #bucket(node: number, peer: number): Bucket {
    const link = this.#link(node, peer);
    const { limit, attackerLimit, burst } = this.#rules;
    let bucket = this.#buckets.get(link);
    if (!bucket) this.#buckets.set(link, (bucket = new Bucket(peer === this.#attacker ? attackerLimit : limit, burst)));
    return bucket;
  }

  #arrive(time: number, message: Message, at: number): void {
    const { path } = message;
    const [peer, node] = [path[at - 1]!, path[at]!];
    if (!this.#bucket(node, peer).takes(time)) {
      this.#out.drops += 1;
      const { relayDepth: depth } = this.#rules;
      if (depth > 0) this.#agenda.put(time + HOP, { kind: 'drop', message, node: peer, from: node, depth });
      return;
    }
    if (at === path.length - 1) {
      this.#counts(message).delivered += 1;
      return;
    }
    this.#lastSender.set(this.#link(node, path[at + 1]!), peer);
    this.#agenda.put(time + HOP, { kind: 'arrive', message, at: at + 1 });
  }

  #dropped(time: number, message: Message, node: number, from: number, depth: number): void {
    if (node === message.path[0] && this.#rules.retry && !message.retried && !message.attacker) {
      this.#out.retried += 1;
      this.#send(time, { path: this.#walk([node], 2 + this.#draws.below(4)), attacker: false, retried: true });
    }
    const sender = this.#lastSender.get(this.#link(node, from));
    // The attacker does not slow itself down, nor does an origin.
    if (sender === undefined || sender === node || node === this.#attacker) return;
    this.#bucket(node, sender).halve(time, this.#rules.floor);
    this.#out.halvings += 1;
    if (!message.path.includes(sender)) this.#out.misattributed += 1;
    if (depth > 1) this.#agenda.put(time + HOP, { kind: 'drop', message, node: sender, from: node, depth: depth - 1 });
  }
}
