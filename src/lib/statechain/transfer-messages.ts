/**
 * The messages of a transfer, and what all its steps begin with.
 *
 *   invited    receiver   fresh keys O' and A', an address
 *   offered    sender     this coin, to these keys
 *   opened     operator   the coin is frozen; S', X, E, its record; x for the sender
 *   sent       sender     the backups, its signature; m1 for the receiver
 *   received   receiver   all checked; the nonce of its own backup; m2 for the operator
 *   moved      operator   t', receipt, its partial signature
 *   owned      receiver   the finished backup              paid       sender   the receipt, kept
 *   declined   receiver   (--cancel) it will not complete the opening
 *   cancelled  sender     (--cancel) it gives the opening up
 *   freed      operator   the opening is destroyed
 *   kept       sender     the coin is its own again
 */
import * as v from 'valibot';
import type { TakeResult } from '../protocol/action.ts';
import { printJson, sameJson } from '../protocol/json.ts';
import {
  height,
  hexOf,
  hexText,
  MESSAGE_LIMIT,
  messageParser,
  psbt,
  pubkey,
  type MessageOf,
} from '../protocol/message.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { messageHash } from '../signing/seal.ts';
import { openField, sealField } from '../signing/sealed-field.ts';
import { bundleEntries } from './backup.ts';
import type { Statecoin } from './records.ts';
import {
  cancelledSchema,
  countForm,
  inviteSchema,
  ofOwners,
  openingSchema,
  receiptSchema,
  recordSchema,
  type OwnerEntry,
  type Invite,
  type Opening,
  type PublicRecord,
} from './statements.ts';
import { coinSchema } from './terms.ts';

/** A number of 32 bytes for one reader, with the public key that was drawn to seal it. */
const sealedBy = v.strictObject({ key: pubkey, sealed: hexOf(48) });
const history = ofOwners(hexText);
const backupPsbt = v.strictObject({ backup: psbt });
const named = { coin: coinSchema, invite: inviteSchema };
const opened = { ...named, opening: openingSchema };

const steps = {
  invited: { operator: hexOf(32), invite: inviteSchema },
  offered: named,
  opened: { ...opened, record: recordSchema, x: hexOf(48) },
  sent: { ...opened, record: recordSchema, backups: history, transfer_signature: hexOf(64), m1: sealedBy },
  received: {
    ...opened,
    transfer_signature: hexOf(64),
    /** Number of signatures that the operator must have made so far, and not one more. */
    expected_count: countForm,
    /** null: the coin has moved already, only the nonce is new. */
    m2: v.nullable(sealedBy),
    psbt: backupPsbt,
  },
  moved: {
    ...opened,
    transfer_signature: hexOf(64),
    record: recordSchema,
    offset: hexOf(32),
    receipt: receiptSchema,
    psbt: backupPsbt,
  },
  owned: {
    ...bundleEntries,
    record: recordSchema,
    backups: history,
    receipt: receiptSchema,
    /** Blocks until the backup is final, by the height of this run. */
    remaining_blocks: v.pipe(v.number(), v.integer()),
  },
  paid: { ...opened, receipt: receiptSchema },
  declined: { ...opened, declined: hexOf(64) },
  cancelled: { ...opened, final: v.boolean() },
  freed: { coin: coinSchema, cancelled: cancelledSchema },
  kept: { coin: coinSchema, cancelled: cancelledSchema, final: v.boolean(), locktime: height },
} as const;

/** Messages of `statechain-transfer`, by step. */
export type TransferMessage = MessageOf<typeof steps>;
export type At<S extends TransferMessage['step']> = Extract<TransferMessage, { step: S }>;
export const TYPE = 'statechain-transfer';
export const parseTransfer = messageParser(TYPE, steps);

export interface TransferInput {
  as?: 'receiver';
  operator?: string;
  contract?: string;
  payout?: string;
  minRemaining?: number;
  minConf?: number;
  maxLock?: number;
  unchecked?: boolean;
}
export type TransferRecords = { coin: Statecoin; next: Statecoin };
/** Answer of a step. */
export type Out<S extends TransferMessage['step']> = TakeResult<At<S>, TransferRecords>;

/** Returns the ends that a sealed field is bound to: the whole public message that carries it. */
const ends = (field: 'x' | 'm1' | 'm2', message: object) => ({
  field,
  hash: messageHash({ ...message, type: TYPE, version: 1, [field]: undefined }),
});
/** Reader of each sealed field. */
const READER = { x: 'sender', m1: 'receiver', m2: 'operator' } as const;
/** @throws Refusal `key-rejected` */
export const sealIn = (field: keyof typeof READER, message: object, plain: Uint8Array, by: Uint8Array, key: string) =>
  sealField(ends(field, message), plain, by, { key, of: READER[field] });

/** Bytes that seal, envelope and checks add to a printed message. */
const ENVELOPE = 1_000;
export const TRANSFER_LIMITS = {
  /** Size of a message before its seals. */
  message: { unit: 'bytes', most: MESSAGE_LIMIT - ENVELOPE },
} satisfies Limits;

/**
 * Returns the message; refuses one that is longer than its reader accepts, before it is committed.
 * @throws Refusal `too-large`
 */
export function readable<M extends object>(message: M): M {
  const bytes = printJson(message).length;
  if (!allows(TRANSFER_LIMITS.message, bytes))
    throw new Refusal(
      'too-large',
      `a message of ${bytes + ENVELOPE} bytes would follow, ${MESSAGE_LIMIT} are read at most`,
      {
        hint: 'the coin has had too many owners: withdraw it, or exit',
      },
    );
  return message;
}

/** @throws Refusal `sealed-unreadable` */
export function openIn(
  field: 'x' | 'm1' | 'm2',
  message: object,
  { key, sealed }: { key: string; sealed: string },
  reader: Uint8Array,
  from: string,
): Uint8Array {
  const plain = openField(ends(field, message), sealed, reader, key);
  if (plain?.length === 32) return plain;
  throw new Refusal('sealed-unreadable', `the sealed ${field} of the ${from} does not open in this message`, {
    blame: from,
  });
}

/** Returns whether the operator is frozen for exactly this transfer. */
export const isOpenFor = (record: PublicRecord, opening: Opening, invite: Invite): boolean =>
  record.state === 'frozen' &&
  sameJson(record.opening, { ...opening, owner_pubkey: invite.pubkey, owner_auth: invite.auth });

/** Returns the next owner's entry without its offset. */
export const nextEntry = (
  invite: Invite,
  opening: Opening,
  locktime: number,
): Pick<OwnerEntry, 'operator_pubkey' | 'owner_pubkey' | 'owner_auth' | 'address' | 'locktime'> => ({
  operator_pubkey: opening.operator_pubkey,
  owner_pubkey: invite.pubkey,
  owner_auth: invite.auth,
  address: invite.address,
  locktime,
});
