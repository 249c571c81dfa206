/**
 * Onion messages under load: token buckets at every node, and drops that tell senders to slow down.
 *
 * Source: https://gist.github.com/t-bast/e37ee9249d9825e51d260335c94f0fcf (back-pressure for onion
 * messages). A node counts the messages of each peer. It drops one over the limit and tells the
 * sender. The sender halves the limit of the peer that it stored last for that link, and passes the
 * drop on to that peer. Half a minute without an overflow doubles a limit again. The proposal
 * leaves open how far drops travel (`relayDepth`) and what `READINGS` names. All messages count,
 * also those for the node itself. Times are milliseconds. Not here: onions themselves (`onion/`).
 */
import { needPeers, type Topology } from '../gossip/topology.ts';
import type { Draws } from '../protocol/draws.ts';

/**
 * Harsher readings of the proposal, each apart. `dropper`: the node that drops also halves the
 * limit of the peer whose message it dropped. `burst`: a halved limit halves the burst, down to one
 * message. `origin`: an origin does not know its own message, and passes the drop on.
 */
export const READINGS = ['dropper', 'burst', 'origin'] as const;
export type Reading = (typeof READINGS)[number];

/** Rules of a simulation. */
export interface SimRules {
  seconds: number;
  /** Messages a second that an honest node sends. */
  rate: number;
  /** Least and greatest number of nodes on a message's walk, with its origin. */
  walk: readonly [least: number, most: number];
  /** Messages a second that a node takes from a peer. */
  limit: number;
  /** Messages a second that a node takes from the attacker; `limit` by default. */
  attackerLimit?: number | undefined;
  burst: number;
  /** Limit below which no halving goes. */
  floor: number;
  /** Number of nodes that pass a drop on; 0 tells nobody. */
  relayDepth: number;
  /** Makes an origin that learns of a drop try another walk, once. */
  retry: boolean;
  also: readonly Reading[];
}
/** Attack on nodes that forward onion messages. */
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
/** Outcome of a simulation: messages of honest nodes and of the attacker. */
export interface SimOutcome {
  honest: Counts;
  attacker: Counts;
  drops: number;
  /** Limits halved by nodes that were told of a drop. */
  halvings: number;
  /** Halvings of a peer from which the dropped message had not come. */
  misattributed: number;
  retried: number;
}

const HOP = 50;
const RECOVERY = 30_000;

/** Token bucket: messages that a node takes from one peer. */
export class Bucket {
  readonly #usual: number;
  readonly #burst: number;
  readonly #shrinks: boolean;
  #limit: number;
  #tokens: number;
  #time = 0;
  /** Time of the last overflow, halving or doubling. */
  #changed = 0;

