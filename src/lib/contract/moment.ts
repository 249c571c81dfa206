/** First moments of duties, in documents and tables. Not here: the chain's (`duty.ts`). */

/** First moment at which a transaction can be in the next block; null: at once. */
export type From =
  { height: number } | { median_time: number } | { confirmations: number } | { seconds: number } | null;

/** First moment of a duty as JSON fields; at most one is set. */
export interface Moment {
  from_height?: number;
  from_time?: number;
  after_confirmations?: number;
  after_seconds?: number;
}
export function momentIn(from: From): Moment {
  if (from === null) return {};
  if ('height' in from) return { from_height: from.height };
  if ('median_time' in from) return { from_time: from.median_time };
  return 'seconds' in from ? { after_seconds: from.seconds } : { after_confirmations: from.confirmations };
}
/** Returns the moment in a cell of a table. */
export function momentWords({ from_height, from_time, after_confirmations, after_seconds }: Moment): string {
  if (after_confirmations !== undefined) return `${after_confirmations} deep`;
  if (after_seconds !== undefined) return `${after_seconds} s old`;
  return String(from_height ?? from_time ?? 'now');
}
