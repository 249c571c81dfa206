/** Addresses that a step pays to: those named by flags, and fresh ones of the home for the rest. */
import type { OwnAddress } from './action.ts';

type Named = readonly (string | undefined)[];

/** Returns the number of fresh addresses that a step needs (`Queries.payout`). */
export const unnamed = (...named: Named): number => named.filter((address) => address === undefined).length;

/** Returns the addresses in their order, with the next of `fresh` in place of each undefined one. */
export function addressesFor<const N extends Named>(
  named: N,
  fresh: readonly OwnAddress[],
): { readonly [K in keyof N]: string } {
  const left = fresh.map(({ address }) => address);
  return named.map((address) => address ?? left.shift()!) as { [K in keyof N]: string };
}
