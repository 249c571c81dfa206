/**
 * Records of a family as `status` shows them: the coin that tells how each stands, and its line.
 * Not here: how the chain is asked (`engine/status.ts`), what a verdict says (each family).
 */
import type { Claim, Facts, Hex, Kind } from '../protocol/action.ts';
import type { Duty } from './duty.ts';
import type { Moment } from './moment.ts';
import type { TrackedCoin, ChainFacts } from './outcome.ts';
import { exitQuoteOf, type ExitQuote, type WayOut } from './quote.ts';

/** Line of `status`. A field that a family does not have is absent. */
export interface StatusLine {
  type: 'status';
  version: 1;
  /** Id of the contract; the own key before there is one. */
  contract: Hex;
  role: string;
  state: string;
  verdict?: string;
  /** Price of leaving alone, as fees are now. */
  quote?: ExitQuote;
  /** Transaction of `watch` that falls due first, by the record alone; absent where there is none. */
  next_duty?: NextDuty;
  notes: string[];
}
export type NextDuty = Pick<Duty, 'does' | 'why'> & Moment & { deadline_height: number | null };

/** Known facts of the chain. `feerate` is there where the family asks for it. */
export type StatusFacts = Pick<Facts, 'tip'> & ChainFacts & Partial<Pick<Facts, 'feerate'>>;

/** Returns the price of a way out by the facts of `status`, which must hold a feerate. */
export const exitQuoteBy = (way: WayOut, { tip, feerate }: Pick<StatusFacts, 'tip' | 'feerate'>): ExitQuote =>
  exitQuoteOf(way, { tip, feerate: feerate! });

/** Flags of `status` that a family's lines answer. */
export interface StatusOptions {
  /** Share of the balance that is wanted in tokens, in percent. */
  float?: number | undefined;
  /** Tokens that the wallet still holds, in satoshis. */
  tokens?: bigint | undefined;
}

/** Records of one kind in `status`. */
export interface StatusSource<R, B = never> {
  kind: Kind<R>;
  /** Record beside each that its line speaks of too, by its claim. */
  beside?: { kind: Kind<B>; of(record: R): Claim | undefined };
  /** Coin that tells how the record stands; `ended`: nobody needs to look for what spent it. */
  coin?(record: R): (TrackedCoin & { ended: boolean }) | undefined;
  /** Blocks that are searched for the transactions that may spend a coin. */
  blocks?: 'ways';
  /** True where the line states what leaving costs now. */
  feerate?: true;
  line(name: Hex, record: R, facts: StatusFacts, wanted: StatusOptions, beside?: B): StatusLine;
}
