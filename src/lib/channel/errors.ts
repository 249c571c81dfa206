/** Error codes of Lightning channels. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const CHANNEL_ERRORS = {
  'unknown-commitment': [65, 'a transaction that is no commitment of the channel, nor spends one'],
  'malformed-backup': [65, 'a channel backup or a secret of a node that is cut, altered or of an unknown form'],
  'no-secret': [66, 'a commitment whose revocation secret is not at hand'],
  'secret-mismatch': [76, 'a per-commitment secret that is not of its chain, point or number'],
  'htlc-signatures': [76, 'another number of HTLC signatures than the commitment has HTLC outputs'],
  'revoked-state': [77, 'an own commitment that was revoked: whoever broadcasts it loses all to the other side'],
  'maybe-revoked': [77, 'the commitment of a backup, which may be revoked, and --accept-penalty-risk was not given'],
  'dust-parent': [77, 'a transaction with a dust output that pays a fee: nodes relay none'],
  'htlc-limit': [77, 'more HTLCs than a commitment of this format holds'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof CHANNEL_ERRORS, ErrorRow> {}
}
