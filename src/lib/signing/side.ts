/** One party's part of an opening: fresh keys of its home, and the address that pays it. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { freshPath } from '../protocol/places.ts';
import { xOnlyKey } from './bip340.ts';
import type { Own } from './exchange.ts';
import { publicKey } from './musig2.ts';

/** Keys and payout address of one party of a contract. */
export interface Side {
  pubkey: string;
  /** Authentication key, x-only: it seals messages and signs nothing else. */
  auth: string;
  address: string;
}

/**
 * Returns fresh keys of one contract: path, signing key (33 bytes), authentication key (32).
 * @param ownKey signing key in another wallet
 */
export function freshKeys(hand: Pick<Hand, 'keys' | 'random'>, ownKey?: Hex): { own: Own; pubkey: Hex; auth: Hex } {
  const path = freshPath(hand);
  return {
    own: { path, outside: ownKey !== undefined },
    pubkey: ownKey ?? bytesToHex(publicKey(hand.keys.contract(path))),
    auth: xOnlyKey(hand.keys.auth(path)),
  };
}

export function freshSide(hand: Hand, ownKey: string | undefined, address: string): { own: Own; side: Side } {
  const { own, pubkey, auth } = freshKeys(hand, ownKey);
  return { own, side: { pubkey, auth, address } };
}
