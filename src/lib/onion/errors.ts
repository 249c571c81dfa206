/** Error codes of onions. Not here: codes that families share (`protocol/refusal.ts`). */
import type { ErrorRows } from '../protocol/refusal.ts';

/** Error codes of onions, with exit code and meaning. */
export const ONION_ERRORS = {
  'onion-size': [65, 'an onion packet of another size than expected'],
  'onion-version': [65, 'an onion packet of another version than 0'],
  'onion-point': [65, 'the ephemeral key of an onion packet is no point of the curve'],
  'onion-legacy': [65, 'a hop payload of length 0: the historic frame of realm 0'],
  'onion-length': [65, 'a hop payload of length 1, or whose length cannot be read'],
  'onion-beyond': [65, 'a hop payload that is longer than its packet'],
  'onion-no-hmac': [65, 'fewer than 32 bytes behind a hop payload, where the next HMAC belongs'],
  'onion-overflow': [65, 'the payloads of the hops do not fit into the packet'],
  'error-size': [65, 'an error onion or attribution data of a size that none has'],
  'onion-hmac': [76, 'the HMAC of an onion packet is wrong: altered, for another key, or for other associated data'],
  'onion-replay': [76, 'an onion packet that was peeled before'],
  'onion-field-missing': [76, 'a hop payload without a field that its position needs'],
  'onion-field-forbidden': [76, 'a hop payload with a field that its position does not have'],
  'path-key-twice': [76, 'a path key beside the packet and another in its payload'],
  'path-key-missing': [76, 'recipient data without a path key to decrypt it'],
  'path-key-unexpected': [76, 'a path key without recipient data'],
  'blinding-failed': [76, 'recipient data that does not decrypt with this key and path key'],
  'blinding-feature': [76, 'recipient data that asks for a feature that is not known'],
  'blinding-constraint': [76, 'a payment outside the constraints of its blinded path'],
  'onion-amount': [76, 'an HTLC of another amount than its onion says'],
  'onion-expiry': [76, 'an HTLC of another expiry than its onion says'],
  'error-unreadable': [76, 'an error onion that none of these hops has made'],
} as const satisfies ErrorRows;

declare module '../protocol/refusal.ts' {
  interface FamilyErrors extends Record<keyof typeof ONION_ERRORS, ErrorRow> {}
}
