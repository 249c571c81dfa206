/** Simulation over several seeds, as a document. Not here: a single run (`back-pressure.ts`). */
import { drawTopology, type Topology } from '../gossip/topology.ts';
import { Draws, percent } from '../protocol/draws.ts';
import { simulate, type Attack, type SimOutcome, type SimRules } from './back-pressure.ts';

export interface Setup {
  /** Network, or the number of nodes and channels that are drawn. */
  topology: Topology | { nodes: number; channels: number };
  rules: SimRules;
  attack: Attack;
  seeds: readonly string[];
}

/** Returns least, mean and greatest part of a whole, in percent; null without a whole. */
function spread(
  outcomes: readonly SimOutcome[],
  of: (outcome: SimOutcome) => readonly [number, number],
): object | null {
  const parts = outcomes.map(of).flatMap(([part, whole]) => (whole === 0 ? [] : [part / whole]));
  if (parts.length === 0) return null;
  const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
  return { least: percent(Math.min(...parts)), mean: percent(mean), greatest: percent(Math.max(...parts)) };
}

/** Plays every seed. Rates are printed as text, since they may be fractions. */
export function simulationDocument({ topology, rules, attack, seeds }: Setup): object {
  const outcomes = seeds.map((seed) => {
    const draws = new Draws('sim', seed);
    const network = 'nodes' in topology ? drawTopology(topology.nodes, topology.channels, draws) : topology;
    return simulate(network, rules, attack, draws);
  });
  const { seconds, rate, walk, limit, attackerLimit = limit, burst, floor, relayDepth, retry, also } = rules;
  return {
    type: 'onion-sim',
    version: 1,
    seconds,
    rate: String(rate),
    walk,
    limit: String(limit),
    attacker_limit: String(attackerLimit),
    burst,
    floor: String(floor),
    relay_depth: relayDepth,
    retry,
    also,
    attack: Object.fromEntries(
      Object.entries(attack).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]),
    ),
    honest_delivered_percent: spread(outcomes, ({ honest }) => [honest.delivered, honest.sent]),
    attacker_delivered_percent: spread(outcomes, ({ attacker }) => [attacker.delivered, attacker.sent]),
    misattributed_percent: spread(outcomes, ({ misattributed, halvings }) => [misattributed, halvings]),
    runs: seeds.map((seed, i) => ({ seed, ...outcomes[i]! })),
  };
}
