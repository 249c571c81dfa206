/** Error codes of a mint behind a home. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the room: exit code and meaning. */
export const MINT_ERRORS = {
  'malformed-invoice': [65, "not a merchant's invoice, or longer than one may be"],
  'invoice-paid': [75, 'the invoice is paid already'],
  'not-an-invoice': [76, 'a request for ecash, or an invoice over another contract, network or mint'],
  'too-many-quotes': [77, 'too many melts of one invoice are quoted, and none of them is paid'],
  'invoices-unsettled': [77, 'too many paid invoices wait for the merchant to settle them'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof MINT_ERRORS, ErrorRow> {}
}
