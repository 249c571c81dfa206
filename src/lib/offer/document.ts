/** BOLT12 messages as JSON, read and shown: string, ids, fields, signer, problems. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { answersOffer, checkFields, checkOfferSignature, expectedMsat, offerHashToSign, signerOf } from './check.ts';
import { isOfferField, isRequestField } from './fields.ts';
import { offerRoot, type TlvPair } from './merkle.ts';
import { readOfferMessage, type OfferMessage, type OfferProblem } from './message.ts';
import { checkProof } from './proof.ts';
import { bareString, OFFER_KINDS, readString, writeString, type OfferKind } from './string.ts';

/**
 * Reads a message from a document: `string`, or `hex` and `kind`.
 * @param wanted kinds of messages that a command takes
 * @throws Refusal `malformed-offer`, `malformed-message`, and as `readOfferMessage`
 */
export function messageIn(from: Fields, wanted: readonly OfferKind[] = OFFER_KINDS): OfferMessage {
  const message = readOne(from);
  if (!wanted.includes(message.kind))
    throw new Refusal('malformed-offer', `${message.kind} found, ${wanted.join(' or ')} expected`);
  return message;
}

function readOne(from: Fields): OfferMessage {
  const text = from.text('string');
  from.skip(...from.names());
  if (text !== undefined) {
    const { kind, bytes } = readString(bareString(text));
    return readOfferMessage(kind, bytes);
  }
  const kind = OFFER_KINDS.find((each) => each === from.json('kind'));
  const bytes = from.bytes('hex');
  if (!bytes) return from.refuse('string', 'a string of BOLT12, or hex and kind,');
  return readOfferMessage(kind ?? from.refuse('kind', OFFER_KINDS.join(', ')), bytes);
}

/** Problems of a message, signatures included and time apart; and the key that signed it. */
export interface MessageFindings {
  problems: OfferProblem[];
  signedBy: string | undefined;
}
export function messageFindings(message: OfferMessage): MessageFindings {
  const { problem, signedBy } = checkOfferSignature(message);
  const proof = message.kind === 'payer_proof' && message.problems.length === 0 ? checkProof(message) : [];
  return { problems: [...checkFields(message), ...proof, ...(problem ? [problem] : [])], signedBy };
}
/** Lists the rules that a message breaks. */
export const offerProblems = (message: OfferMessage): OfferProblem[] => messageFindings(message).problems;

const rootHex = (records: readonly TlvPair[], chosen: (type: bigint) => boolean): string | undefined => {
  const root = offerRoot(records.filter(({ type }) => chosen(type)));
  return root && bytesToHex(root);
};

/** Returns the ids of a message: the root of an offer's fields, and that of a request's. */
export function idsOf({ kind, records, fields }: OfferMessage): { offer_id?: string; request_id?: string } {
  if (kind === 'payer_proof') return {};
  const offer = answersOffer(fields) || kind === 'offer' ? rootHex(records, isOfferField) : undefined;
  const request = kind === 'offer' ? undefined : rootHex(records, isRequestField);
  return { ...(offer !== undefined && { offer_id: offer }), ...(request !== undefined && { request_id: request }) };
}

/** Returns hash and key of a signature that is missing; undefined if none is. */
export function signingOf(message: OfferMessage): { message: string; key: string; field: string } | undefined {
  const { field, key } = signerOf(message);
  const refund = message.kind === 'invoice_request' && !answersOffer(message.fields);
  if (key === undefined || refund || message.fields[field] !== undefined) return undefined;
  const hash = offerHashToSign(message);
  return hash && { message: bytesToHex(hash), key, field };
}

/** Shows a message. @param records adds each record as type, length and hex */
export function offerDocument(
  message: OfferMessage,
  { records = false }: { records?: boolean } = {},
  { problems, signedBy }: MessageFindings = messageFindings(message),
): object {
  const { kind, bytes, fields } = message;
  const root = offerRoot(message.records);
  const expected = kind === 'payer_proof' ? undefined : expectedMsat(fields);
  const signing = signingOf(message);
  const proposals = [
    ...(fields.proposal_replaces !== undefined ? ['replace'] : []),
    ...(fields.proposal_preimage_chain !== undefined ? ['preimages'] : []),
  ];
  return {
    type: 'offer',
    version: 1,
    kind,
    string: writeString(kind, bytes),
    hex: bytesToHex(bytes),
    ...idsOf(message),
    merkle_root: root && bytesToHex(root),
    fields,
    ...(proposals.length > 0 && { proposals }),
    ...(signedBy !== undefined && { signed_by: signedBy }),
    ...(expected !== undefined && { expected_amount_msat: expected }),
    ...(signing && { signing }),
    problems,
    ...(records && {
      records: message.records.map(({ type, value }) => ({ type, length: value.length, hex: bytesToHex(value) })),
    }),
  };
}
