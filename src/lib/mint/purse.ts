/**
 * The quotes of a running mint to which the payments of a contract go, as the customer's home knows them.
 * Not here: the tokens that come of them (`ecash/in-hand.ts`).
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, kept, united } from '../protocol/belief.ts';

export interface Purse {
  contract: Hex;
  mint: string;
  /** The reusable quote. */
  quote: string;
  /** Quotes whose place it took. */
  past: readonly string[];
}

export const purseClaim = (contract: Hex): Claim => `mint:purse/${contract}`;

export const newPurse = (of: Omit<Purse, 'past'>): Purse => ({ ...of, past: [] });

export const purseKind: Kind<Purse> = {
  name: 'purse',
  parse: (json) => json as Purse,
  claims: (p) => [purseClaim(p.contract)],
  row: (p): RecordRow => ({ name: `purse ${p.contract}`, state: 'open', highSat: 0n, limitSat: 0n, left: false }),
  ...believing<Purse>(
    { contract: kept, mint: kept, quote: kept, past: united<string>((id) => id) },
    { isLater: (a, b) => a.past.length > b.past.length },
  ),
};
