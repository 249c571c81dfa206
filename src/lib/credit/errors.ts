/** Error codes of credit contracts. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const CREDIT_ERRORS = {
  'same-transaction': [75, 'another open request would be paid by the very same signature'],
  'request-paid': [75, 'what was asked for was paid: under that --request-id, or to fulfil that wish of the payer'],
  'paid-moved': [75, 'the paid amount has changed since the action began'],
  'update-in-flight': [75, 'an update is signed that the payee has not accepted'],
  'asked-expired': [75, 'what the payer asked for has lapsed: ask again'],
  'asked-unknown': [75, 'the payer has not asked for this, or has paid it already'],
  'amount-not-growing': [77, 'the paid amount would not grow'],
  'no-ecash': [77, 'nobody issues ecash for this contract'],
  'no-keyset': [77, 'the mint has no active keyset'],
  'ecash-awaited': [77, 'ecash that was paid for has not arrived: nothing more is signed until it has'],
  'ecash-restore-first': [77, 'the wallet was restored: it may make secrets again that it has used'],
  'owed-unsettled': [77, 'more is owed over this contract than was signed'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof CREDIT_ERRORS, ErrorRow> {}
}
