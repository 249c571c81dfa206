/** Error codes of gossip. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const GOSSIP_ERRORS = {
  'malformed-gossip': [65, 'a gossip message that cannot be cut into its fields, or a field that none has'],
  'malformed-spv': [65, 'a block, header, transaction or path that a proof cannot be made of'],
  'malformed-dump': [65, 'not a dump of gossip, or one that is damaged'],
  'gossip-stale': [76, 'gossip that is not newer than what is known, or of a height that cannot be'],
  'gossip-too-often': [76, 'a second message of one block'],
  'merkle-differs': [76, 'a transaction that is not where its proof says, or not in that block'],
  'work-missing': [76, 'a block header whose hash is above its target'],
  'output-differs': [76, 'the output of a channel is another than its announcement says, or is not there'],
  'spv-unanchored': [77, 'a proof in a block that the verifier does not know'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof GOSSIP_ERRORS, ErrorRow> {}
}
