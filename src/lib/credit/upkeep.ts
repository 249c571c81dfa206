/**
 * Upkeep of credit contracts beside their duties. One that this home accepted is marked as funded
 * once its coin is there. It lapses at its expiry where nobody funded it and nothing was paid over
 * it; an offer that nobody has answered lapses a day after its end.
 * Not here: when a contract has lapsed (`standing.ts`).
 */
import type { Upkeep } from '../contract/watcher.ts';
import { isThere } from './checks.ts';
import { figuresOf } from './figures.ts';
import { followed, hasLapsed } from './standing.ts';
import { cancelled, isFunded, isUnfunded, mayLapse, owesNothing, type Credit } from './states.ts';

/** Seconds after its end for which an offer is kept, so that a late answer is told so. */
const OFFER_GRACE = 86_400;

export const creditUpkeep: Upkeep<Credit> = {
  lapses: { offered: OFFER_GRACE, waits: 0, unfunded: 'height', expiry: 'height' },
  lapsed: (c) => (c.state === 'offered' || mayLapse(c) ? cancelled(c) : c),
  hasLapsed: (c, facts, now) => (isFunded(c) ? hasLapsed(c, facts, now) : c.state === 'offered'),
  coin: (c) => (isFunded(c) ? followed(c) : undefined),
  figures: figuresOf,
  unfunded: 'unfunded',
  funded(c, coins, mined, restored) {
    if (!isUnfunded(c)) return undefined;
    if (isThere(coins, c)) return { ...c, funded: true };
    // What is gone from a block may have been the contract's coin, over which a mint owes what nobody has taken.
    const isOther = mined === 'missing' ? owesNothing(c) : (mined?.confirmations ?? 0) > 0;
    // Before its journal is read nobody knows what was paid over a contract.
    return isOther && mayLapse(c) && !restored ? cancelled(c) : undefined;
  },
};
