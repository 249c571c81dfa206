/**
 * Advice to the owner of a home that has lost its store, or may have. Also the owner's word that it goes
 * on without a journal.
 */
import type { Home } from '../../lib/home/home.ts';
import { note } from '../../lib/engine/log.ts';

/** Losses of a home that was made of its words. */
const OF_WORDS = ['contracts that no backup has are known by their refunds only'];
/** Losses of a restored or copied store. */
const LOST = [
  'every open nonce, offer and proposal of this home is erased: ask again',
  ...OF_WORDS,
  'a payee may miss payments that were signed after the backup: exit, close or roll over, but no more updates',
  'an operator of statecoins signs nothing more for those of the restored store: their shares are destroyed, their owners exit',
  'if the other copy still runs, stop it: two copies of a home give keys away',
];

export async function acceptRestore(home: Home): Promise<void> {
  if (!home.mayLack) return note('this store was neither restored nor copied: nothing to accept');
  (home.restored ? LOST : OF_WORDS).forEach(note);
  await home.acceptRestore();
}
