/**
 * Statements that a party of a statecoin signs beside its messages, so that others can show them
 * later: each a BIP340 signature over taggedHash("spillway/statechain/" + kind, canonical JSON of
 * the statement).
 *
 *   record    the operator: keys, offsets, locktimes, everything signed, and the state of the coin
 *   receipt   the operator: the coin has moved to the next owner
 *   transfer  the owner: the coin may move to these keys
 *   declined  a receiver: it will not complete this opening
 */
import * as v from 'valibot';
import { height, hexOf, pubkey, text } from '../protocol/message.ts';
import { canonicalJson } from '../protocol/json.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { taggedTextHash } from '../signing/curve.ts';
import { coinSchema, viewOf, type Coin } from './terms.ts';

export const STATEMENT_LIMITS = {
  count: { unit: 'items', least: 0, most: 1_000_000 },
  owners: { unit: 'items', least: 1, most: 2_000 },
  signed: { unit: 'items', most: 4_000 },
  cancelled: { unit: 'items', most: 4_000 },
} satisfies Limits;
export const countForm = wholeIn(STATEMENT_LIMITS.count);
/** Form of a list with an item for each owner, in order. */
export const ofOwners = <const S extends v.GenericSchema>(each: S) =>
  v.pipe(v.array(each), v.minLength(STATEMENT_LIMITS.owners.least), v.maxLength(STATEMENT_LIMITS.owners.most));

/** Keys and address of an invited receiver. */
export const inviteSchema = v.strictObject({ pubkey, auth: hexOf(32), address: text });
export type Invite = v.InferOutput<typeof inviteSchema>;

/** Points that the operator draws for one transfer: S', X and E. */
export const openingSchema = v.strictObject({ operator_pubkey: pubkey, x_pubkey: pubkey, one_time_pubkey: pubkey });
export type Opening = v.InferOutput<typeof openingSchema>;

/** One owner of the coin. */
const entrySchema = v.strictObject({
  operator_pubkey: pubkey,
  owner_pubkey: pubkey,
  owner_auth: hexOf(32),
  /** t: KeyAgg([operator, owner]) + t·G is the coin's key. */
  offset: hexOf(32),
  address: text,
  locktime: height,
  /** Signature hash of its backup. */
  sighash: hexOf(32),
});
export type OwnerEntry = v.InferOutput<typeof entrySchema>;

/** Cancelled opening. */
export const cancelledSchema = v.strictObject({
  operator_pubkey: pubkey,
  owner_pubkey: pubkey,
  owner_auth: hexOf(32),
  /** Number of owners at the time: the last one was to send it. */
  owners: countForm,
  /** The receiver's signature that it will not complete it. */
  declined: v.nullable(hexOf(64)),
});
export type Cancelled = v.InferOutput<typeof cancelledSchema>;

const recordEntries = {
  coin: coinSchema,
  state: v.picklist(['open', 'frozen', 'closed', 'exit-only']),
  entries: ofOwners(entrySchema),
  /** Every sighash that it has signed for the coin, each once, in order. */
  signed: v.pipe(
    v.array(v.strictObject({ kind: v.picklist(['backup', 'withdraw']), sighash: hexOf(32) })),
    v.maxLength(STATEMENT_LIMITS.signed.most),
  ),
  count: countForm,
  opening: v.nullable(v.strictObject({ ...openingSchema.entries, owner_pubkey: pubkey, owner_auth: hexOf(32) })),
  cancelled: v.pipe(v.array(cancelledSchema), v.maxLength(STATEMENT_LIMITS.cancelled.most)),
  /** The tip when it was written. */
  height,
};
export const recordSchema = v.strictObject({ ...recordEntries, signature: hexOf(64) });
/** Operator's signed record of a coin: every owner and what was signed. */
export type PublicRecord = v.InferOutput<typeof recordSchema>;

/** Text of a receipt, with what it proves and what it does not prove. */
export const RECEIPT_TEXT =
  'the operator has moved the coin to this owner and states that it destroyed the former share; deletion is an assumption, this receipt is evidence and no proof of it';
const receiptEntries = {
  text: v.literal(RECEIPT_TEXT),
  coin: hexOf(32),
  /** The number of owners, this one included. */
  owners: countForm,
  from_pubkey: pubkey,
  owner_pubkey: pubkey,
  owner_auth: hexOf(32),
  operator_pubkey: pubkey,
  offset: hexOf(32),
  count: countForm,
  sighash: hexOf(32),
};
export const receiptSchema = v.strictObject({ ...receiptEntries, signature: hexOf(64) });
/** Operator's receipt for a transfer. */
export type Receipt = v.InferOutput<typeof receiptSchema>;

type StatementKind = 'record' | 'receipt' | 'transfer' | 'declined';
const hashOf = (kind: StatementKind, statement: object): Uint8Array =>
  taggedTextHash(`spillway/statechain/${kind}`, canonicalJson(statement));

export const signStatement = (kind: StatementKind, statement: object, secret: Uint8Array): string =>
  signHash(hashOf(kind, statement), secret);
export const isStatement = (kind: StatementKind, statement: object, signature: string, key: string): boolean =>
  verifies(signature, hashOf(kind, statement), key);

/** Returns whether the operator has signed the statement. */
export function isSignedBy(kind: 'record' | 'receipt', signed: PublicRecord | Receipt, operator: string): boolean {
  const { signature, ...statement } = signed;
  return isStatement(kind, statement, signature, operator);
}

/** Returns the statement that the sender agrees to: these keys, this opening. */
export const transferOf = (coin: Coin, owners: number, invite: Invite, opening: Opening) => ({
  coin: viewOf(coin),
  owners,
  invite,
  operator_pubkey: opening.operator_pubkey,
});
/** Returns the statement by which a receiver gives a transfer up, in this opening only. */
export const declineOf = (id: string, owner: { pubkey: string }, operatorPubkey: string) => ({
  coin: id,
  owner_pubkey: owner.pubkey,
  operator_pubkey: operatorPubkey,
});
/** @param auth key of the invited receiver, by one's own record, not by the statement */
export const isDeclined = (id: string, c: Cancelled, auth: string): boolean =>
  c.declined !== null &&
  isStatement('declined', declineOf(id, { pubkey: c.owner_pubkey }, c.operator_pubkey), c.declined, auth);

/** @throws Refusal `bad-receipt` unless the operator signed it and it says this */
export function checkReceipt(receipt: Receipt, operator: string, says: Partial<Receipt>): void {
  const same = Object.entries(says).every(([name, value]) => receipt[name as keyof Receipt] === value);
  if (!same || !isSignedBy('receipt', receipt, operator))
    throw new Refusal('bad-receipt', "the operator's receipt is not for this transfer, or not signed by it", {
      blame: 'operator',
    });
}
