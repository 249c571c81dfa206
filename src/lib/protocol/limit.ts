/**
 * Limits: how little and how much of something is taken. Each is a row of a table in its rule's
 * file, named `…LIMITS` and read by the rule itself. `test/<room>/limits.test.ts` tries, for every
 * row, one below, the limit and one above. Where a limit depends on other figures, the row has a
 * function of them.
 */
import * as v from 'valibot';

type Unit =
  | 'sat'
  | 'msat'
  | 'sat/vB'
  | 'sat/kvB'
  | 'vB'
  | 'WU'
  | 'bytes'
  | 'characters'
  | 'blocks'
  | 'height'
  | 'confirmations'
  | 'milliseconds'
  | 'seconds'
  | 'Unix seconds'
  | 'items'
  | 'days'
  | 'levels'
  | 'number';
type Figure = number | bigint;
export interface Limit {
  readonly unit: Unit;
  readonly least?: Figure | ((...figures: never[]) => Figure);
  readonly most?: Figure | ((...figures: never[]) => Figure);
}
export type Limits = Readonly<Record<string, Limit>>;

/** Returns whether the row allows the figure. */
export const allows = ({ least, most }: { least?: Figure; most?: Figure }, found: Figure): boolean =>
  (least === undefined || found >= least) && (most === undefined || found <= most);

/** A whole number in JSON that its row allows. */
export const wholeIn = ({ least, most }: { least: number; most: number }) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
