/** Error codes of proofs of existence. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const NOTARY_ERRORS = {
  'malformed-ots': [65, 'not an OpenTimestamps proof, with the reason'],
  'malformed-block': [65, 'not a Bitcoin block, with the reason'],
  'digest-differs': [76, 'a proof of other bytes than those that were given'],
  'root-differs': [76, 'a proof that leads to another Merkle root than that of the block'],
  'stamp-too-large': [77, 'a transaction that is too long for a proof of existence'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof NOTARY_ERRORS, ErrorRow> {}
}
