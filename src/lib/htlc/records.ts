/**
 * What a home keeps of HTLCs: for each a path, from which its key, its sealing key and a preimage follow, and what that
 * key was used for. No secret is in the record.
 */
import type { Claim, Hex, Keys, Kind, RecordRow } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { taggedHash } from '../signing/curve.ts';
import type { Own } from '../signing/exchange.ts';
import { hashOf, type Hash } from './terms.ts';

/** The cooperative spend that this home has opened. */
export interface Proposal {
  txid: Hex;
  vout: number;
  amountSat: bigint;
  address: string;
  feeSat: bigint;
  sighash: Hex;
}
export interface HtlcKey {
  own: Own;
  pubkey: Hex;
  auth: Hex;
  /** Of the preimage that the same path gives. */
  hash: Hash;
  /** Was an HTLC made with this hash? */
  used: boolean;
  /** A hash (HASH160) of others that this home met first with this key. */
  met: Hex | null;
  /** The one HTLC that the key is in (`htlcId`). */
  bound: Hex | null;
  proposal: Proposal | null;
}

export const preimageOf = (keys: Pick<Keys, 'contract'>, { own }: Pick<HtlcKey, 'own'>): Uint8Array =>
  taggedHash('spillway/preimage', keys.contract(own.path));

/** The record of keys that were just drawn. */
export function keyRecord(keys: Pick<Keys, 'contract'>, drawn: Pick<HtlcKey, 'own' | 'pubkey' | 'auth'>): HtlcKey {
  const hash = hashOf(preimageOf(keys, drawn));
  return { ...drawn, hash, used: false, met: null, bound: null, proposal: null };
}

export const htlcKeyKind: Kind<HtlcKey> = {
  name: 'htlc-key',
  parse: (json) => withSats(json) as HtlcKey,
  claims: (k): readonly Claim[] => [
    keyClaim(k.pubkey),
    idClaim(k.hash.hash160),
    ...(k.met === null ? [] : [idClaim(k.met)]),
  ],
  row: (k): RecordRow => ({ name: k.pubkey, state: 'kept', highSat: 0n, limitSat: 0n, left: false }),
  // The nonce of a proposal is gone with the store.
  restored: (k) => ({ ...k, proposal: null }),
  // What a key or a preimage was used for once, it was used for.
  merged: (a, b) => ({ ...a, used: a.used || b.used, met: a.met ?? b.met, bound: a.bound ?? b.bound }),
};