  /** Makes a bucket. @param shrinks halves the burst with the limit */
  constructor(limit: number, burst: number, shrinks = false) {
    this.#usual = this.#limit = limit;
    this.#burst = this.#tokens = burst;
    this.#shrinks = shrinks;
  }
  #advance(now: number): void {
    while (this.#limit < this.#usual && now - this.#changed >= RECOVERY) {
      this.#changed += RECOVERY;
      this.#fill(this.#changed);
      this.#limit = Math.min(this.#usual, 2 * this.#limit);
    }
    this.#fill(now);
  }
  #fill(now: number): void {
    const room = this.#shrinks ? Math.max(1, (this.#burst * this.#limit) / this.#usual) : this.#burst;
    this.#tokens = Math.min(room, this.#tokens + ((now - this.#time) * this.#limit) / 1000);
    this.#time = now;
  }
  /** Takes a message; returns false if the bucket is empty. */
  takes(now: number): boolean {
    this.#advance(now);
    // Sums of fractions may fall short of a whole number.
    if (this.#tokens < 1 - 1e-9) {
      this.#changed = now;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }
  /** Halves the limit, down to the floor. */
  halve(now: number, floor: number): void {
    this.#advance(now);
    this.#limit = Math.max(Math.min(floor, this.#usual), this.#limit / 2);
    this.#changed = now;
    this.#fill(now);
  }
}

interface SimMessage {
  path: readonly number[];
  attacker: boolean;
  retried: boolean;
}

/** Queue of events that are added in the order of their times. */
class Events {
  #waiting: { time: number; run: () => void }[] = [];
  #at = 0;
  put(time: number, run: () => void): void {
    this.#waiting.push({ time, run });
  }
  get time(): number {
    return this.#waiting[this.#at]?.time ?? Infinity;
  }
  run(): void {
    this.#waiting[this.#at++]!.run();
    if (this.#at < 65_536) return;
    this.#waiting = this.#waiting.slice(this.#at);
    this.#at = 0;
  }
}

/**
 * Plays one run. The attacker is a node of its own behind the others.
 * @throws Refusal `malformed-message` for a network without channels
 */
export function simulate(topology: Topology, rules: SimRules, attack: Attack, draws: Draws): SimOutcome {
  needPeers(topology);
  const attacker = topology.length;
  const links = attack.kind === 'spam' ? Math.min(attack.links, attacker) : attack.kind === 'bounce' ? 1 : 0;
  const reached = new Set<number>();
  while (reached.size < links) {
    const node = draws.below(attacker);
    if (attack.kind === 'spam' || topology[node]!.length > 0) reached.add(node);
  }
  const peers: Topology = [...topology, [...reached]];
  const { seconds, limit, attackerLimit = limit, burst, floor, also } = rules;
  // Sends of honest nodes, sends of the attacker, messages on their way: each queue is in order.
  const [honest, attacks, flying] = [new Events(), new Events(), new Events()];
  const out: SimOutcome = {
    honest: { sent: 0, delivered: 0 },
    attacker: { sent: 0, delivered: 0 },
    drops: 0,
    halvings: 0,
    misattributed: 0,
    retried: 0,
  };
  const countsOf = (message: SimMessage): Counts => (message.attacker ? out.attacker : out.honest);

  const linkOf = (node: number, peer: number): number => node * peers.length + peer;
  /** Buckets by link, for what the node takes from the peer. */
  const buckets = new Map<number, Bucket>();
  /** Senders by link: the peer whose message the node passed on last. */
  const lastSender = new Map<number, number>();
  function bucketOf(node: number, peer: number): Bucket {
    const link = linkOf(node, peer);
    let bucket = buckets.get(link);
    if (!bucket) {
      bucket = new Bucket(peer === attacker ? attackerLimit : limit, burst, also.includes('burst'));
      buckets.set(link, bucket);
    }
    return bucket;
  }

  /** Walks on at random, to no node twice, as far as there are others. */
  function walk(start: readonly number[]): number[] {
    const path = [...start];
    const [least, most] = rules.walk;
    for (let left = least + draws.below(most - least + 1) - start.length; left > 0; left--) {
      const open = peers[path.at(-1)!]!.filter((peer) => !path.includes(peer));
      if (open.length === 0) break;
      path.push(open[draws.below(open.length)]!);
    }
    return path;
  }
  function send(time: number, message: SimMessage): void {
    if (message.path.length < 2) return;
    if (!message.retried) countsOf(message).sent += 1;
    pass(time, message, 1);
  }
  /** Sends a message on to index `at` of its path. */
  const pass = (now: number, message: SimMessage, at: number): void =>
    flying.put(now + HOP, () => arrive(now + HOP, message, at));
  function arrive(time: number, message: SimMessage, at: number): void {
    const { path } = message;
    const [peer, node, next] = [path[at - 1]!, path[at]!, path[at + 1]];
    if (!bucketOf(node, peer).takes(time)) {
      out.drops += 1;
      if (also.includes('dropper')) bucketOf(node, peer).halve(time, floor);
      return tell(time, message, peer, node, at - 1, rules.relayDepth);
    }
    if (next === undefined) {
      countsOf(message).delivered += 1;
      return;
    }
    lastSender.set(linkOf(node, next), peer);
    pass(time, message, at + 1);
  }

  /**
   * Tells `node` that `from` dropped its message.
   * @param at its index on the message's path; −1 if it was blamed wrongly
   */
  function tell(now: number, message: SimMessage, node: number, from: number, at: number, depth: number): void {
    if (depth > 0) flying.put(now + HOP, () => told(now + HOP, message, node, from, at, depth));
  }
  function told(time: number, message: SimMessage, node: number, from: number, at: number, depth: number): void {
    if (node === attacker) return;
    const { path, retried } = message;
    if (node === path[0]) {
      if (rules.retry && !retried) {
        out.retried += 1;
        send(time, { path: walk([node]), attacker: false, retried: true });
      }
      if (!also.includes('origin')) return;
    }
    const sender = lastSender.get(linkOf(node, from));
    if (sender === undefined) return;
    bucketOf(node, sender).halve(time, floor);
    out.halvings += 1;
    const rightly = at > 0 && path[at - 1] === sender;
    if (!rightly) out.misattributed += 1;
    tell(time, message, sender, node, rightly ? at - 1 : -1, depth - 1);
  }

  function playHonest(): void {
    const period = 1000 / rules.rate;
    const phases = topology.map((_, node) => [draws.below(Math.ceil(period)), node] as const);
    for (const [phase, node] of phases.sort(([a], [b]) => a - b)) {
      const sends = (time: number): void => {
        if (time >= seconds * 1000) return;
        send(time, { path: walk([node]), attacker: false, retried: false });
        honest.put(time + period, () => sends(time + period));
      };
      honest.put(phase, () => sends(phase));
    }
  }
  function playAttack(attack: Exclude<Attack, { kind: 'none' }>): void {
    const links = peers[attacker]!;
    const [one, two] = [links[0]!, peers[links[0]!]![0]!];
    const pathOf = (number: number): number[] =>
      attack.kind === 'spam'
        ? walk([attacker, links[number % links.length]!])
        : [attacker, ...Array.from({ length: attack.hops }, (_, i) => (i % 2 === 0 ? one : two))];
    const period = 1000 / (attack.kind === 'spam' ? attack.total : attack.rate);
    const sends = (number: number): void => {
      const time = number * period;
      if (time >= seconds * 1000) return;
      send(time, { path: pathOf(number), attacker: true, retried: false });
      attacks.put(time + period, () => sends(number + 1));
    };
    attacks.put(0, () => sends(0));
  }

  playHonest();
  if (attack.kind !== 'none') playAttack(attack);
  for (;;) {
    const next = [honest, attacks, flying].reduce((first, other) => (other.time < first.time ? other : first));
    if (next.time === Infinity) return out;
    next.run();
  }
}
