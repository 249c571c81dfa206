/**
 * The claims that families share: a key, a coin or an id that one record holds is held by no other of the home, of
 * whichever family. Not here: claims that only one family has (its `records.ts`), what a claim is (`action.ts`).
 */
import type { Claim, Hex } from './action.ts';

export const idClaim = (id: Hex): Claim => `id:${id}`;
export const keyClaim = (pubkey: Hex): Claim => `key:${pubkey}`;
/** @param outpoint `TXID:VOUT` */
export const coinClaim = (outpoint: string): Claim => `coin:${outpoint}`;
/** @param hash of a preimage: the name of a swap */
export const hashClaim = (hash: Hex): Claim => `hash:${hash}`;
/** A statecoin's id at a receiver, until the coin is its own. */
export const coinIdClaim = (id: Hex): Claim => `coin-id:${id}`;
/**
 * Claim of an outpoint stated by the counterparty: it finds the record, but reserves no coin.
 * @param outpoint `TXID:VOUT`
 */
export const fundingClaim = (outpoint: string): Claim => `funding:${outpoint}`;

/** Command that creates a record, prints its message again, and cancels it while that is safe, by kind. */
const BEGUN_BY: Readonly<Record<string, string>> = {
  credit: 'open-credit',
  statecoin: 'statechain-open',
  'htlc-swap': 'htlc swap',
  pledge: 'pledge make',
};
/** Returns the hint for freeing a coin, key or id that another record has claimed. */
export function freeing({ kind, name }: { kind: string; name: string }): string {
  if (kind === 'htlc-key') return 'spillway htlc fund --cancel with its HTLC gives that payment up';
  if (kind === 'notary-stamp') return `spillway notarize stamp --cancel --contract ${name.slice(0, 16)} gives that up`;
  const by = BEGUN_BY[kind];
  if (by === undefined) return 'spillway status lists what this home holds';
  return `spillway ${by} --contract ${name.slice(0, 16)} --cancel gives that up; --again prints its last message`;
}
