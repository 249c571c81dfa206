/** Runs of one simulation over several seeds, as a document. Not here: the simulation (`back-pressure.ts`). */
import { Draws } from '../protocol/draws.ts';
import { drawTopology, simulate, type Attack, type Outcome, type Rules, type Topology } from './back-pressure.ts';

export interface Setup {
  /** A network, or how many nodes and channels are drawn. */
  topology: Topology | { nodes: number; channels: number };
  rules: Rules;
  attack: Attack;
  seeds: readonly string[];
}

/** A part of a whole in hundredths of a percent; null of nothing. */
const hundredths = (part: number, whole: number): number | null =>
  whole === 0 ? null : Math.round((part / whole) * 10_000);
const text = (value: number | null): string | null =>
  value === null ? null : `${Math.floor(value / 100)}.${String(value % 100).padStart(2, '0')}`;

/** Least, mean and greatest of a figure over the seeds, in percent. */
function spread(outcomes: readonly Outcome[], of: (outcome: Outcome) => number | null): object | null {
  const values = outcomes.map(of).filter((value) => value !== null);
  if (values.length === 0) return null;
  const mean = Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
  return { least: text(Math.min(...values)), mean: text(mean), greatest: text(Math.max(...values)) };
}

/** Plays every seed. Rates may be fractions, so they are printed as text. */
export function simulationDocument({ topology, rules, attack, seeds }: Setup): object {
  const outcomes = seeds.map((seed) => {
    const draws = new Draws('sim', seed);
    const network = 'nodes' in topology ? drawTopology(topology.nodes, topology.channels, draws) : topology;
    return simulate(network, rules, attack, draws);
  });
  const { seconds, rate, limit, attackerLimit, burst, floor, relayDepth, retry } = rules;
  return {
    type: 'onion-sim',
    version: 1,
    seconds,
    rate: String(rate),
    limit: String(limit),
    attacker_limit: String(attackerLimit),
    burst,
    floor: String(floor),
    relay_depth: relayDepth,
    retry,
    attack: Object.fromEntries(
      Object.entries(attack).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]),
    ),
    honest_delivered_percent: spread(outcomes, ({ honest }) => hundredths(honest.delivered, honest.sent)),
    attacker_delivered_percent: spread(outcomes, ({ attacker }) => hundredths(attacker.delivered, attacker.sent)),
    misattributed_percent: spread(outcomes, ({ misattributed, halvings }) => hundredths(misattributed, halvings)),
    runs: seeds.map((seed, i) => ({ seed, ...outcomes[i]! })),
  };
}
