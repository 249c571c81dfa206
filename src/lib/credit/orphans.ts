/**
 * What programs up to 0.1.0 left behind: next contracts whose rollover was ended by a close, an exit or a settlement, and
 * rollovers whose next contract was cancelled as an opening. The first keep coins of this home for good and count as contracts
 * to come; nobody signs for them any more. Not here: who gives them up (`cli/mend.ts`).
 */
import type { Claim } from '../protocol/action.ts';
import { keyClaim } from '../protocol/claims.ts';
import { isOpening, rollingOf, type Credit } from './records.ts';

export interface Orphan {
  claim: Claim;
  why: 'its rollover has ended' | 'its next contract was given up';
  /** It can be given up as it is; else the command with which the other side is told too. */
  command: string | null;
}

const isLive = (c: Credit): boolean => c.state === 'accepted' || c.state === 'open' || c.state === 'rolled';

/** What is wrong with the record, among all of its home; undefined for one that is right. */
export function orphanOf(c: Credit, all: readonly Credit[]): Orphan | undefined {
  if (isOpening(c)) {
    const claim = keyClaim(c.state === 'offered' ? c.offer.pubkey : c.terms.payer_pubkey);
    return isLeftBehind(c, all) ? { claim, why: 'its rollover has ended', command: null } : undefined;
  }
  const rolling = c.state === 'open' ? rollingOf(c) : null;
  if (!rolling || !('id' in c) || all.some((other) => namesKey(other, rolling.nextKey))) return undefined;
  const command = `spillway rollover --contract ${c.id.slice(0, 16)} --cancel`;
  return { claim: keyClaim(c.terms.payer_pubkey), why: 'its next contract was given up', command };
}

function isLeftBehind(
  c: Extract<Credit, { state: 'offered' | 'addressed' | 'proposed' }>,
  all: readonly Credit[],
): boolean {
  const live = all.filter(isLive);
  if (c.state === 'offered') return c.rolls !== null && !live.some((old) => 'id' in old && old.id === c.rolls);
  // Only a rollover proposes a contract without a funding of its own.
  if (c.state !== 'proposed' || c.funding !== null) return false;
  return !live.some((old) => rollingOf(old)?.nextKey === c.terms.payee_pubkey);
}

const namesKey = (c: Credit, payeeKey: string): boolean =>
  c.state === 'offered' ? c.offer.pubkey === payeeKey : 'terms' in c && c.terms.payee_pubkey === payeeKey;
