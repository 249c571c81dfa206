/** Error codes of coloured coins. Not here: codes that families share (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of coloured coins, with exit code and meaning. */
export const ASSETS_ERRORS = {
  'bad-checksum': [65, 'a name whose checksum is wrong: a letter is missing or mistyped'],
  'malformed-snapshot': [65, 'not a list of holders, as JSON or CSV'],
  'invalid-marker': [65, 'no Open Assets marker, with the reason'],
  'not-enough-units': [77, 'the coins hold fewer units of the asset than are to be sent'],
  'units-destroyed': [77, 'coloured units would be destroyed'],
  'plain-address': [77, 'an address that is not in the Open Assets form: its wallet may not know of coloured units'],
  'nobody-to-pay': [77, 'no holder is left to be paid'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof ASSETS_ERRORS, ErrorRow> {}
}
