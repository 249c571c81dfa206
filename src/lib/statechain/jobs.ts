/** Signing jobs of a statecoin: transaction and keys. Owners open, the operator signs last. */
import type { Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { keyClaim } from '../protocol/claims.ts';
import { jobFor, type Job, type OpeningJob, type Own } from '../signing/exchange.ts';
import type { UpdatePair } from '../signing/key-update.ts';
import { keySet } from '../signing/keyset.ts';
import { OPERATOR } from './operator.ts';
import { firstKeys, type Coin } from './terms.ts';

/** Key pair of the signers, with its offset. */
export interface SignerKeys {
  operator_pubkey: Hex;
  owner_pubkey: Hex;
  offset: Hex;
}
const pairOf = (k: Omit<SignerKeys, 'offset'>): UpdatePair => [k.operator_pubkey, k.owner_pubkey];
const setOf = (k: SignerKeys) => keySet(pairOf(k), { offset: k.offset });

/** An owner's job: its nonces stand under its key. */
export const ownerJob = (own: Own, keys: SignerKeys, template: Template): Job =>
  jobFor({
    own,
    pubkey: keys.owner_pubkey,
    peer: keys.operator_pubkey,
    peerIs: 'operator',
    set: setOf(keys),
    template,
    of: keyClaim(keys.owner_pubkey),
  });

/** Returns the operator's signing job, with its share of the key. */
export const operatorJob = (secret: Uint8Array, keys: SignerKeys, template: Template): Job =>
  jobFor({
    own: OPERATOR,
    secret,
    pubkey: keys.operator_pubkey,
    peer: keys.owner_pubkey,
    peerIs: 'owner',
    set: setOf(keys),
    template,
    of: keyClaim(keys.operator_pubkey),
  });

/**
 * A receiver's job for its own backup before the offset is known. The output key is the coin's
 * whatever the offset, so the nonce can be drawn; `aggregate` is that of the new pair.
 */
export const receiverJob = (coin: Coin, own: Own, keys: Omit<SignerKeys, 'offset'>, template: Template): OpeningJob => {
  const { internalKey, outputKey, script } = firstKeys(coin.terms);
  const participants = pairOf(keys);
  const { aggregateKey } = keySet(participants);
  return jobFor({
    own,
    pubkey: keys.owner_pubkey,
    peer: keys.operator_pubkey,
    peerIs: 'operator',
    set: { participants, aggregateKey, internalKey, outputKey, script },
    template,
    of: keyClaim(keys.owner_pubkey),
  });
};
