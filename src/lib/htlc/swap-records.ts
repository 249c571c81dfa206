/**
 * What a home keeps of a swap.
 *
 *   initiator: offered → funded → claimed          responder: accepted → funded → settled
 *
 * `cancelled` ends what nobody has paid for. The keys are records of their own (`records.ts`), so that claim and refund
 * of either HTLC work without the swap.
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { coinClaim, idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Own } from '../signing/exchange.ts';
import type { Funding } from '../bitcoin/funding.ts';
import type { Answer, Offer, Swapper } from './swap-terms.ts';

interface Held {
  network: string;
  /** Of the claim key, whose sealing key seals the messages. */
  own: Own;
  offer: Offer;
}
interface Agreed extends Held {
  answer: Answer;
}
interface Funded extends Agreed {
  funding: Funding;
  coins: readonly string[];
  /** The own HTLC's coin. */
  paid: Outpoint;
  /** The other side's, as soon as this home has gone on from it. */
  theirs: Outpoint | null;
}
export type Swap =
  | ({ role: 'initiator'; state: 'offered' } & Held)
  | ({ role: 'responder'; state: 'accepted' } & Agreed)
  | ({ role: Swapper; state: 'funded' } & Funded)
  | ({ role: Swapper; state: 'claimed' | 'settled'; tx: Hex } & Funded)
  /** `lost`: given up because its store was restored; the journal may know that it went on. */
  | ({ role: Swapper; state: 'cancelled'; lost?: true } & Held);

export const swapKind: Kind<Swap> = {
  name: 'htlc-swap',
  parse: (json) => withSats(json) as Swap,
  claims: (s): readonly Claim[] => [idClaim(s.offer.hash), ...(s.state === 'funded' ? s.coins.map(coinClaim) : [])],
  row: (s): RecordRow => ({
    name: s.offer.hash,
    state: s.state,
    highSat: 0n,
    limitSat: 0n,
    left: (s.state === 'cancelled' && !s.lost) || s.state === 'claimed' || s.state === 'settled',
  }),
  // Who paid cannot be told any more from before it paid; keys and preimage stay where they are.
  restored: (s) => (s.state === 'offered' || s.state === 'accepted' ? { ...cancelledSwap(s), lost: true } : s),
  merged(a, b) {
    const ahead = progress(b) > progress(a) ? b : a;
    const theirs = [a, b].flatMap((s) => ('theirs' in s && s.theirs) || [])[0];
    return 'theirs' in ahead && theirs ? { ...ahead, theirs } : ahead;
  },
};

/** How far a restored swap has come. */
function progress(s: Swap): number {
  if (s.state === 'cancelled') return s.lost ? 0 : 1;
  return s.state === 'funded' ? 2 : 3;
}

export const cancelledSwap = ({ role, network, own, offer }: Swap): Extract<Swap, { state: 'cancelled' }> => ({
  role,
  state: 'cancelled',
  network,
  own,
  offer,
});

/** The record, known to be of this role and in one of these states. @throws Refusal `unknown-contract`, `not-your-turn`, `wrong-state` */
export function mustSwap<S extends Swap['state']>(
  swap: Swap | undefined,
  role: Swapper,
  ...states: S[]
): Extract<Swap, { state: S }> {
  if (!swap) throw new Refusal('unknown-contract', 'no such swap in this home');
  if (swap.role !== role)
    throw new Refusal('not-your-turn', `this home is the ${swap.role} of the swap; the ${role} is expected here`);
  if (!(states as string[]).includes(swap.state))
    throw new Refusal(
      'wrong-state',
      `the swap is '${swap.state}' in this home, ${states.map((s) => `'${s}'`).join(' or ')} expected`,
    );
  return swap as Extract<Swap, { state: S }>;
}
