/** Gauges of a home for a metrics server, from sums over records. Not here: `serve/metrics.ts`. */
import type { Kind } from '../protocol/action.ts';
import type { Totals } from '../protocol/figures.ts';
import type { Watcher } from './watcher.ts';

export interface GaugeNow {
  name: string;
  help: string;
  values: readonly { labels?: Readonly<Record<string, string>>; value: number }[];
}
/** Sums with the node's view of the coins. */
export interface ByChain {
  /** Height of the look. */
  at: number | 'not-checked';
  totals: Totals;
  /** Nearest height at which the home must exit; undefined without a finished exit. */
  deadline: number | undefined;
}
/** A family's gauges. */
export interface FamilyGauges {
  /** Watcher of the records whose coins are looked up. */
  watcher: Watcher<any>;
  /** Kinds whose sums count beside those of the watcher's. */
  beside: readonly Kind<any>[];
  /** Returns the gauges that the records alone give. */
  ofStore(network: string, totals: Totals): readonly GaugeNow[];
  /** Returns the gauges that need the chain. @param tip undefined: the node did not answer */
  ofChain(network: string, found: ByChain, tip: number | 'not-checked' | undefined): readonly GaugeNow[];
}

/** Returns a gauge of one value. */
export const gauge = (name: string, help: string, value: number): GaugeNow => ({
  name: `spillway_${name}`,
  help,
  values: [{ value }],
});
