/**
 * Error codes of offers and invoices. Not here: codes that families share (`protocol/refusal.ts`).
 */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of offers and invoices, with exit code and meaning. */
export const OFFER_ERRORS = {
  'malformed-bolt11': [65, 'not a BOLT11 invoice: prefix, amount, letters or checksum are wrong'],
  'malformed-offer': [65, 'not a BOLT12 string, or of another kind than this command reads'],
  'offer-field': [76, 'a field of an offer, request or invoice is missing, must not be there, or is out of range'],
  'field-twice': [76, 'a field of an invoice that must be there once, and is there twice'],
  'feature-unknown': [76, 'a feature that must not be ignored is not known'],
  'invoice-differs': [76, 'an answer that does not repeat what it answers, or is not by whom it should be'],
  'payer-proof': [76, 'a payer proof whose hashes do not fit together'],
  'chain-differs': [76, 'a preimage that is not of the same chain'],
  'period-closed': [77, 'the period of a recurring offer cannot be paid yet, or no more'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof OFFER_ERRORS, ErrorRow> {}
}
