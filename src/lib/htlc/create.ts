/** New HTLCs from the fields of a command, with defaults of the variant. */
import type { Network } from '../bitcoin/network.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Lock } from './lock.ts';
import { typesOf, type HtlcType, type Variant } from './scripts.ts';
import type { Internal } from './taproot.ts';
import { checkHtlc, type Hash, type Htlc } from './terms.ts';

/** Key of a party; `auth`: the key that seals its messages, if it has a home. */
export interface PartyKey {
  pubkey: Hex;
  auth: Hex | null;
}
export const KEY_ORDERS = ['sorted', 'claim-first', 'refund-first'] as const;
export type KeyOrder = (typeof KEY_ORDERS)[number];

/** Parameters of a new HTLC. */
export interface CreateInput {
  network: Network;
  variant: Variant;
  /** Script type; the variant's first by default. */
  type?: HtlcType | undefined;
  hash: Hash;
  /** Claim key; null if anyone with the preimage can claim. */
  claim: PartyKey | null;
  refund: PartyKey;
  lock: Lock;
  revocation?: Hex | undefined;
  anchors?: boolean;
  /** Taproot: may both spend together by one signature? */
  cooperative?: boolean;
  order?: KeyOrder;
  acceptAnyone?: boolean;
}

/** @throws Refusal `anyone-can-claim`, and as `checkHtlc` */
export function createHtlc(input: CreateInput): Htlc {
  const { variant, claim, refund } = input;
  if (variant === 'book' && !input.acceptAnyone)
    throw new Refusal(
      'anyone-can-claim',
      'variant book found: whoever sees the preimage, in a mempool for one, can take the coin',
      { hint: 'give --accept-anyone-can-claim if this is meant, or take variant standard' },
    );
  return checkHtlc({
    network: input.network,
    variant,
    type: input.type ?? typesOf(variant)[0]!,
    hash: input.hash,
    claim: claim?.pubkey ?? null,
    refund: refund.pubkey,
    lock: input.lock,
    revocation: input.revocation ?? null,
    anchors: input.anchors ?? false,
    internal: input.cooperative && claim ? ordered(claim.pubkey, refund.pubkey, input.order ?? 'sorted') : null,
    claimAuth: claim?.auth ?? null,
    refundAuth: refund.auth,
  });
}

/** Orders the keys: sorted as in Lightning, or as they come as in boltz-core. */
function ordered(claim: Hex, refund: Hex, order: KeyOrder): Internal {
  const keys: [Hex, Hex] = order === 'refund-first' ? [refund, claim] : [claim, refund];
  return order === 'sorted' ? keys.sort() : keys;
}
