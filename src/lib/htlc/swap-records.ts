/**
 * Records of swaps.
 *
 *   initiator: offered → funded → claimed          responder: accepted → funded → claimed → settled
 *
 * `cancelled` ends what nobody has paid for, `ended` what was paid for and is over without a claim.
 * The keys are records of their own (`records.ts`), so that claim and refund of either HTLC work
 * without the swap.
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, each, fixed, largest, onceOnly, remembered, type Beliefs } from '../protocol/belief.ts';
import { coinClaim, hashClaim } from '../protocol/claims.ts';
import type { Figures } from '../protocol/figures.ts';
import { withSats } from '../protocol/json.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Own } from '../signing/exchange.ts';
import type { Funding } from '../bitcoin/funding.ts';
import type { SwapAnswer, SwapOffer, SwapSide, Swapper } from './swap-terms.ts';

interface SwapFields {
  network: string;
  /** Claim key, whose sealing key seals the messages. */
  own: Own;
  offer: SwapOffer;
}
interface AgreedFields extends SwapFields {
  answer: SwapAnswer;
}
interface Funded extends AgreedFields {
  funding: Funding;
  coins: readonly string[];
  /** The own HTLC's coin. */
  paid: Outpoint;
  /** Outpoint of the counterparty's HTLC, once this home has accepted it; null before. */
  theirs: Outpoint | null;
  /** Refund key of the own HTLC. */
  refunding: Own;
  /** Address that refunds and claims by `watch` pay. */
  payout: string;
  /** Preimage as a spender of the own HTLC has shown it, in a block or not. */
  preimage: Hex | null;
  /** Height up to which no block spends this home's HTLC; null if no height was known. */
  unspentTo: number | null;
  /** True once `watch` has sent a claim of this home's, or has seen one: the preimage is public. */
  revealed: boolean;
}
export type Swap =
  | ({ role: 'initiator'; state: 'offered' } & SwapFields)
  | ({ role: 'responder'; state: 'accepted' } & AgreedFields)
  /** `tx`: the last printed claim. Settled: a claim of this home's is final. */
  | ({ role: Swapper; state: 'funded' } & Funded)
  | ({ role: Swapper; state: 'claimed' | 'settled'; tx: Hex } & Funded)
  /** `lostSat`: amount of this home's HTLC, if the counterparty has both coins. */
  | ({ role: Swapper; state: 'ended'; lostSat?: bigint } & Funded)
  /** `lost`: given up because its store was restored; the journal may know that it went on. */
  | ({ role: Swapper; state: 'cancelled'; lost?: true } & SwapFields);

/** Swap whose own HTLC this home has paid. */
export type PaidSwap = Extract<Swap, { paid: Outpoint }>;

const beliefs: Beliefs<Swap> = {
  ...each(fixed, 'role', 'state', 'network', 'own', 'offer', 'answer', 'funding', 'coins', 'paid'),
  ...each(fixed, 'refunding', 'payout', 'lostSat', 'lost'),
  ...each(onceOnly, 'theirs', 'preimage', 'tx'),
  unspentTo: largest,
  revealed: remembered,
};

export const swapKind: Kind<Swap> = {
  name: 'htlc-swap',
  parse: (json) => withSats(json) as Swap,
  claims: (s): readonly Claim[] => [hashClaim(s.offer.hash), ...(s.state === 'funded' ? s.coins.map(coinClaim) : [])],
  row: (s): RecordRow => ({
    name: s.offer.hash,
    state: s.state,
    highSat: 0n,
    limitSat: 0n,
    left: isLeft(s),
    ...overOf(s),
  }),
  figures: (s): Figures => {
    if (s.state === 'claimed' || (s.state === 'funded' && s.preimage !== null))
      return { claims: BigInt(s.offer.expiry) };
    if (s.state === 'cancelled') return s.lost ? { unknown: BigInt(s.offer.expiry) } : {};
    return s.state === 'funded' ? { refunds: BigInt(ownExpiry(s)) } : {};
  },
  spent: (s) =>
    'paid' in s ? [s.paid, ...(s.theirs ? [s.theirs] : [])].map((outpoint) => ({ outpoint, ways: [] })) : [],
  ...believing(beliefs, {
    // A restored home cannot tell whether it has paid; keys and preimage stay in their records.
    restored: (s) => (s.state === 'offered' || s.state === 'accepted' ? { ...cancelledSwap(s), lost: true } : s),
    isLater: (one, other) => progress(one) > progress(other),
  }),
};

/**
 * Returns whether the record is over, for the initiator alone: a responder without its record would
 * take an old offer up anew. A swap that was paid for is over with both coins spent.
 */
function overOf(s: Swap): Pick<RecordRow, 'over'> {
  if (s.role !== 'initiator' || !isLeft(s)) return {};
  if (s.state === 'cancelled') return { over: 'nothing' };
  return 'theirs' in s && s.theirs !== null ? { over: 'ended' } : {};
}

const isLeft = (s: Swap): boolean =>
  s.state === 'cancelled' ? !s.lost : s.state === 'claimed' || s.state === 'settled' || s.state === 'ended';

/** Returns how far a restored swap has come. */
function progress(s: Swap): number {
  if (s.state === 'cancelled') return s.lost ? 0 : 1;
  return s.state === 'funded' ? 2 : s.state === 'claimed' ? 3 : 4;
}

/** Returns the height at which the own HTLC expires. */
export const ownExpiry = ({ role, offer, answer }: AgreedFields & { role: Swapper }): number =>
  role === 'initiator' ? offer.expiry : answer.expiry;

/** The keys that this home has in a swap, as far as its record tells. */
export const ownSide = (swap: Swap): SwapSide | undefined =>
  swap.role === 'initiator' ? swap.offer.side : 'answer' in swap ? swap.answer.side : undefined;

export const cancelledSwap = ({ role, network, own, offer }: Swap): Extract<Swap, { state: 'cancelled' }> => ({
  role,
  state: 'cancelled',
  network,
  own,
  offer,
});

/** Returns the record in one of these states, of the row's role. @throws Refusal `wrong-state` */
export function mustSwap<S extends Swap['state']>(
  swap: Swap | undefined,
  role: Swapper,
  ...states: S[]
): Extract<Swap, { state: S }> {
  // Only a start needs no record; otherwise the record names the role.
  if (swap?.role !== role) throw new Refusal('bug', `a step of the ${role} without its record`);
  if (!(states as string[]).includes(swap.state))
    throw new Refusal(
      'wrong-state',
      `the swap is '${swap.state}' in this home, ${states.map((s) => `'${s}'`).join(' or ')} expected`,
      { hint: 'spillway htlc swap --contract ID --again prints its last message; spillway status says what is next' },
    );
  return swap as Extract<Swap, { state: S }>;
}
