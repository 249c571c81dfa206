/** Messages and flags of an update. Not here: its steps (`update.ts`). */
import * as v from 'valibot';
import type { Hex } from '../protocol/action.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { hexOf, messageParser, psbt, sat, type MessageOf } from '../protocol/message.ts';
import { contractSchema } from './terms.ts';

export const UPDATE_LIMITS = {
  until: { unit: 'Unix seconds', least: 0, most: 0xffffffffff },
  token: { unit: 'characters', most: 100_000 },
} satisfies Limits;

/** The payer's wish that an update fulfils, with its end (Unix time) and quote. */
const askedSchema = v.strictObject({
  id: hexOf(16),
  until: wholeIn(UPDATE_LIMITS.until),
  quote: v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,100}$/, 'the id of a quote'))),
});

const amounts = {
  contract: contractSchema,
  previous_paid_sat: sat,
  amount_sat: sat,
  paid_sat: sat,
  receipt: v.nullable(hexOf(64)),
  asked: v.nullable(askedSchema),
};
const update = v.strictObject({ update: psbt });
/** Forms of the rider's field, by step. */
export type UpdateForms = Readonly<Record<'requested' | 'signed' | 'accepted', v.GenericSchema<unknown, object>>>;

const stepsOf = (along: UpdateForms) => ({
  asked: { contract: contractSchema, amount_sat: sat, asked: askedSchema },
  /** `receipt` covers `previous_paid_sat`. */
  requested: { ...amounts, ecash: v.nullable(along.requested), psbt: update },
  /** Receipts of this step and the later ones cover `paid_sat`. */
  signed: { ...amounts, ecash: v.nullable(along.signed), psbt: update },
  accepted: { ...amounts, ecash: v.nullable(along.accepted) },
  /** `token` is bearer money: every reader can spend it. */
  received: { ...amounts, token: v.pipe(v.string(), v.startsWith('cashuB'), v.maxLength(UPDATE_LIMITS.token.most)) },
});
/** Messages of `sign-update`, by step. */
export type UpdateMessage = MessageOf<ReturnType<typeof stepsOf>>;
export type UpdateAt<S extends UpdateMessage['step']> = Extract<UpdateMessage, { step: S }>;

/** Flags of `sign-update`. */
export interface UpdateInput {
  contract?: Hex;
  amount?: bigint;
  max?: bigint;
  /** Mint quote that the payer's request pays. */
  quote?: string;
  /** Payer: have the payment come back as ecash. */
  ecash?: true;
  /** Payer: largest sum, in satoshis, whose ecash has not arrived. Absent: one update. */
  maxInflight?: bigint;
  /** Payee: go on without a height, or without having seen the funding. */
  unchecked?: boolean;
}
export const updateParser = (along: UpdateForms) => messageParser('sign-update', stepsOf(along));

/** Returns the rider's field of a message. */
export const carrying = (says: object | null) => ({ ecash: says });
/** Flags of the rider at the payer's signature. */
export const CARRIED = ['ecash', 'maxInflight'] as const satisfies readonly (keyof UpdateInput)[];
