/** Error codes of feasible payments. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const FLOW_ERRORS = {
  'sample-too-rare': [77, 'nearly no drawn distribution of wealth can be held by the channels'],
  'too-many-states': [77, 'a network too large to be counted out'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof FLOW_ERRORS, ErrorRow> {}
}
