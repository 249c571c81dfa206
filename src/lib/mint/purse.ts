/**
 * What a customer's home keeps of a mint behind a contract: the quote to which its payments go, and what of them was made
 * into a token. Secrets are not in it: they follow from the home's seed and the counters of the keyset (NUT-13).
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { withSats } from '../protocol/json.ts';
import type { BlindPromise, Place } from '../ecash/outputs.ts';

/** Outputs that were sent to the mint, or are about to be: kept first, so that they are sent again and never others. */
export interface Minting {
  keyset: Hex;
  places: readonly Place[];
  /** What the mint had issued on the quote before. */
  fromSat: bigint;
  /** The mint's blind signatures, once they are here. */
  promises: readonly BlindPromise[] | null;
}
export interface Purse {
  contract: Hex;
  mint: string;
  /** The reusable quote. */
  quote: string;
  minting: Minting | null;
}

export const purseClaim = (contract: Hex): Claim => `key:purse/${contract}`;

export const purseKind: Kind<Purse> = {
  name: 'purse',
  parse: (json) => withSats(json) as Purse,
  claims: (p) => [purseClaim(p.contract)],
  row: (p): RecordRow => ({ name: `purse ${p.contract}`, state: 'open', highSat: 0n, limitSat: 0n, left: false }),
  // Which outputs were sent last may be missing: the mint's own figures and NUT-09 say.
  restored: (p) => ({ ...p, minting: null }),
};
