/** Messages and flags of an opening. Not here: its steps (`open.ts`). */
import * as v from 'valibot';
import { NOTICE } from '../bitcoin/funding.ts';
import type { Expiry } from '../bitcoin/locktime.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { descriptor, height, hexOf, messageParser, psbt, text, type MessageOf } from '../protocol/message.ts';
import type { OfferInput } from './offer.ts';
import { contractSchema, offerSchema, termsEntries, type Role } from './terms.ts';

const steps = {
  /** Random number that tells two starts apart; no key exists yet to seal it. */
  asked: { asked: hexOf(16) },
  offered: { offer: offerSchema },
  addressed: {
    offer: offerSchema,
    id: hexOf(32),
    terms: v.strictObject(termsEntries),
    address: text,
    descriptor,
    expiry: height,
    notice: v.literal(NOTICE),
  },
  proposed: { contract: contractSchema, psbt: v.strictObject({ refund: psbt }) },
  accepted: { contract: contractSchema, psbt: v.strictObject({ refund: psbt }) },
  ready: { contract: contractSchema, txid: hexOf(32), psbt: v.strictObject({ funding: psbt }) },
} as const;
/** Messages of `open-credit`, by step. */
export type OpenMessage = MessageOf<typeof steps>;

/** Flags of `open-credit`. */
export interface OpenInput extends OfferInput {
  as?: Role;
  amount?: bigint;
  expires?: Expiry;
  utxo?: readonly Spent[];
  funding?: string;
  ownKey?: string;
  payout?: string;
  change?: string;
  allowFee?: boolean;
  /** Payer: the most that exit and refund may cost, satoshis for 1000 vB. */
  maxExitFeerate?: number;
  /** Payee: go on without a height. */
  unchecked?: boolean;
}
export const parseOpen = messageParser('open-credit', steps, 'asked');

/** The payee's key, by which both homes find their record from first to last. */
export const payeeKey = (m: Exclude<OpenMessage, { step: 'asked' }>): string =>
  'contract' in m ? m.contract.payee_pubkey : m.offer.pubkey;
