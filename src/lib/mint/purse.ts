/**
 * What a customer's home keeps of a mint behind a contract: the quote to which its payments go, and what of them is being
 * made into tokens. Secrets are not in it: they follow from the home's seed and the counters of the keyset (NUT-13).
 */
import type { BlindPromise, Place } from '../ecash/outputs.ts';
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, kept, united, type Belief } from '../protocol/belief.ts';
import { withSats } from '../protocol/json.ts';

/** Outputs that were sent to the mint, or are about to be: kept first, so that they are sent again and never others. */
export interface Minting {
  keyset: Hex;
  places: readonly Place[];
  /** The quote that pays for them. */
  quote: string;
  /** The mint's blind signatures, once they are here. */
  promises: readonly BlindPromise[] | null;
  /** It comes from a restored store: its token may have been printed, and spent, since. */
  older: boolean;
}
export interface Purse {
  contract: Hex;
  mint: string;
  /** The reusable quote. */
  quote: string;
  /** Those that it took the place of. */
  past: readonly string[];
  /** Those under way, and the last one; each by its first place. */
  mintings: readonly Minting[];
}

export const purseClaim = (contract: Hex): Claim => `key:purse/${contract}`;

/** No counter is used twice, so the first one names it. */
const mintingId = ({ keyset, places }: Pick<Minting, 'keyset' | 'places'>): string => `${keyset}/${places[0]!.counter}`;

export const newPurse = (of: Pick<Purse, 'contract' | 'mint' | 'quote'>): Purse => ({ ...of, past: [], mintings: [] });

/** With another one in place of this minting, or without it. */
export const withMinting = (p: Purse, minting: Minting, now: Minting | null): Purse => ({
  ...p,
  mintings: p.mintings.flatMap((m) => (mintingId(m) === mintingId(minting) ? (now ?? []) : m)),
});

const all = united<Minting>(mintingId).merged!;
const mintings: Belief<readonly Minting[]> = {
  restored: (list) => list.map((m) => ({ ...m, older: true })),
  // Signatures that one version has are the mint's.
  merged: (later, earlier = []) => {
    const had = new Map(earlier.map((m) => [mintingId(m), m.promises]));
    return all(later, earlier).map((m) => ({ ...m, promises: m.promises ?? had.get(mintingId(m)) ?? null }));
  },
};

export const purseKind: Kind<Purse> = {
  name: 'purse',
  parse: (json) => withSats(json) as Purse,
  claims: (p) => [purseClaim(p.contract)],
  row: (p): RecordRow => ({ name: `purse ${p.contract}`, state: 'open', highSat: 0n, limitSat: 0n, left: false }),
  ...believing<Purse>(
    { contract: kept, mint: kept, quote: kept, past: united<string>((id) => id), mintings },
    { isLater: (a, b) => a.past.length > b.past.length },
  ),
};
