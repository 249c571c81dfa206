/**
 * BOLT12 messages made and signed: offers, requests that answer an offer or offer a refund,
 * invoices.
 *
 * BOLT12, Requirements of writers. Messages that a reader would refuse are refused here too. Keys,
 * time and randomness are arguments.
 */
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { bytesToHex, needScalar, publicBytes } from '../signing/curve.ts';
import { parseFields, writeFields } from '../wire/fields.ts';
import {
  checkFields,
  checkOfferTime,
  DEFAULT_EXPIRY,
  expectedMsat,
  offerHashToSign,
  nodeIds,
  signerOf,
} from './check.ts';
import { offerProblems } from './document.ts';
import { FIELDS, isRequestField, type OfferValues } from './fields.ts';
import { fieldsWhere, makeOfferMessage, readOfferMessage, refuseFirst, type OfferMessage } from './message.ts';
import {
  checkPeriod,
  dueFor,
  periodIndex,
  fieldNamed,
  recurrenceOf,
  periodWindow,
  type Numbering,
} from './recurrence.ts';

/** Returns the public key (33 bytes, hex) of a secret key. @throws Refusal `wrong-key` */
export const publicKeyOf = (secret: Uint8Array): string =>
  bytesToHex(publicBytes(needScalar(secret, 'the secret key')));

/** Refuses a message that breaks a reader's rule, signatures apart. */
function checked(message: OfferMessage): OfferMessage {
  refuseFirst(checkFields(message));
  return message;
}

/** Makes an offer from a document, or from its `fields`. @throws Refusal for the first problem */
export function createOffer(document: Fields, issuerId?: string): OfferMessage {
  const from = document.object('fields') ?? document;
  const fields = parseFields(FIELDS, from);
  if (from.unread.length > 0)
    throw new Refusal(
      'malformed-message',
      `${from.unread.join(', ')} found, the names of fields of an offer expected`,
      {
        hint: 'spillway offer create --help lists them; fields of other numbers go into "custom"',
      },
    );
  if (from !== document) document.skip(...document.names());
  if (issuerId !== undefined) fields.offer_issuer_id ??= issuerId;
  return checked(makeOfferMessage('offer', fields));
}

/** Fields, some of them undefined and so left out. */
export type ChosenFields = { [K in keyof OfferValues]: OfferValues[K] | undefined };

/** Input of an invoice request, beyond its offer. */
export interface RequestInput {
  metadata: Uint8Array;
  /** Public key of the payer: 33 bytes in hex. */
  payerId: string;
  fields: ChosenFields;
  recurrence?: { counter?: bigint | undefined; start?: bigint | undefined; cancel?: boolean } | undefined;
}

const definedOnly = (fields: ChosenFields): OfferValues =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as OfferValues;

/** Makes an unsigned request, without an offer a refund. @throws Refusal for the first problem */
export function makeRequest(
  offer: OfferMessage | undefined,
  { metadata, payerId, fields, recurrence = {} }: RequestInput,
): OfferMessage {
  if (offer) refuseFirst(offerProblems(offer));
  const copied = offer ? offer.fields : {};
  const numbering: Numbering = recurrenceOf(copied)?.numbering ?? 'draft';
  return checked(
    makeOfferMessage('invoice_request', {
      ...copied,
      ...definedOnly({
        ...fields,
        [fieldNamed(numbering, 'invreq_recurrence_counter')]: recurrence.counter,
        [fieldNamed(numbering, 'invreq_recurrence_start')]: recurrence.start,
        [fieldNamed(numbering, 'invreq_recurrence_cancel')]: recurrence.cancel || undefined,
      }),
      ...(copied.custom && { custom: copied.custom }),
      invreq_metadata: bytesToHex(metadata),
      invreq_payer_id: payerId,
    }),
  );
}

/** Input of an invoice, beyond its request. */
export interface InvoiceInput {
  paymentHash: string;
  createdAt: bigint;
  /** Seconds until the invoice expires; by default 7200, or less if its period closes before. */
  expiry?: bigint | undefined;
  /** Public key that signs, if it is known. */
  nodeId?: string | undefined;
  /** Millisatoshis for a unit of the offer's currency. */
  rate?: bigint | undefined;
  /** Start of period 0, for an offer without a base whose first period is already paid. */
  basetime?: bigint | undefined;
  fields: ChosenFields;
}

