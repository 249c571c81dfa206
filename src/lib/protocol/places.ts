/** Places in a home's tree of keys that a step uses: addresses to pay to, and paths of new keys. */
import type { OwnAddress, Hand, Path } from './action.ts';

type NamedAddresses = readonly (string | undefined)[];

/** Returns the number of fresh addresses that a step needs (`Queries.payout`). */
export const unnamed = (...named: NamedAddresses): number => named.filter((address) => address === undefined).length;

/** Returns the addresses in order, each undefined one replaced by the next of `fresh`. */
export function addressesFor<const N extends NamedAddresses>(
  named: N,
  fresh: readonly OwnAddress[],
): { readonly [K in keyof N]: string } {
  const left = fresh.map(({ address }) => address);
  return named.map((address) => address ?? left.shift()!) as { [K in keyof N]: string };
}

/** Draws a path of four times 31 bits: never counted, so that a restored home cannot repeat one. */
export function freshPath({ random }: Pick<Hand, 'random'>): Path {
  const bytes = random(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [0, 4, 8, 12].map((at) => view.getUint32(at) & 0x7fffffff) as unknown as Path;
}
