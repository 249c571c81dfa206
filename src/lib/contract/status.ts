/**
 * Records of a family as `status` shows them: the coin that tells how each stands, and its line.
 * Not here: how the chain is asked (`engine/status.ts`), what a verdict says (each family).
 */
import type { Claim, Facts, Hex, Kind } from '../protocol/action.ts';
import type { Duty } from './duty.ts';
import type { MomentFields } from './moment.ts';
import type { TrackedCoin, ChainFacts } from './outcome.ts';
import { exitQuoteOf, type ExitQuote, type WayOut } from './quote.ts';

/**
 * Standing of a contract for who may leave it.
 *
 *   early     nothing presses
 *   due       act now
 *   late      the other side may be faster
 *   pending   the coin is spent, not finally or not known by what
 *   done      it is settled
 *   lost      it is, for less than this home had
 *   unfunded  the funding is not on the chain yet
 *   dead      it never will be: its inputs are gone, or it expired with nothing paid
 *   unknown   no height given
 */
export type Verdict = 'early' | 'due' | 'late' | 'pending' | 'done' | 'lost' | 'unfunded' | 'dead' | 'unknown';

/** Line of `status`. A field that a family does not have is absent. */
export interface StatusLine {
  type: 'status';
  version: 1;
  /** Id of the contract; before it has one, this party's key. */
  contract: Hex;
  role: string;
  state: string;
  verdict?: string;
  /** Cost of leaving alone at today's fees. */
  quote?: ExitQuote;
  /** Transaction of `watch` that falls due first, by the record alone; absent if none does. */
  next_duty?: NextDuty;
  notes: string[];
}
/** Returns the fields with which each line begins. */
export const statusHead = (contract: Hex, { role, state }: Pick<StatusLine, 'role' | 'state'>) =>
  ({ type: 'status', version: 1, contract, role, state }) as const;
export type NextDuty = Pick<Duty, 'does' | 'why'> & MomentFields & { deadline_height: number | null };

/** Chain facts for `status`; `feerate` is present if the family asks for it. */
export type StatusFacts = Pick<Facts, 'tip'> & ChainFacts & Partial<Pick<Facts, 'feerate'>>;

/** Returns the cost of a way out. `feerate` must be present. */
export const exitQuoteBy = (way: WayOut, { tip, feerate }: Pick<StatusFacts, 'tip' | 'feerate'>): ExitQuote =>
  exitQuoteOf(way, { tip, feerate: feerate! });

/** Flags of `status` that a family's lines answer. */
export interface StatusOptions {
  /** Wanted share of the balance in tokens, in percent. */
  float?: number | undefined;
  /** Tokens that the wallet still holds, in satoshis. */
  tokens?: bigint | undefined;
}

/** Records of one kind in `status`. */
export interface StatusSource<R, B = never> {
  kind: Kind<R>;
  /** Second record that belongs to each line, found by its claim. */
  beside?: { kind: Kind<B>; of(record: R): Claim | undefined };
  /** Coin whose outcome decides the standing. `ended`: its spender need not be searched. */
  coin?(record: R): (TrackedCoin & { ended: boolean }) | undefined;
  /** Blocks are searched for the transactions in `ways`. */
  blocks?: 'ways';
  /** True if the line includes an exit quote. */
  feerate?: true;
  line(name: Hex, record: R, facts: StatusFacts, wanted: StatusOptions, beside?: B): StatusLine;
}
