/**
 * The way out of an HTLC that its funder can go alone: the refund, at the feerate of the day it is
 * made, from its lock on. By size, from a message of a swap, and finished, as `htlc refund` makes
 * it. Also the transaction that any document carries: what `broadcast` sends, and `bump` pays for.
 * Not here: the transaction (`spend.ts`), how packages are made of it (`contract/exit-package.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { feeFor } from '../bitcoin/fee.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { readPsbt, templateOf } from '../bitcoin/psbt.ts';
import { parseTransaction, type Spent } from '../bitcoin/transaction.ts';
import { fundingIn, type Settlement } from '../contract/copy.ts';
import type { Exit } from '../contract/exit-package.ts';
import { ANY_SCRIPT, type WayOut } from '../contract/quote.ts';
import type { Hex } from '../protocol/action.ts';
import type { Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { validFrom } from './lock.ts';
import { spend } from './spend.ts';
import { htlcsOf, type SwapAnswer, type SwapOffer, type Swapper, type SwapTerms } from './swap-terms.ts';
import type { Htlc } from './terms.ts';

/** Amount of a coin by which a refund is sized: any that its fee leaves something of. */
const ENOUGH = 10n ** 9n;

/** Returns the refund of an HTLC by its size. @param feerate satoshis for 1000 vB */
export function refundWay(who: string, htlc: Htlc, feerate: number, script: Hex = ANY_SCRIPT): WayOut {
  const coin = { txid: '00'.repeat(32), vout: 0, sat: ENOUGH };
  const { vsize, feeSat } = spend(htlc, 'refund', { coin, to: script, feerate, allowFee: true });
  return { who, script, legs: [{ vsize, feeSat, childVsize: null, bears: true, from: [validFrom(htlc.lock)] }] };
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
  return {
    who,
    script: ANY_SCRIPT,
    legs: [{ vsize, feeSat: feeFor(feerate, vsize), childVsize: null, bears: true, from: [{ height: height + 1 }] }],
  };
}

/** Returns each party's way out under the terms of a swap message. */
export function waysOfSwap({ step, network, offer, answer }: Document, feerate: number): readonly WayOut[] {
  if (step !== 'offered' && step !== 'accepted') return [];
  // Sizes depend only on the kind of HTLC, so the offer's own keys stand in before there is an answer.
  const terms = { network, offer: offer as SwapOffer, answer: (answer as SwapAnswer | undefined) ?? offer };
  return [swapWay('initiator', terms, feerate), ...(answer ? [swapWay('responder', terms, feerate)] : [])];
}

/**
 * Returns a finished refund as a way out.
 * @param spent the HTLC's coin
 * @param script that it pays
 */
export const refundExit = ({ network, hash }: Htlc, hex: Hex, spent: Spent, script: Hex): Exit => ({
  contract: hash.sha256 ?? hash.hash160,
  network,
  script,
  steps: [{ hex, spends: [spent], by: null, why: 'takes the coin back once its lock has ended', bears: true }],
});

/**
 * Returns the transaction that a printed document carries; undefined for one of another family.
 * @throws Refusal `not-signed` while signatures are missing
 */
export function htlcSettlement(document: Document): Settlement | undefined {
  const { type, step, network, hex } = document;
  if (!/^htlc-(?:fund|claim|refund|cooperate|swap)$/.test(String(type))) return undefined;
  if (type === 'htlc-swap' && (step === 'funded' || step === 'matched'))
    return fundingIn(network, String(document['psbt']?.[step === 'funded' ? 'first' : 'second']));
  if (typeof hex !== 'string')
    throw new Refusal('not-signed', `the transaction of this ${type} is not fully signed yet`);
  return { network, hex, spends: spentIn(document, hex) };
}

/** Returns the coins that it spends, as the document states them. */
function spentIn(document: Document, hex: Hex): readonly Spent[] {
  const { type, htlc, htlcs, offer, utxo } = document;
  if (type === 'htlc-cooperate') return [{ ...utxo, sat: BigInt(document['amount_sat']), script: htlc.output_script }];
  const [first] = parseTransaction(hex).inputs;
  const spent: Outpoint = { txid: bytesToHex(first!.txid), vout: first!.index };
  if (type === 'htlc-swap') {
    const isFirst = outpointText(spent) === outpointText(document['first'] as Outpoint);
    const sat = BigInt(isFirst ? offer.give_sat : offer.want_sat);
    return [{ ...spent, sat, script: htlcs[isFirst ? 'first' : 'second'].output_script }];
  }
  const { inputs } = templateOf(readPsbt(document['psbt']));
  if (type === 'htlc-fund') return inputs;
  return [{ ...inputs[0]!, sat: BigInt(document['amount_sat']) + BigInt(document['fee_sat']) }];
}
