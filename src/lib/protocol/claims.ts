/**
 * The claims that families share: a key, a coin or an id that one record holds is held by no other of the home, of
 * whichever family. Not here: claims that only one family has (its `records.ts`), what a claim is (`action.ts`).
 */
import type { Claim, Hex } from './action.ts';

export const idClaim = (id: Hex): Claim => `id:${id}`;
export const keyClaim = (pubkey: Hex): Claim => `key:${pubkey}`;
/** @param outpoint `TXID:VOUT` */
export const coinClaim = (outpoint: string): Claim => `coin:${outpoint}`;
