/**
 * What programs up to 0.1.0 left behind: next contracts whose rollover was ended by a close, an exit or a settlement, and
 * rollovers whose next contract was cancelled as an opening. The first keep coins of this home for good and count as contracts
 * to come; nobody signs for them any more, for the nonce of their rollover is gone. Not here: who gives them up
 * (`cli/mend.ts`).
 */
import type { Claim } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { isOpening, mayLapse, rollingOf, type Credit } from './records.ts';

export interface Orphan {
  claim: Claim;
  why: 'its rollover has ended' | 'its next contract was given up';
  /** It can be given up as it is; else the command with which the other side is told too. */
  command: string | null;
}

const isLive = (c: Credit): boolean => c.state === 'accepted' || c.state === 'open' || c.state === 'rolled';

/** What the home has said over a record and remembers for good, by action and row. */
export type Said = (action: string, row: string) => Promise<boolean>;

/** What is wrong with the record, among all of its home; undefined for one that is right. */
export async function orphanOf(c: Credit, all: readonly Credit[], said: Said): Promise<Orphan | undefined> {
  if (isOpening(c)) {
    const claim = keyClaim(c.state === 'offered' ? c.offer.pubkey : c.terms.payer_pubkey);
    return isLeftBehind(c, all) ? { claim, why: 'its rollover has ended', command: null } : undefined;
  }
  if (mayBeLeft(c, all) && !(await said('open-credit', 'accepted')) && !(await said('rollover', 'complete')))
    return { claim: idClaim(c.id), why: 'its rollover has ended', command: null };
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

/**
 * A contract that the payee has accepted, that nothing was paid over, and that no rollover leads to: by an opening, or by a
 * rollover that has ended. What a restored home knows is not enough to tell.
 */
const mayBeLeft = (c: Credit, all: readonly Credit[]): c is Extract<Credit, { role: 'payee'; state: 'accepted' }> =>
  c.state === 'accepted' &&
  mayLapse(c) &&
  c.live.length === 0 &&
  !all.some((old) => rollingOf(old)?.nextKey === c.terms.payee_pubkey);

const namesKey = (c: Credit, payeeKey: string): boolean =>
  c.state === 'offered' ? c.offer.pubkey === payeeKey : 'terms' in c && c.terms.payee_pubkey === payeeKey;
