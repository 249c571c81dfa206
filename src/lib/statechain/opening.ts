/** Parts of an opening: terms, first entry, first backup. Not here: its steps (`open.ts`). */
import { scriptOf } from '../bitcoin/address.ts';
import type { Funding } from '../bitcoin/funding.ts';
import type { Network } from '../bitcoin/network.ts';
import { checkDust } from '../bitcoin/script.ts';
import type { Output } from '../bitcoin/transaction.ts';
import { openSpend } from '../contract/joint-spend.ts';
import type { Hand } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { answerOf, checkAnswer, finishIn } from '../signing/exchange.ts';
import { ownerJob } from './jobs.ts';
import { isOwners, type OwnerRecord, type Statecoin } from './records.ts';
import type { OwnerEntry } from './statements.ts';
import {
  checkKeys,
  checkLock,
  checkTermsWithin,
  knownTip,
  NO_OFFSET,
  scriptOfCoin,
  termsFrom,
  viewOf,
  type Coin,
  type Offer,
  type Terms,
} from './terms.ts';
import { backup, backupSighash } from './transactions.ts';

export const outputOf = (terms: Terms): Output => ({ sat: terms.amount_sat, script: scriptOfCoin(terms) });

/** The first owner, as the terms have it. */
export function firstEntry(coin: Coin): OwnerEntry {
  const { operator_pubkey, owner_pubkey, owner_auth, owner_address: address, locktime } = coin.terms;
  const sighash = backupSighash(coin, { address, locktime });
  return { operator_pubkey, owner_pubkey, owner_auth, offset: NO_OFFSET, address, locktime, sighash };
}

export function agree(
  network: Network,
  offer: Offer,
  side: Parameters<typeof termsFrom>[2],
  input: { amount: bigint; operator?: string; maxLock?: number },
  tip: number | 'not-checked',
): Terms {
  if (input.operator !== undefined && input.operator !== offer.operator)
    throw new Refusal(
      'operator-differs',
      `an offer of the operator ${offer.operator} found, ${input.operator} expected`,
      {
        blame: 'operator',
      },
    );
  const at = knownTip(tip);
  const terms = termsFrom(network, offer, side, input.amount, at);
  checkKeys(terms, 'operator');
  checkTermsWithin(terms, offer.policy, at);
  checkLock(terms.locktime - at, input.maxLock);
  checkAmount(terms);
  return terms;
}

/**
 * Checks, for the operator, a coin that answers its offer.
 * @throws Refusal `terms-differ`, `out-of-policy`, `below-dust`
 */
export function checkOffered(offer: Offer, terms: Terms, tip: number): void {
  // The offer was found by its share's key, so that key needs no check.
  if (terms.operator !== offer.operator)
    throw new Refusal('terms-differ', 'the coin names another operator than the offer', { blame: 'owner' });
  checkTermsWithin(terms, offer.policy, tip);
  checkAmount(terms);
}
function checkAmount({ amount_sat: sat, owner_address: address, network }: Terms): void {
  const output = { sat, script: scriptOf(address, network) };
  checkDust(output, (least) => `a coin of ${sat} sat found, at least ${least} expected`);
}

type Proposing = Coin & Pick<Extract<Statecoin, { state: 'proposed' }>, 'own' | 'side'>;

export function propose(
  hand: Hand,
  { id, terms, outpoint, own, side }: Proposing,
  funding: Funding,
  coins: readonly string[],
) {
  const coin = { id, terms, outpoint };
  const entry = firstEntry(coin);
  const job = ownerJob(own, entry, backup(coin, entry));
  return openSpend(hand, job, 'backup', 'proposed', { coin: viewOf(coin) }, () => ({
    writes: { coin: { role: 'owner', state: 'proposed', ...coin, own, side, funding, coins, nonce: entry.sighash } },
  }));
}

/**
 * The owner completes the backup that it opened.
 * @throws Refusal `nonce-consumed` for another answer than the first
 */
export function complete(
  hand: Hand,
  had: Extract<Statecoin, { role: 'owner'; state: 'proposed' | 'owned' }>,
  answer: string,
) {
  if (isOwners(had)) {
    checkAnswer(had.answer, answer, 'backup', 'operator');
    return { record: had, spends: [] };
  }
  const { id, terms, outpoint, own, side, funding, coins } = had;
  const entry = firstEntry(had);
  const job = ownerJob(own, entry, backup(had, entry));
  const { hex, spends } = finishIn(hand, job, answer);
  const record: Extract<OwnerRecord, { state: 'owned' }> = {
    role: 'owner',
    state: 'owned',
    id,
    terms,
    outpoint,
    own,
    side,
    entries: [entry],
    backups: [hex],
    cancelled: [],
    receipt: null,
    answer: answerOf(answer),
    funding,
    coins,
    given: [],
    withdrawals: [],
    minRemaining: 0,
    minConf: 0,
    restored: false,
    declined: false,
    superseded: false,
  };
  return { record, spends };
}
