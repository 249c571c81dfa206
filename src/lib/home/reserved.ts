/**
 * Coins that the live records of a home hold, so that nothing else of it spends them.
 * Not here: what follows (`bitcoin/coin-checks.ts`).
 */
import type { Claim, Facts } from '../protocol/action.ts';
import { coinClaim } from '../protocol/claims.ts';
import type { Store } from '../protocol/ports.ts';

/** Returns which of these outpoints other records have reserved. @param own claims of the step's own records */
export async function reservedIn(
  store: Pick<Store, 'load'>,
  outpoints: readonly string[],
  own: readonly Claim[] = [],
): Promise<Facts['reserved']> {
  const asked = outpoints.filter((outpoint) => !own.includes(coinClaim(outpoint)));
  const { found } = await store.load(asked.map(coinClaim));
  return new Map(
    asked.flatMap((outpoint) => {
      const holder = found.get(coinClaim(outpoint));
      return holder ? [[outpoint, { kind: holder.kind, name: holder.name }] as const] : [];
    }),
  );
}
