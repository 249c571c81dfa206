/** Error codes of names. Not here: codes that families share (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of names that lead to offers, with exit code and meaning. */
export const NAMES_ERRORS = {
  'malformed-dns': [65, 'not a chain of DNS records, or a name that none has'],
  'dnssec-invalid': [76, 'a chain of DNS records that the keys of the root do not lead to, or with a wrong signature'],
  'dnssec-time': [76, 'a chain of DNS records whose signatures do not hold yet, or no more'],
  'name-unproven': [76, 'a name, domain or node for which a proof shows nothing'],
  'name-ambiguous': [76, 'a name with more than one payment instruction or offer'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof NAMES_ERRORS, ErrorRow> {}
}
