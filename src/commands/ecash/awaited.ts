/** Ecash of a keyset that a home has paid for over its other contracts and does not hold: what `ecash-restore` looks for besides. */
import { ledgersOf } from '../../lib/engine/contracts.ts';
import { placesOf } from '../../lib/ecash/rider.ts';
import { tokenKind } from '../../lib/ecash/in-hand.ts';
import { keysetClaim, keysetKind } from '../../lib/ecash/keyset.ts';
import { loadCashu } from '../../lib/ecash/library.ts';
import type { Place } from '../../lib/ecash/outputs.ts';
import type { Home } from '../../lib/home/home.ts';
import type { Hex } from '../../lib/protocol/action.ts';

/** @param contract the one that is searched over: it knows what it awaits itself */
export async function awaitedElsewhere(home: Home, contract: Hex, keyset: Hex): Promise<Place[]> {
  const claim = keysetClaim('wallet', keyset);
  const hit = (await home.store.load([claim])).found.get(claim);
  if (!hit) return [];
  await loadCashu();
  const { keyset: known } = keysetKind.parse(hit.record);
  const tokens = (await home.store.list(tokenKind.name)).map(({ record }) => tokenKind.parse(record));
  const held = new Set(tokens.flatMap((t) => (t.keyset === keyset ? t.places.map(({ counter }) => counter) : [])));
  return (await ledgersOf(home))
    .flatMap((l) => (l.role === 'payer' && l.contract !== contract ? l.awaited : []))
    .flatMap((a) => (a.keyset === keyset ? placesOf(a, known) : []))
    .filter(({ counter }) => !held.has(counter));
}
