/**
 * Standing of a home, as gauges: whether store and node answer, and the sums of its families.
 * Gauges that store or node do not give are left out: a missing one cannot be mistaken for a good
 * one. Pure.
 * Not here: scans (`metrics.ts`), the gauges of a family (`FamilyGauges`).
 */
import { gauge, type ByChain, type FamilyGauges, type GaugeNow } from '../contract/gauges.ts';
import type { Totals } from '../protocol/figures.ts';

/** Findings of a scan; lists are family by family. */
export interface HomeLook {
  network: string;
  /** Sums over the records; undefined: the store did not answer. */
  stored: readonly Totals[] | undefined;
  /** Height of the newest block; undefined: the node did not answer. */
  tip: number | 'not-checked' | undefined;
  /** Sums with the node's view of the coins; undefined until all were looked up. */
  chain: readonly ByChain[] | undefined;
}

/** Returns the gauges of a home. */
export const gaugesOf = (
  families: readonly FamilyGauges[],
  { network, stored, tip, chain }: HomeLook,
): readonly GaugeNow[] => [
  gauge('store_up', 'Whether the store of the home answers.', Number(stored !== undefined)),
  gauge('chain_up', 'Whether the node answers; 1 with a fixed height.', Number(tip !== undefined)),
  ...(typeof tip === 'number' ? [gauge('tip_height', 'Height of the newest block.', tip)] : []),
  ...families.flatMap(({ ofStore, ofChain }, i) => [
    ...(stored ? ofStore(network, stored[i]!) : []),
    ...(chain ? ofChain(network, chain[i]!, tip) : []),
  ]),
];
