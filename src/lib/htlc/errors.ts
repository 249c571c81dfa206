/** Error codes of hashed time locks. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const HTLC_ERRORS = {
  'preimage-size': [65, 'a preimage of another length than 32 bytes'],
  'locktime-kind': [65, 'a height and a time mixed, or a value that a lock of its kind cannot hold'],
  'unknown-witness': [65, 'a script or witness that is no known form of HTLC'],
  'no-preimage': [66, 'a transaction that reveals no preimage of that hash'],
  'final-sequence': [76, 'an input whose sequence is final, so that its lock does not count'],
  'csv-version': [76, 'a relative lock in a transaction of version 1, where it does not count'],
  'unsafe-expiry': [77, 'expiries so near to each other, or to the tip, that one side could lose both'],
  'amount-unproven': [77, 'a coin whose amount its signature does not cover, and nothing proves'],
  'same-hash': [77, 'a hash that this home has met before, and --same-hash was not given'],
  'swap-open': [77, 'the other HTLC of the same swap is not known to be spent'],
  'preimage-kept': [77, 'the preimage of a live swap, which leaves this home by htlc swap alone'],
  'anyone-can-claim': [77, 'a script that anyone with the preimage can take'],
  'no-key-path': [77, 'an HTLC without a MuSig2 internal key, or without sealing keys, has no cooperative path'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof HTLC_ERRORS, ErrorRow> {}
}
