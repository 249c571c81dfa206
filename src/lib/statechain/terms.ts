/**
 * Terms that owner and operator agree on when they open a statecoin, and everything that follows
 * from them alone. A statecoin is one taproot output whose key two parties share: an operator and
 * whoever owns the coin. Its point P never changes; the shares do, with each owner
 * (`signing/key-update.ts`). Owner n holds a backup that pays everything to it from height locktime
 * − n·step on. Each owner can therefore leave without the operator before all earlier ones can. The
 * coin's id is a hash of the terms. The outpoint is not part of it, so that the id exists before
 * the funding.
 */
import * as v from 'valibot';
import { addressOf } from '../bitcoin/address.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { withChecksum } from '../bitcoin/descriptor.ts';
import { EXPIRY_LIMITS } from '../bitcoin/locktime.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Facts, Party } from '../protocol/action.ts';
import { canonicalJson } from '../protocol/json.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { checkDerived, height, hexOf, inOrder, outpoint, pubkey, sat, text } from '../protocol/message.ts';
import { checkSound, checkWithin } from '../protocol/policy.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedTextHash } from '../signing/curve.ts';
import { keySet, type KeySet } from '../signing/keyset.ts';

export const defaultPolicy = (network: Network): Policy => ({
  min_amount_sat: 10_000n,
  max_amount_sat: 100_000_000n,
  initial_blocks: 10_000,
  step_blocks: 100,
  margin_blocks: 144,
  min_remaining_blocks: 288,
  min_conf: network === 'regtest' ? 1 : 3,
});

/** Least step off regtest, so that a backup can confirm before the previous owner's is valid. */
const LEAST_STEP = 36;
const MOST_BLOCKS = 1_000_000;
export const STATECOIN_LIMITS = {
  blocks: { unit: 'blocks', least: 1, most: MOST_BLOCKS },
  confirmations: { unit: 'confirmations', least: 1, most: 1_000 },
  step: {
    unit: 'blocks',
    least: (network: Network) => (network === 'regtest' ? 1 : LEAST_STEP),
    most: () => MOST_BLOCKS,
  },
  /** Blocks that an owner waits for its backup, unless it says otherwise: about a year. */
  lock: { unit: 'blocks', most: 52_560 },
  /** Blocks from the tip to the backup of an owner. */
  remaining: { unit: 'blocks', least: (asked: number) => asked },
  amount: {
    unit: 'sat',
    least: (p: Policy) => p.min_amount_sat,
    most: (p: Policy) => p.max_amount_sat,
  },
  /** Locktime of the first backup: the tips of both sides may differ by the margin. */
  locktime: {
    unit: 'height',
    least: (p: Policy, tip: number) =>
      Math.max(tip + p.initial_blocks - p.margin_blocks, tip + p.step_blocks + p.min_remaining_blocks),
    most: (p: Policy, tip: number) => tip + p.initial_blocks + p.margin_blocks,
  },
} satisfies Limits;

/**
 * @throws Refusal `usage` for a policy that contradicts itself; `malformed-message` for one that
 * came in an offer
 */
export function checkPolicy(p: Policy, network: Network, from?: Party): Policy {
  const wrong =
    p.min_amount_sat > p.max_amount_sat
      ? 'the least amount is above the largest'
      : p.min_remaining_blocks < p.margin_blocks
        ? 'a transfer may begin (minimum remaining) nearer to the lock than it must end (margin)'
        : p.initial_blocks < p.step_blocks + p.min_remaining_blocks
          ? 'the initial lock leaves no room for one transfer'
          : p.step_blocks < STATECOIN_LIMITS.step.least(network)
            ? `the step is below ${LEAST_STEP} blocks`
            : undefined;
  checkSound(wrong, from);
  return p;
}

const blocks = wholeIn(STATECOIN_LIMITS.blocks);
const confirmations = wholeIn(STATECOIN_LIMITS.confirmations);

