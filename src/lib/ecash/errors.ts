/** Error codes of ecash. Not here: codes of all families (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of the room: exit code and meaning. */
export const ECASH_ERRORS = {
  'malformed-token': [65, 'not a Cashu token, with the reason'],
  'malformed-keyset': [65, "not a list of a mint's public keys"],
  'malformed-request': [65, 'not the payment request of a mint quote of the method credit'],
  'quote-bound': [75, 'the quote of the mint belongs to another contract, or is reserved for one'],
  'quote-used': [75, 'the quote of the mint was paid before: it is never newly bound'],
  'quote-unlocked': [76, 'a quote of a mint without a key (NUT-20), or locked to another one'],
  'quote-unknown': [76, 'the mint does not know the quote'],
  'mint-behind': [76, 'the mint shows less than it had acknowledged: it came back from an older copy'],
  'mint-ahead': [76, 'the mint shows more than was reported: this home came back from an older copy'],
  'keyset-differs': [76, 'a keyset whose id does not follow from its keys'],
  'keyset-unknown': [76, 'ecash of a keyset that was not asked for'],
  'outputs-differ': [76, 'blinded outputs of other amounts than what is paid, or that are no points'],
  'outputs-repeated': [76, 'a blinded output that is there twice, or was signed before'],
  'outputs-unsigned': [76, 'blinded outputs that are not signed by the ecash key of the contract'],
  'promises-differ': [76, 'blind signatures for other outputs than were sent'],
  'dleq-invalid': [76, 'a blind signature that is not by the key of its keyset'],
  'duplicate-secret': [76, 'a token that holds one coin twice'],
  'keyset-ambiguous': [76, 'a short keyset id that begins the ids of two keysets'],
  'unit-differs': [76, 'ecash of another unit than its keyset'],
  'amount-unknown': [76, 'ecash of an amount for which its keyset has no key'],
  'quote-amount': [77, 'the quote of the mint is for another amount, or was paid already'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof ECASH_ERRORS, ErrorRow> {}
}
