/**
 * Terms of two parties that swap coins: two HTLCs on one hash, the initiator's and the responder's,
 * and the order of heights that keeps either from losing both.
 *
 *   tip … fund by … match by … claim by … second expires … first expires
 *          s − 3m     s − 2m     s − m          s            ≥ s + m
 *
 * The initiator knows the preimage and funds first; it must have claimed the second HTLC before
 * that can be refunded, and the responder then has at least m blocks to claim the first. Between
 * any two deadlines lie m blocks to confirm.
 */
import * as v from 'valibot';
import { checkCoin } from '../bitcoin/coin-checks.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { ANY_SCRIPT } from '../contract/quote.ts';
import type { Facts, Party } from '../protocol/action.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { height, hexOf, pubkey, sat } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { createHtlc } from './create.ts';
import { spend } from './spend.ts';
import { hashFrom, type Htlc } from './terms.ts';
import { htlcSchema, viewOf } from './view.ts';

export type Swapper = 'initiator' | 'responder';

/** One side's fresh keys. */
const side = v.strictObject({
  claim_pubkey: pubkey,
  claim_auth: hexOf(32),
  refund_pubkey: pubkey,
  refund_auth: hexOf(32),
});
export type SwapSide = v.InferOutput<typeof side>;

export const SWAP_LIMITS = {
  margin: { unit: 'blocks', least: 1, most: 10_000 },
  /** Margin that this side wants. */
  agreed: { unit: 'blocks', least: (asked: number) => asked },
  /** The initiator's: room for the responder's before it. */
  offer: { unit: 'height', least: (tip: number, margin: number) => tip + 4 * margin + 1 },
  /** The initiator's: the responder claims last. */
  order: { unit: 'height', least: (answer: number, margin: number) => answer + margin },
  /** Range of a step that ends at a height. */
  step: { unit: 'height', most: (end: number) => end - 1 },
} satisfies Limits;
const blocks = wholeIn(SWAP_LIMITS.margin);
export const offerSchema = v.strictObject({
  /** SHA256 of the preimage that the initiator knows. */
  hash: hexOf(32),
  /** Amount that the initiator locks, and amount that it wants to be locked for it. */
  give_sat: sat,
  want_sat: sat,
  /** Height from which the initiator can refund its coin. */
  expiry: height,
  margin_blocks: blocks,
  side,
});
export const answerSchema = v.strictObject({ expiry: height, side });
export const htlcsSchema = v.strictObject({ first: htlcSchema, second: htlcSchema });
export type SwapOffer = v.InferOutput<typeof offerSchema>;
export type SwapAnswer = v.InferOutput<typeof answerSchema>;

export interface SwapTerms {
  network: Network;
  offer: SwapOffer;
  answer: SwapAnswer;
}
/** `first` is locked by the initiator, `second` by the responder. */
export interface SwapHtlcs {
  first: Htlc;
  second: Htlc;
}

/** Both HTLCs follow from the terms. @throws Refusal `key-rejected` */
export function htlcsOf({ network, offer, answer }: SwapTerms): SwapHtlcs {
  const one = (claimer: SwapSide, refunder: SwapSide, expiry: number): Htlc =>
    createHtlc({
      network,
      variant: 'standard',
      type: 'p2tr',
      hash: hashFrom(offer.hash),
      claim: { pubkey: claimer.claim_pubkey, auth: claimer.claim_auth },
      refund: { pubkey: refunder.refund_pubkey, auth: refunder.refund_auth },
      lock: { kind: 'height', value: expiry },
      cooperative: true,
    });
  return {
    first: one(answer.side, offer.side, offer.expiry),
    second: one(offer.side, answer.side, answer.expiry),
  };
}

export function swapViews(terms: SwapTerms) {
  const { first, second } = htlcsOf(terms);
  return { first: viewOf(first), second: viewOf(second) };
}

/** All keys of both sides are different. @throws Refusal `key-rejected` */
export function checkSides(offer: SwapOffer, answer: SwapAnswer, from: Party): void {
  const keys = [offer.side, answer.side].flatMap((s) => [
    s.claim_pubkey.slice(2),
    s.refund_pubkey.slice(2),
    s.claim_auth,
    s.refund_auth,
  ]);
  if (new Set(keys).size !== keys.length)
    throw new Refusal('key-rejected', 'a key of the swap is used twice', { blame: from });
}