const policySchema = v.strictObject({
  min_amount_sat: sat,
  max_amount_sat: sat,
  /** Blocks from the tip until the first backup becomes valid. */
  initial_blocks: blocks,
  /** Blocks by which the locktime of each owner's backup is below that of the owner before. */
  step_blocks: blocks,
  /** A transfer under way ends where the new backup would be valid in fewer blocks. */
  margin_blocks: blocks,
  /** A transfer begins only where the new backup is at least so many blocks away. */
  min_remaining_blocks: blocks,
  min_conf: confirmations,
});
/** Policy of an operator, stated in its offer. */
export type Policy = v.InferOutput<typeof policySchema>;

export const offerSchema = v.strictObject({
  /** Operator's own key (x-only), one for all its coins. It seals messages and statements. */
  operator: hexOf(32),
  pubkey,
  policy: policySchema,
});
export type Offer = v.InferOutput<typeof offerSchema>;

export const termsEntries = {
  operator: hexOf(32),
  operator_pubkey: pubkey,
  owner_pubkey: pubkey,
  owner_auth: hexOf(32),
  owner_address: text,
  amount_sat: sat,
  /** nLockTime of the first backup. */
  locktime: height,
  step_blocks: blocks,
  margin_blocks: blocks,
  min_remaining_blocks: blocks,
  min_conf: confirmations,
};
const termsSchema = v.strictObject(termsEntries);
export type Terms = v.InferOutput<typeof termsSchema> & { network: Network };

/** Coin in messages: its terms and the values derived from them. */
const coinEntries = {
  id: hexOf(32),
  ...termsEntries,
  address: text,
  descriptor: text,
  outpoint,
};
export const coinSchema = v.strictObject(coinEntries);
export type CoinView = v.InferOutput<typeof coinSchema>;

/** A coin as records hold it. */
export interface Coin {
  id: string;
  terms: Terms;
  outpoint: Outpoint;
}

/** The offset of the first pair: P is then its plain aggregate. */
export const NO_OFFSET = '00'.repeat(32);

export const coinId = (terms: Terms): string =>
  bytesToHex(taggedTextHash('spillway/statechain/terms', canonicalJson(terms)));

/** Returns the key set of the first pair; every later pair leads to the same output. */
export const firstKeys = (terms: Terms): KeySet =>
  keySet([terms.operator_pubkey, terms.owner_pubkey], { offset: NO_OFFSET });
/** Returns P, the internal key of the taproot output (33 bytes, hex). */
export const pointOf = (terms: Terms): string => firstKeys(terms).internalKey;
export const scriptOfCoin = (terms: Terms): string => firstKeys(terms).script;
export const coinAddress = (terms: Terms): string => addressOf(scriptOfCoin(terms), terms.network)!;
/** Returns the descriptor for wallets that watch: they see one key. */
export const coinDescriptor = (terms: Terms): string => withChecksum(`tr(${pointOf(terms).slice(2)})`);
export const spentCoin = ({ terms, outpoint: at }: Coin): Spent => ({
  ...at,
  sat: terms.amount_sat,
  script: scriptOfCoin(terms),
});

/** The coin as messages show it, its fields always in the same order. */
export function viewOf({ id, terms, outpoint: at }: Coin): CoinView {
  const all = { ...terms, id, address: coinAddress(terms), descriptor: coinDescriptor(terms), outpoint: at };
  return inOrder(coinEntries, all) as CoinView;
}

/**
 * A coin that another party states: everything derived follows from its terms.
 * @throws Refusal `key-rejected`, `terms-differ`
 */
export function readCoin(view: CoinView, network: Network, from: Party): Coin {
  const { id: _, address: __, descriptor: ___, outpoint: at, ...stated } = view;
  const terms = { network, ...stated };
  checkKeys(terms, from);
  const coin = { id: coinId(terms), terms, outpoint: at };
  checkDerived('coin', viewOf(coin), view, from);
  return coin;
}

/** @throws Refusal `key-rejected` for keys that are no points, are equal, or sum to nothing */
export function checkKeys(terms: Terms, from: Party): void {
  const refuse = (why: string) => new Refusal('key-rejected', why, { blame: from });
  const signing = [terms.operator_pubkey.slice(2), terms.owner_pubkey.slice(2)];
  if (signing[0] === signing[1]) throw refuse("operator's and owner's keys are the same point");
  if ([terms.operator, terms.owner_auth].some((key) => signing.includes(key)))
    throw refuse('a key is used for signing and for authentication');
  try {
    firstKeys(terms);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refuse('a key of the coin is no point of the curve');
  }
}

