/** Error codes of pledges. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const PLEDGE_ERRORS = {
  'pledge-known': [75, 'the coin is in another pledge of this campaign already'],
  revoked: [75, 'the pledge was taken back'],
  'pledge-script': [77, 'a pledged coin of another script than a taproot key or P2WPKH'],
  'below-minimum': [77, 'a pledge of less than the campaign takes'],
  'too-many-pledges': [77, 'as many pledges as a transaction holds are there, none of them smaller'],
  overfunded: [77, 'pledges that exceed the goal by more than a fee may be'],
  'address-used': [77, 'an address that was paid before, or the outputs of an earlier campaign'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof PLEDGE_ERRORS, ErrorRow> {}
}
