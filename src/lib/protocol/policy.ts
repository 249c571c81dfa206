/**
 * Policies, as offers state them: one that contradicts itself, and terms that leave its bounds. Which bounds there are, and
 * what contradicts what: each family's terms.
 */
import type { Party } from './action.ts';
import { Refusal } from './refusal.ts';

/**
 * @param wrong what contradicts itself, in words; undefined: nothing
 * @throws Refusal `usage` for a policy of one's own, `malformed-message` for one that came in an offer
 */
export function checkSound(wrong: string | undefined, from: Party | undefined): void {
  if (wrong === undefined) return;
  if (from === undefined) throw new Refusal('usage', wrong);
  throw new Refusal('malformed-message', `a policy found in which ${wrong}`, { blame: from });
}

/** @throws Refusal `out-of-policy` naming the bound that is left */
export function checkWithin<N extends bigint | number>(what: string, found: N, low: N, high: N): void {
  if (found < low || found > high)
    throw new Refusal('out-of-policy', `${what} ${found} found, ${low} to ${high} expected`);
}
