/** Messages and flags of a rollover. Not here: its steps (`rollover.ts`). */
import * as v from 'valibot';
import type { Expiry } from '../bitcoin/locktime.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { hexOf, hexText, messageParser, outpoint, psbt, sat, text, type MessageOf } from '../protocol/message.ts';
import type { OfferInput } from './offer.ts';
import { contractSchema, offerSchema } from './terms.ts';

export const ROLL_LIMITS = {
  topUps: { unit: 'items', most: 100 },
  /** 34 bytes: no output of native segwit is longer. */
  script: { unit: 'characters', most: 68 },
} satisfies Limits;

const base = { contract: contractSchema, paid_sat: sat, receipt: v.nullable(hexOf(64)) };
const pair = {
  ...base,
  next_contract: contractSchema,
  top_ups: v.pipe(
    v.array(
      v.strictObject({
        ...outpoint.entries,
        amount_sat: sat,
        script: v.pipe(hexText, v.maxLength(ROLL_LIMITS.script.most)),
      }),
    ),
    v.maxLength(ROLL_LIMITS.topUps.most),
  ),
  change: v.nullable(v.strictObject({ address: text, amount_sat: sat })),
  fee_sat: sat,
};
const both = v.strictObject({ refund: psbt, rollover: psbt });
const steps = {
  /** A number, so that two are not one. */
  asked: { contract: contractSchema, asked: hexOf(16) },
  offered: { ...base, offer: offerSchema },
  proposed: { ...pair, psbt: both },
  accepted: { ...pair, psbt: both },
  signed: { ...pair, psbt: both },
  complete: { ...pair, txid: hexOf(32), hex: hexText },
} as const;
export type RollMessage = MessageOf<typeof steps>;
export type RollPair = Extract<RollMessage, { step: 'proposed' }>;

export interface RollInput extends OfferInput {
  contract?: Hex;
  amount?: bigint;
  expires?: Expiry;
  utxo?: readonly Spent[];
  ownKey?: string;
  payout?: string;
  change?: string;
  allowFee?: boolean;
  /** Payer: the most that exit and refund of the next contract may cost, satoshis for 1000 vB. */
  maxExitFeerate?: number;
  /** Payee: go on without a height, or without having seen the funding. */
  unchecked?: boolean;
}
export const parseRollover = messageParser('rollover', steps);

/** The payee's key in the next contract: by it both homes find their record. */
export const nextKey = (m: Exclude<RollMessage, { step: 'asked' }>): Hex =>
  'offer' in m ? m.offer.pubkey : m.next_contract.payee_pubkey;
/** Returns the key by which a message names its rollover; a wish names none. */
export const namedBy = (m: RollMessage): Hex => (m.step === 'asked' ? '' : nextKey(m));
