/**
 * Claims that families share: a key, a coin or an id, each held by at most one record of the home.
 * Not here: a single family's claims (its `records.ts`), what a claim is (`kind.ts`).
 */
import type { Claim, Hex } from './kind.ts';

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

/** Cancel commands with advice, by kind. NAME stands for the record's name; families add theirs. */
export const CANCELLED_BY: Record<string, string> = {};
/** Returns the hint for freeing a coin, key or id that another record has claimed. */
export const freeing = ({ kind, name }: { kind: string; name: string }): string =>
  `spillway ${CANCELLED_BY[kind]?.replace('NAME', name.slice(0, 16)) ?? 'status lists what this home holds'}`;
