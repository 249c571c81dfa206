/** Error codes of sketches. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const SKETCH_ERRORS = {
  'element-range': [65, 'an element of a set that is 0, or wider than the sketch takes'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof SKETCH_ERRORS, ErrorRow> {}
}
