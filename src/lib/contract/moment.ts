/** First moments of transactions, in documents and tables. Not here: the chain's (`duty.ts`). */

/**
 * First moment at which a transaction can be in a block; null: at once. A height is that of the
 * block, a median time that of the eleven blocks before it (BIP113): both are one above the lock.
 * Confirmations and seconds are those of its coin (BIP68).
 */
export type Moment =
  { height: number } | { median_time: number } | { confirmations: number } | { seconds: number } | null;

/** First moment of a duty as JSON fields; at most one is set. */
export interface MomentFields {
  from_height?: number;
  from_time?: number;
  after_confirmations?: number;
  after_seconds?: number;
}
export function momentIn(from: Moment): MomentFields {
  if (from === null) return {};
  if ('height' in from) return { from_height: from.height };
  if ('median_time' in from) return { from_time: from.median_time };
  return 'seconds' in from ? { after_seconds: from.seconds } : { after_confirmations: from.confirmations };
}
/** Returns the moment in a cell of a table. */
export function momentWords({ from_height, from_time, after_confirmations, after_seconds }: MomentFields): string {
  if (after_confirmations !== undefined) return `${after_confirmations} deep`;
  if (after_seconds !== undefined) return `${after_seconds} s old`;
  return String(from_height ?? from_time ?? 'now');
}
