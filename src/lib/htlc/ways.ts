/**
 * The way out of an HTLC that its funder can go alone: the refund, at the feerate of the day it is made, from its lock on. By
 * size, from a message of a swap, and finished, as `htlc refund` makes it.
 * Not here: the transaction (`spend.ts`), how packages are made of it (`contract/exit-package.ts`).
 */
import { feeFor } from '../bitcoin/fee.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Exit } from '../contract/exit-package.ts';
import { ANY_SCRIPT, type Leg, type WayOut } from '../contract/quote.ts';
import type { Hex } from '../protocol/action.ts';
import type { Document } from '../protocol/message.ts';
import type { Lock } from './lock.ts';
import { spend } from './spend.ts';
import { htlcsOf, type SwapAnswer, type SwapOffer, type Swapper, type SwapTerms } from './swap-terms.ts';
import type { Htlc } from './terms.ts';

/** Amount of a coin by which a refund is sized: any that its fee leaves something of. */
const ENOUGH = 10n ** 9n;

/** Returns the first moment of a transaction with this lock, and its wait. */
function locked({ kind, value }: Lock): Pick<Leg, 'validFrom' | 'wait'> {
  switch (kind) {
    case 'height':
      return { validFrom: { height: value + 1 }, wait: null };
    case 'time':
      return { validFrom: { median_time: value + 1 }, wait: null };
    case 'blocks':
      return { validFrom: null, wait: { blocks: value } };
    case 'seconds':
      return { validFrom: null, wait: { seconds: value } };
  }
}

/** Returns the refund of an HTLC by its size. @param feerate satoshis for 1000 vB */
export function refundWay(who: string, htlc: Htlc, feerate: number, script: Hex = ANY_SCRIPT): WayOut {
  const coin = { txid: '00'.repeat(32), vout: 0, sat: ENOUGH };
  const { vsize, feeSat } = spend(htlc, 'refund', { coin, to: script, feerate, allowFee: true });
  return { who, script, legs: [{ vsize, feeSat, childVsize: null, bears: true, ...locked(htlc.lock) }] };
}

/** Sizes of swap refunds, by the length of the height in the script, the only part that varies. */
const sizes = new Map<number, number>();
/** Returns the refund of one side of a swap. An HTLC is built for the first of each size alone. */
export function swapWay(who: Swapper, terms: SwapTerms, feerate: number): WayOut {
  const height = who === 'initiator' ? terms.offer.expiry : terms.answer.expiry;
  const bytes = Math.ceil((height.toString(2).length + 1) / 8);
  const which = who === 'initiator' ? 'first' : 'second';
  const vsize = sizes.get(bytes) ?? refundWay(who, htlcsOf(terms)[which], 0).legs[0]!.vsize;
  sizes.set(bytes, vsize);
  const at = locked({ kind: 'height', value: height });
  return {
    who,
    script: ANY_SCRIPT,
    legs: [{ vsize, feeSat: feeFor(feerate, vsize), childVsize: null, bears: true, ...at }],
  };
}

/** Returns each party's way out under the terms of a swap message. */
export function waysOfSwap({ step, network, offer, answer }: Document, feerate: number): readonly WayOut[] {
  if (step !== 'offered' && step !== 'accepted') return [];
  // Sizes depend only on the kind of HTLC, so the offer's own keys stand in before there is an answer.
  const terms = { network, offer: offer as SwapOffer, answer: (answer as SwapAnswer | undefined) ?? offer };
  return [swapWay('initiator', terms, feerate), ...(answer ? [swapWay('responder', terms, feerate)] : [])];
}

/** Returns a finished refund as a way out. @param spent the HTLC's coin @param script that it pays */
export const refundExit = ({ network, hash }: Htlc, hex: Hex, spent: Spent, script: Hex): Exit => ({
  contract: hash.sha256 ?? hash.hash160,
  network,
  script,
  steps: [{ hex, spends: [spent], by: null, why: 'takes the coin back once its lock has ended', bears: true }],
});
