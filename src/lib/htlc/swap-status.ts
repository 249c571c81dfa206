/** Standing of a swap: its line of `status`. Not here: what is done because of it (`watch.ts`). */
import type { Network } from '../bitcoin/network.ts';
import { outcome, type Outcome } from '../contract/outcome.ts';
import { exitQuoteBy, statusHead, type StatusSource, type StatusFacts, type StatusLine } from '../contract/status.ts';
import type { Hex } from '../protocol/action.ts';
import { ownLeg, theirLeg } from './swap-outcome.ts';
import { ownExpiry, swapKind, type Swap } from './swap-records.ts';
import { swapWay } from './ways.ts';

type SwapLine = StatusLine & { capacity_sat?: bigint; expiry?: number; next_height?: number };

/** Returns the coin that decides the standing: the claimed one, else the paid one. */
const legOf = (s: Swap) =>
  'paid' in s ? { ...((s.state === 'claimed' && theirLeg(s)) || ownLeg(s)), ended: isOver(s) } : undefined;
const isOver = ({ state }: Swap): boolean => state === 'settled' || state === 'ended' || state === 'cancelled';

function verdictOf(s: Swap, found: Outcome | undefined): string {
  if (s.state === 'ended' && s.lostSat !== undefined) return 'lost';
  if (s.state === 'settled') return 'settled';
  if (isOver(s)) return 'done';
  if (!found) return 'open';
  if (found.is === 'unseen') return 'unknown';
  if (found.is === 'replaced') return 'unfunded';
  return found.is === 'spending' || found.is === 'spent' ? 'pending' : 'open';
}

function notesOf(s: Swap, verdict: string): string[] {
  if (s.state === 'ended' && s.lostSat !== undefined) return [`${s.lostSat} sat lost: the own HTLC was claimed`];
  if (s.state === 'cancelled' && s.lost) return ['its home was restored: reconcile tells whether it went on'];
  if (isOver(s)) return [];
  if (s.state === 'claimed') return ['watch sends the claim until it is final, or htlc swap --contract ID --again'];
  if (s.state !== 'funded') return ['nobody has paid; htlc swap goes on'];
  const refund = `from block ${ownExpiry(s) + 1} on watch takes the own HTLC back`;
  if (s.role === 'initiator') return [`claim with htlc swap once the other side has paid; ${refund}`];
  return [
    verdict === 'pending' || s.preimage !== null
      ? `the own HTLC is spent: watch claims the other one before block ${s.offer.expiry}, or htlc swap does`
      : `watch claims the other HTLC once the preimage is shown; ${refund}`,
  ];
}

function swapLine(name: Hex, s: Swap, facts: StatusFacts): SwapLine {
  const leg = legOf(s);
  const verdict = verdictOf(s, leg && outcome(leg, facts));
  const next = s.state === 'funded' ? ownExpiry(s) + 1 : s.state === 'claimed' ? nextOf(s) : undefined;
  return {
    ...statusHead(name, s),
    capacity_sat: s.role === 'initiator' ? s.offer.give_sat : s.offer.want_sat,
    ...('answer' in s && s.answer && { expiry: ownExpiry(s) }),
    verdict,
    ...(next !== undefined && { next_height: next }),
    ...(s.state === 'funded' && {
      quote: exitQuoteBy(swapWay(s.role, { ...s, network: s.network as Network }, facts.feerate!), facts),
    }),
    notes: notesOf(s, verdict),
  };
}

/** Height from which the counterparty can take back the coin that this home claims. */
const nextOf = (s: Extract<Swap, { tx: Hex }>): number =>
  (s.role === 'initiator' ? s.answer.expiry : s.offer.expiry) + 1;

export const swapsShown: StatusSource<Swap> = { kind: swapKind, coin: legOf, feerate: true, line: swapLine };
