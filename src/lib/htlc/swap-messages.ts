/** Messages of `htlc-swap`, and the finished one of a record. Not here: steps (`swap.ts`). */
import * as v from 'valibot';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { fundingPsbt, isSigned } from '../bitcoin/funding.ts';
import type { Expiry } from '../bitcoin/locktime.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction, txidOfHex, type Spent } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { hexOf, hexText, outpoint, psbt, type MessageOf } from '../protocol/message.ts';
import type { Swap } from './swap-records.ts';
import { recorded, statedBy } from './swap-steps.ts';
import { answerSchema, htlcsSchema, offerSchema } from './swap-terms.ts';

const agreed = { offer: offerSchema, answer: answerSchema, htlcs: htlcsSchema };
const funded = { ...agreed, first: outpoint };
const matched = { ...funded, second: outpoint };
const spent = { txid: hexOf(32), hex: hexText };
export const swapSteps = {
  offered: { offer: offerSchema },
  accepted: agreed,
  funded: { ...funded, psbt: v.strictObject({ first: psbt }) },
  matched: { ...matched, psbt: v.strictObject({ second: psbt }) },
  claimed: { ...matched, ...spent },
  settled: { ...matched, ...spent },
  ended: { offer: offerSchema },
} as const;
/** Messages of `htlc swap`, by step. */
export type SwapMessage = MessageOf<typeof swapSteps>;

/** Flags of `htlc swap`. */
export interface SwapInput {
  contract?: Hex;
  as?: 'initiator';
  give?: bigint;
  want?: bigint;
  expires?: Expiry;
  margin?: number;
  minConf?: number;
  utxo?: readonly Spent[];
  change?: string;
  to?: string;
  allowFee?: boolean;
  unchecked?: boolean;
  /** The hash is in another HTLC on purpose. */
  sameHash?: boolean;
  amount?: bigint;
  max?: bigint;
}
/** Returns whether it is the responder's own claim, from which its home goes on too. */
export const claimsFirst = ({ hex, first }: Extract<SwapMessage, { step: 'claimed' }>): boolean =>
  parseTransaction(hex).inputs.some((i) => bytesToHex(i.txid) === first.txid && i.index === first.vout);

/** Returns the printed payment or claim; undefined while a signature is missing. */
export function finishedSwap(swap: Extract<Swap, { paid: Outpoint }>): SwapMessage | undefined {
  const said = { network: swap.network, ...statedBy(recorded(swap)) };
  const { role, paid, theirs, funding } = swap;
  if (role === 'responder' && theirs === null) return undefined;
  const [first, second] = role === 'initiator' ? [paid, theirs] : [theirs!, paid];
  if ('tx' in swap && second)
    return {
      step: swap.state === 'settled' && role === 'responder' ? 'settled' : 'claimed',
      ...said,
      first,
      second,
      txid: txidOfHex(swap.tx),
      hex: swap.tx,
    };
  if (!isSigned(funding)) return undefined;
  return second
    ? { step: 'matched', ...said, first, second, psbt: { second: fundingPsbt(funding) } }
    : { step: 'funded', ...said, first, psbt: { first: fundingPsbt(funding) } };
}
