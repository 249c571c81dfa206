/**
 * Messages verified: they keep their rules, and repeat what they answer byte for byte.
 *
 * BOLT12, Requirements for Invoice Requests and Invoices.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { TlvPair } from './merkle.ts';
import { NAMES, isOfferField, isRequestField } from './fields.ts';
import { refuseFirst, type OfferMessage, type OfferProblem } from './message.ts';
import { checkOfferTime, nodeIds } from './check.ts';
import { messageFindings, type MessageFindings } from './document.ts';
import { checkPeriod } from './recurrence.ts';

/** Lists fields that differ from the message answered. @throws Refusal `usage` for another kind */
export function checkMirror(message: OfferMessage, answered: OfferMessage): OfferProblem[] {
  const taken =
    answered.kind === 'offer' && message.kind !== 'offer'
      ? isOfferField
      : answered.kind === 'invoice_request' && message.kind === 'invoice'
        ? isRequestField
        : undefined;
  if (!taken)
    throw new Refusal(
      'usage',
      `${answered.kind} found, the offer or request that this ${message.kind} answers expected`,
    );
  const of = (records: readonly TlvPair[]) =>
    new Map(records.filter(({ type }) => taken(type)).map(({ type, value }) => [type, bytesToHex(value)]));
  const [here, there] = [of(message.records), of(answered.records)];
  // A proof shows only some records, but its invoice must be by the offer's node.
  const partial = message.kind === 'payer_proof';
  const other: OfferProblem[] =
    partial && !nodeIds(answered.fields)?.includes(message.fields.invoice_node_id ?? '')
      ? [{ code: 'invoice-differs', field: 'invoice_node_id', text: 'another key than that of the offer' }]
      : [];
  const types = [...new Set([...there.keys(), ...here.keys()])].filter(
    (type) => here.get(type) !== there.get(type) && (!partial || here.has(type)),
  );
  return [
    ...other,
    ...types.map((type): OfferProblem => ({
      code: 'invoice-differs',
      field: NAMES.get(type) ?? String(type),
      text: !here.has(type) ? 'missing here' : !there.has(type) ? 'added here' : 'another value here',
    })),
  ];
}

/**
 * Checks a message: all of its rules, its signatures, what it answers, and time.
 * @param at Unix seconds
 * @param answered the offer, or the request of an invoice
 * @throws Refusal for the first problem
 */
export function verifyMessage(message: OfferMessage, at: bigint, answered?: OfferMessage): MessageFindings {
  const verdict = messageFindings(message);
  refuseFirst(verdict.problems);
  if (answered) refuseFirst(checkMirror(message, answered));
  // A payment that is proven stays proven.
  if (message.kind !== 'payer_proof')
    refuseFirst([...checkOfferTime(message, at), ...checkPeriod(message.kind, message.fields, at)]);
  return verdict;
}
