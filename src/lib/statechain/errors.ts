/** Error codes of statecoins. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the family: exit code and meaning. */
export const STATECHAIN_ERRORS = {
  'coin-frozen': [75, 'the statecoin is frozen for a transfer'],
  'coin-closed': [75, 'the statecoin was withdrawn or exited: nothing more is signed for it'],
  'exit-sent': [75, 'the exit of the statecoin was sent: it is passed on no more'],
  'count-moved': [75, 'the operator has signed for the statecoin since its record was checked'],
  'stale-record': [75, "the operator's record is of another opening, or too old"],
  'operator-differs': [76, 'another operator than the pinned one'],
  'bad-record': [76, "the operator's record of a statecoin is not signed by it, or contradicts itself"],
  'keyagg-mismatch': [76, 'keys and offset do not sum to the key of the statecoin'],
  'x-mismatch': [76, "the operator's blinding number is not the one of its point"],
  'm1-mismatch': [76, "the sender's half of a key update does not fit its key"],
  'm2-mismatch': [76, "the receiver's half of a key update leads to another key"],
  'sealed-unreadable': [76, 'a secret field does not open: for another reader, or of another message'],
  'transfer-signature': [76, 'the sender has not signed this transfer'],
  'signature-count': [76, 'the operator has signed more, or less, than the history shows'],
  'sighash-unknown': [76, 'the operator has signed something that the history does not show'],
  'chain-gap': [76, 'a backup of the history is missing'],
  'chain-duplicate': [76, 'a backup, key or sighash occurs twice in the history'],
  'locktime-step': [76, 'a backup whose locktime is not one step below the one before'],
  'not-mine': [76, 'the statecoin, or its transfer, is not for the keys of this home'],
  'too-many-openings': [77, 'an owner has opened and given up transfers of a statecoin too often'],
  undeclined: [77, 'a transfer was cancelled after its secret half had left, and the receiver has not declined'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof STATECHAIN_ERRORS, ErrorRow> {}
}