/**
 * Makes an invoice without a signature, after checking the request as `verify` does.
 * @throws Refusal for the first problem; `usage` if the amount or the node's key is not known
 */
export function makeInvoice(request: OfferMessage, input: InvoiceInput): OfferMessage {
  const { createdAt, rate } = input;
  const r = recurrenceOf(request.fields);
  const index = r && periodIndex(r);
  refuseFirst([...offerProblems(request), ...checkOfferTime(request, createdAt)]);
  if (r?.cancel) throw new Refusal('offer-field', 'a request found that ends the recurrence: no invoice answers it');
  const f = request.fields;
  let amount = f.invreq_amount ?? expectedMsat(f, rate);
  if (amount === undefined)
    throw new Refusal('usage', `an offer in ${f.offer_currency} found without a rate`, {
      hint: 'give --rate MSAT_PER_UNIT',
    });
  const recurs: Partial<OfferValues> = {};
  let until: bigint | undefined;
  if (r && index !== undefined) {
    const basetime = r.basetime ?? input.basetime ?? (index === 0n ? createdAt : undefined);
    if (basetime === undefined)
      throw new Refusal('usage', `period ${index} found, and not when period 0 began`, {
        hint: 'give --basetime UNIX',
      });
    recurs[fieldNamed(r.numbering, 'invoice_recurrence_basetime') as 'invoice_recurrence_basetime'] = basetime;
    refuseFirst(checkPeriod(request.kind, { ...f, ...recurs }, createdAt));
    until = periodWindow(r, basetime, index).until;
    if (f.invreq_amount === undefined) amount = dueFor(r, basetime, index, amount, createdAt);
  }
  const left = until === undefined || until - createdAt >= DEFAULT_EXPIRY ? DEFAULT_EXPIRY : until - createdAt;
  const expiry = input.expiry ?? left;
  const made = makeOfferMessage('invoice', {
    ...fieldsWhere(request, isRequestField),
    ...definedOnly(input.fields),
    ...recurs,
    invoice_created_at: createdAt,
    ...(expiry !== DEFAULT_EXPIRY && { invoice_relative_expiry: expiry }),
    invoice_payment_hash: input.paymentHash,
    invoice_amount: amount,
    invoice_node_id: nodeIdFor(f, input.nodeId),
  });
  refuseFirst([...checkFields(made), ...checkPeriod('invoice', made.fields, createdAt)]);
  return made;
}

function nodeIdFor(f: OfferValues, own: string | undefined): string {
  const ids = nodeIds(f);
  const id = own ?? (ids?.length === 1 ? ids[0] : undefined);
  if (id === undefined)
    throw new Refusal('usage', 'no key found that the invoice is signed with', {
      hint: 'give --node-key-file FILE or --node-id POINT',
    });
  return id;
}

/** Returns key and hash of a signature. @throws Refusal `not-now` for what nobody signs */
function signable(message: OfferMessage): { field: string; key: string; hash: Uint8Array } {
  const { field, key } = signerOf(message);
  const hash = offerHashToSign(message);
  if (hash && key !== undefined) return { field, key, hash };
  throw new Refusal('not-now', `${message.kind} found, which nobody signs`);
}

/** Signs a message. @throws Refusal `not-now`; `wrong-key` if another key signs this message */
export function signWith(message: OfferMessage, secret: Uint8Array): OfferMessage {
  const { key, hash } = signable(message);
  const own = publicKeyOf(secret);
  // BIP340 signs for the x coordinate alone, and so do final keys of blinded paths.
  if (own.slice(2) !== key.slice(2)) throw new Refusal('wrong-key', `the key of ${own} found, that of ${key} expected`);
  return withSignature(message, signHash(hash, secret));
}

/** Adds a signature that was made elsewhere. @throws Refusal `not-now`, `signature-invalid` */
export function withSignature(message: OfferMessage, signature: string): OfferMessage {
  const { field, key, hash } = signable(message);
  if (!verifies(signature, hash, key.slice(2)))
    throw new Refusal('signature-invalid', `the signature is not by ${key} over this ${message.kind}`);
  return readOfferMessage(message.kind, writeFields(FIELDS, { ...message.fields, [field]: signature }));
}
