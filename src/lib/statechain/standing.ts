/**
 * Standing of a statecoin for its owner, by the chain, or else by its heights. The one answer that
 * `status` and `statechain-exit` give.
 *
 *   early     its backup is not final yet
 *   due       it can confirm, and nobody else's can
 *   late      so can the backup of the owner before
 *   pending   the coin is spent, not finally, or by what nobody can name
 *   done      its own exit or withdrawal is final
 *   lost      another transaction is
 *   unfunded  its funding is not on the chain
 *   dead      another transaction has taken what would have funded it
 *   unknown   no height given
 *
 * Not here: what is sent and when (`exit.ts`).
 */
import { txidOf, type Template } from '../bitcoin/transaction.ts';
import {
  isFinal,
  outcome,
  outcomeTxText,
  type OutcomeTx,
  type TrackedCoin,
  type ChainFacts,
} from '../contract/outcome.ts';
import type { Verdict } from '../contract/status.ts';
import type { Facts, Hex } from '../protocol/action.ts';
import type { OwnerRecord } from './records.ts';
import { confirmBefore, locktimeAt, type Coin } from './terms.ts';
import { backup, withdraw } from './transactions.ts';

export type StatecoinFacts = Pick<Facts, 'tip'> & ChainFacts;

/** Coin with its known spenders by txid: the sort of each, and whether it is this home's. */
export interface FollowedCoin extends TrackedCoin {
  means: ReadonlyMap<Hex, { words: string; own: boolean }>;
  /** True if every unknown spender is certainly not this owner's. */
  knowsAll: boolean;
}

/** Returns the coin of a record with its known spenders: backups and withdrawals. */
export function followedCoin(c: OwnerRecord): FollowedCoin {
  const last = c.entries.length - 1;
  const made = (template: Template, words: string, own: boolean) => [txidOf(template), { words, own }] as const;
  const means = new Map([
    ...c.entries.map((entry, i) =>
      made(backup(c, entry), i === last ? 'its exit' : `the backup of owner ${i + 1}`, i === last),
    ),
    ...c.withdrawals.map(({ address, feeSat }) => made(withdraw(c, address, feeSat), 'its withdrawal', true)),
  ]);
  // The next owner may have spent a coin that was sent.
  const knowsAll = c.state !== 'gone' && c.state !== 'sent';
  return { outpoint: c.outpoint, ways: [...means.keys()], funding: c.funding?.template.inputs ?? [], means, knowsAll };
}

/** Returns the coin by a bundle, which knows one backup alone. */
export const followedBundle = ({ outpoint }: Pick<Coin, 'outpoint'>, txid: Hex): FollowedCoin => ({
  outpoint,
  ways: [txid],
  means: new Map([[txid, { words: 'its exit', own: true }]]),
  knowsAll: false,
});

/** The heights of a backup. */
export interface Window {
  valid_from_height: number;
  confirm_before_height: number | null;
}

export function windowOf(c: OwnerRecord): Window {
  const position = c.entries.length - 1;
  return {
    valid_from_height: locktimeAt(c.terms, position) + 1,
    confirm_before_height: confirmBefore(c.terms, position),
  };
}

/** @returns the verdict and its reason in words */
export function standingOf(
  coin: FollowedCoin,
  at: Window,
  facts: StatecoinFacts,
): { verdict: Verdict; words?: string } {
  const found = outcome(coin, facts);
  switch (found.is) {
    case 'live':
    case 'unconfirmed':
      return { verdict: byHeight(at, facts.tip) };
    case 'unseen':
      if (found.why === 'not-checked') return { verdict: byHeight(at, facts.tip) };
      return found.why === 'absent'
        ? { verdict: 'unfunded', words: 'its funding is not on the chain' }
        : { verdict: 'pending', words: 'the coin is gone, or never was there, and nobody says what spent it' };
    case 'replaced':
      return {
        verdict: isFinal(found) ? 'dead' : 'unfunded',
        words: `its funding is replaced by ${outcomeTxText(found)}`,
      };
    case 'spending':
    case 'spent':
      return spentBy(coin, found, isFinal(found));
  }
}

function spentBy(
  { means, knowsAll }: FollowedCoin,
  by: OutcomeTx,
  final: boolean,
): { verdict: Verdict; words: string } {
  const { words: what, own } = (by.txid === null ? undefined : means.get(by.txid)) ?? { words: 'another', own: false };
  const words = `spent by ${what}: ${outcomeTxText(by)}`;
  if (!final || (!own && !knowsAll)) return { verdict: 'pending', words };
  return { verdict: own ? 'done' : 'lost', words };
}

function byHeight({ valid_from_height, confirm_before_height }: Window, tip: Facts['tip']): Verdict {
  if (tip === 'not-checked') return 'unknown';
  if (tip < valid_from_height - 1) return 'early';
  // The backup of the owner before is mined from the block after its locktime on.
  return confirm_before_height === null || tip < confirm_before_height ? 'due' : 'late';
}
