/**
 * Checks of policies in offers: contradictions within, and terms outside their bounds. Not here:
 * the bounds themselves (each family's terms).
 */
import type { Party } from './action.ts';
import { Refusal } from './refusal.ts';

/**
 * Refuses a contradictory policy.
 * @param wrong the contradiction, in words; undefined if there is none
 * @throws Refusal `usage` for a policy of one's own, `malformed-message` for one in an offer
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