type Tip = Facts['tip'];
export const fundBy = ({ offer, answer }: Pick<SwapTerms, 'offer' | 'answer'>): number =>
  answer.expiry - 3 * offer.margin_blocks;
export const matchBy = ({ offer, answer }: Pick<SwapTerms, 'offer' | 'answer'>): number =>
  answer.expiry - 2 * offer.margin_blocks;
export const claimBy = ({ offer, answer }: Pick<SwapTerms, 'offer' | 'answer'>): number =>
  answer.expiry - offer.margin_blocks;

/** @throws Refusal `unsafe-expiry` if the responder would have no time for its claim */
export function checkOrder({ offer, answer }: Pick<SwapTerms, 'offer' | 'answer'>): void {
  const { margin_blocks: margin } = offer;
  if (offer.expiry < SWAP_LIMITS.order.least(answer.expiry, margin))
    throw new Refusal(
      'unsafe-expiry',
      `expiries ${offer.expiry} (initiator) and ${answer.expiry} (responder) found, ${answer.expiry + margin} or later expected for the initiator's: the responder claims last and needs ${margin} blocks`,
    );
}

/** @throws Refusal `expired` from the height on at which a step would leave too little time */
export function checkTime(tip: Tip, by: number, what: string): void {
  if (tip !== 'not-checked' && tip > SWAP_LIMITS.step.most(by))
    throw new Refusal('expired', `height ${tip} found; ${what} only before ${by}`, {
      hint: 'nothing is lost: what was funded is refunded at its expiry',
    });
}

/** Blocks between deadlines, unless both say less. */
export const MARGIN = 36;
/** Default confirmations of the counterparty's payment. */
export const minConfOf = (network: string): number => (network === 'regtest' ? 1 : 3);

/** Checks the initiator's margin. @throws Refusal `unsafe-expiry` below this side's least */
export function checkMargin({ margin_blocks: margin }: SwapOffer, least: number): void {
  if (margin < SWAP_LIMITS.agreed.least(least))
    throw new Refusal('unsafe-expiry', `a margin of ${margin} blocks found, at least ${least} expected`, {
      blame: 'initiator',
      hint: 'give --margin if less is meant',
    });
}

/** Checks that an offer leaves room for an answer. @throws Refusal `unsafe-expiry` */
export function checkOffer({ expiry, margin_blocks: margin }: SwapOffer, tip: Tip): void {
  if (tip !== 'not-checked' && expiry < SWAP_LIMITS.offer.least(tip, margin))
    throw new Refusal(
      'unsafe-expiry',
      `an expiry at ${expiry} found, later than ${tip + 4 * margin} expected: four times ${margin} blocks from now`,
    );
}

/**
 * Refuses amounts for which either coin is not worth the fee of its spend.
 * @throws Refusal `below-dust`, `fee-too-high`
 */
export function checkAmounts(terms: SwapTerms): void {
  const { first, second } = htlcsOf(terms);
  for (const [htlc, amount] of [
    [first, terms.offer.give_sat],
    [second, terms.offer.want_sat],
  ] as const)
    spend(htlc, 'refund', {
      coin: { txid: '00'.repeat(32), vout: 0, sat: amount },
      to: ANY_SCRIPT,
      feerate: 1000,
    });
}

/**
 * Refuses to go on before the counterparty has paid its HTLC. Without a node nobody knows, and
 * going on could give the own coin away: then only with `unchecked`.
 * @throws Refusal `funding-missing`, `funding-unconfirmed`, `unsafe-funding`, `funding-unchecked`
 */
export function checkPaid(
  coins: Facts['coins'],
  coin: Spent,
  minConf: number,
  from: Swapper,
  unchecked: boolean,
): string {
  if (coins !== 'not-checked' || unchecked) return checkCoin(coins, coin, { minConf, blame: from });
  throw new Refusal(
    'funding-unchecked',
    `no node says that the ${from} has paid ${coin.sat} sat to its HTLC at ${outpointText(coin)}`,
    {
      hint: 'give --chain URL; --unchecked goes on all the same, and loses everything where it is not so',
    },
  );
}
