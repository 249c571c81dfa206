/** The addresses that a step pays to: those that flags name, and the home's own fresh ones in place of the others. */
import type { OwnAddress } from './action.ts';

type Named = readonly (string | undefined)[];

/** Returns the number of fresh addresses that a step asks for (`Queries.payout`). */
export const unnamed = (...named: Named): number => named.filter((address) => address === undefined).length;

/** The addresses in the order in which they were asked for; `fresh` has one for each that is not named. */
export function addressesFor<const N extends Named>(
  named: N,
  fresh: readonly OwnAddress[],
): { readonly [K in keyof N]: string } {
  const left = fresh.map(({ address }) => address);
  return named.map((address) => address ?? left.shift()!) as { [K in keyof N]: string };
}
