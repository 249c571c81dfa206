/**
 * What a payee offers, for an opening or a rollover: fresh keys, a payout address, its policy, and who issues ecash for
 * what will be paid. Terms that follow from it: `terms.ts`.
 */
import * as v from 'valibot';
import type { Network } from '../bitcoin/network.ts';
import type { Facts, Hand } from '../protocol/action.ts';
import { addressesFor, unnamed } from '../protocol/addresses.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkBefore, checkFunding, deadlineHeight } from './checks.ts';
import { freshSide } from '../signing/side.ts';
import { must, type Credit } from './records.ts';
import { checkHome, outpointOf } from './steps.ts';
import type { Issuer } from './issuer.ts';
import { defaultPolicy, mintUrl, viewOf, type Offer, type Policy, type Terms } from './terms.ts';

/** Whatever is not said is as by default, or as in the contract that is rolled over. */
export interface OfferInput {
  policy?: Policy;
  ecash?: Issuer;
  mint?: string;
  ownKey?: string;
  payout?: string;
  /** Seconds until an offer that nobody has answered ends. */
  offerExpiry?: number;
}
type Given = Hand & { input: OfferInput; facts: Pick<Facts, 'payout' | 'now'> };

/** An offer that nobody has answered ends after a day. */
const OFFER_SECONDS = 86_400;

/** Who issues, and behind which mint: as is said, else as in the contract that is rolled over; a mint stays with its issuer. */
export function issuerOf(input: Pick<OfferInput, 'ecash' | 'mint'>, old?: Terms): Pick<Terms, 'ecash' | 'mint_url'> {
  const ecash = input.ecash ?? old?.ecash ?? 'none';
  const stays = ecash === old?.ecash || ecash === 'cdk';
  return { ecash, mint_url: input.mint ?? (stays ? (old?.mint_url ?? null) : null) };
}

/** Whoever rolls a contract over pays for the same ecash afterwards, unless it says otherwise. @throws Refusal `terms-differ` */
export function checkIssuer(offer: Offer, expected: Pick<Terms, 'ecash' | 'mint_url'>): void {
  const words = ({ ecash, mint_url }: typeof expected) => `'${ecash}' ${mint_url ?? 'without a mint'}`;
  if (offer.ecash !== expected.ecash || offer.mint_url !== expected.mint_url)
    throw new Refusal('terms-differ', `ecash ${words(offer)} offered, ${words(expected)} expected`, {
      blame: 'payee',
      hint: 'give --ecash and --mint as they are offered if this is meant',
    });
}

/** @throws Refusal `usage` for an issuer without what it needs */
function makeOffer({ input, facts, ...hand }: Given, old?: Terms) {
  checkHome(hand);
  const { ecash, mint_url: mint } = issuerOf(input, old);
  if (ecash === 'cdk' && mint === null)
    throw new Refusal('usage', '--ecash cdk found without the URL of that mint', { hint: 'give --mint URL' });
  if (mint !== null && !v.is(mintUrl, mint))
    throw new Refusal('usage', '--mint: a URL like https://mint.example.com expected, without a slash at its end');
  const [payout] = addressesFor([input.payout], facts.payout);
  const { own, side } = freshSide(hand, input.ownKey, payout);
  const policy = input.policy ?? defaultPolicy(hand.network as Network);
  const until = facts.now + (input.offerExpiry ?? OFFER_SECONDS);
  return { own, until, offer: { ...side, policy, ecash, mint_url: mint } satisfies Offer };
}

export function offerOpening(given: Given) {
  const { network } = given;
  const { offer, ...kept } = makeOffer(given);
  return {
    message: { step: 'offered', network, offer } as const,
    writes: { contract: { role: 'payee', state: 'offered', network, ...kept, offer, rolls: null } as const },
  };
}

/** What the offer of a rollover rests on. */
export const rollingQueries = ({ payout }: OfferInput, c: Credit | undefined) =>
  ({ tip: true, now: true, payout: unnamed(payout), coins: outpointOf(c) }) as const;

/** What is rolled over is there: whoever has funded nothing gets no offer, which is a record and an address each time. */
export function offerRollover(
  given: Given & { records: { contract?: Credit | undefined }; facts: Pick<Facts, 'tip' | 'payout' | 'now' | 'coins'> },
) {
  const c = must(given.records.contract, 'payee', 'accepted', 'open');
  checkBefore(given.facts.tip, deadlineHeight(c.terms), 'a rollover is offered');
  const checks = { funding: checkFunding(given.facts.coins, c) };
  const { network } = c.terms;
  const { offer, ...kept } = makeOffer(given, c.terms);
  return {
    message: { step: 'offered', network, contract: viewOf(c), paid_sat: c.paidSat, receipt: c.receipt, offer } as const,
    writes: { next: { role: 'payee', state: 'offered', network, ...kept, offer, rolls: c.id } as const },
    checks,
  };
}