/** The height from which owner `position`'s backup is final; a block later it can be mined. */
export const locktimeAt = (terms: Terms, position: number): number => terms.locktime - position * terms.step_blocks;
/** Returns the height from which the previous owner's backup is final; null: there is none. */
export const confirmBefore = (terms: Terms, position: number): number | null =>
  position === 0 ? null : locktimeAt(terms, position - 1);
/** Returns the number of further owners that the coin can have at this height. */
export const transfersLeft = (terms: Terms, position: number, tip: number): number =>
  Math.max(0, Math.floor((locktimeAt(terms, position) - tip - terms.min_remaining_blocks) / terms.step_blocks));

/** Returns the height, which is never guessed. @throws Refusal `tip-required` */
export function knownTip(tip: Facts['tip']): number {
  if (tip !== 'not-checked') return tip;
  throw new Refusal('tip-required', 'no height found, and locktimes matter here', {
    hint: 'give --tip HEIGHT or --chain URL',
  });
}

/**
 * @throws Refusal `expired` where owner `position`'s backup would be valid in fewer than `least`
 * blocks
 */
export function checkRemaining(terms: Terms, position: number, tip: number, least: number): void {
  const remaining = locktimeAt(terms, position) - tip;
  if (remaining < STATECOIN_LIMITS.remaining.least(least))
    throw new Refusal('expired', `${remaining} blocks until the backup of owner ${position} found, ${least} expected`, {
      hint: 'withdraw, or exit with the backup at its height',
    });
}

/** @throws Refusal `out-of-policy` where a step leaves no time between two owners, off regtest */
export const checkStep = ({ step_blocks, network }: Terms): void =>
  checkWithin('step_blocks', step_blocks, STATECOIN_LIMITS.step.least(network), STATECOIN_LIMITS.step.most());
/**
 * @param most --max-lock, else a year
 * @throws Refusal `out-of-policy` where an owner would wait longer than that for its backup
 */
export function checkLock(away: number, most: number = STATECOIN_LIMITS.lock.most): void {
  if (away > most)
    throw new Refusal('out-of-policy', `a backup ${away} blocks away found, at most ${most} expected`, {
      hint: 'give --max-lock if this is meant',
    });
}

/** Returns the terms by offer and choice. @throws Refusal `malformed-message`, as `checkPolicy` */
export function termsFrom(
  network: Network,
  offer: Offer,
  owner: { pubkey: string; auth: string; address: string },
  amount: bigint,
  tip: number,
): Terms {
  const { policy } = offer;
  checkPolicy(policy, network, 'operator');
  return {
    network,
    operator: offer.operator,
    operator_pubkey: offer.pubkey,
    owner_pubkey: owner.pubkey,
    owner_auth: owner.auth,
    owner_address: owner.address,
    amount_sat: amount,
    locktime: tip + policy.initial_blocks,
    step_blocks: policy.step_blocks,
    margin_blocks: policy.margin_blocks,
    min_remaining_blocks: policy.min_remaining_blocks,
    min_conf: policy.min_conf,
  };
}

/**
 * @throws Refusal `out-of-policy` naming the bound that the terms leave; a tip of the other's may
 * differ by the margin
 */
export function checkTermsWithin(terms: Terms, policy: Policy, tip: number): void {
  const { amount, locktime } = STATECOIN_LIMITS;
  checkWithin('amount in sat', terms.amount_sat, amount.least(policy), amount.most(policy));
  checkWithin('locktime', terms.locktime, locktime.least(policy, tip), locktime.most(policy, tip));
  checkWithin('locktime', terms.locktime, EXPIRY_LIMITS.height.least, EXPIRY_LIMITS.height.most);
  for (const name of ['step_blocks', 'margin_blocks', 'min_remaining_blocks', 'min_conf'] as const)
    checkWithin(name, terms[name], policy[name], policy[name]);
}
