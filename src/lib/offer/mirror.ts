/**
 * Whether a message answers another: a request repeats its offer, an invoice its request, byte for byte.
 *
 * BOLT12, Requirements for Invoice Requests and Invoices.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Plain } from './merkle.ts';
import { NAMES, ofOffer, ofRequest } from './fields.ts';
import type { OfferMessage, Problem } from './message.ts';

/** What in `message` differs from the offer or request that it answers. @throws Refusal `usage` for another kind */
export function checkMirror(message: OfferMessage, answered: OfferMessage): Problem[] {
  const taken =
    answered.kind === 'offer' && message.kind !== 'offer'
      ? ofOffer
      : answered.kind === 'invoice_request' && message.kind === 'invoice'
        ? ofRequest
        : undefined;
  if (!taken) throw new Refusal('usage', `${answered.kind} found against ${message.kind}, what it answers expected`);
  const of = (records: readonly Plain[]) =>
    new Map(records.filter(({ type }) => taken(type)).map(({ type, value }) => [type, bytesToHex(value)]));
  const [here, there] = [of(message.records), of(answered.records)];
  return [...new Set([...there.keys(), ...here.keys()])]
    .filter((type) => here.get(type) !== there.get(type))
    .map((type) => ({
      code: 'invoice-differs',
      field: NAMES.get(type) ?? String(type),
      text: !here.has(type) ? 'missing here' : !there.has(type) ? 'added here' : 'another value here',
    }));
}
