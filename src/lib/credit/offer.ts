/**
 * Offers of a payee, for an opening or a rollover: fresh keys, a payout address, its policy, and
 * who issues ecash for payments. Not here: the terms that follow from one (`terms.ts`).
 */
import * as v from 'valibot';
import type { Network } from '../bitcoin/network.ts';
import type { Facts, Hand } from '../protocol/action.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { freshSide } from '../signing/side.ts';
import { sameJson } from '../protocol/json.ts';
import { checkBefore, checkFunding, deadlineHeight } from './checks.ts';
import { inState, type Credit } from './records.ts';
import { checkHome, outpointOf } from './steps.ts';
import { defaultPolicy, mintUrl, viewOf, type Issuer, type Offer, type Policy, type Terms } from './terms.ts';

/** Options of an offer. Absent ones take the default, or in a rollover the old contract's value. */
export interface OfferInput {
  policy?: Policy;
  ecash?: Issuer;
  mint?: string;
  ownKey?: string;
  payout?: string;
  /** Lifetime of an unanswered offer, in seconds; then that of an unfunded opening. */
  offerExpiry?: number;
}
/** Flags of the issuer, and flags of an offer. */
export const ISSUED = ['ecash', 'mint'] as const;
export const OFFERED = ['policy', ...ISSUED, 'ownKey', 'payout', 'offerExpiry'] as const;

type OfferArgs = Hand & { input: OfferInput; facts: Pick<Facts, 'payout' | 'now'> };

/** Default lifetime of an unanswered offer: a day, in seconds. */
const OFFER_SECONDS = 86_400;

/** Returns issuer and mint, which belong together: by flags, else as before the rollover. */
export function issuerOf(input: Pick<OfferInput, 'ecash' | 'mint'>, old?: Terms): Pick<Terms, 'ecash' | 'mint_url'> {
  const ecash = input.ecash ?? old?.ecash ?? 'none';
  const stays = ecash === old?.ecash || ecash === 'cdk';
  return { ecash, mint_url: input.mint ?? (stays ? (old?.mint_url ?? null) : null) };
}

/**
 * Checks that an offer has the expected issuer and mint: those of the old contract, or of the
 * flags.
 * @throws Refusal `terms-differ`
 */
export function checkIssuer(offer: Offer, expected: Pick<Terms, 'ecash' | 'mint_url'>): void {
  const words = ({ ecash, mint_url }: typeof expected) => `'${ecash}' ${mint_url ?? 'without a mint'}`;
  if (offer.ecash !== expected.ecash || offer.mint_url !== expected.mint_url)
    throw new Refusal('terms-differ', `ecash ${words(offer)} offered, ${words(expected)} expected`, {
      blame: 'payee',
      hint: 'give --ecash and --mint as they are offered if this is meant',
    });
}

type Offered = Extract<Credit, { state: 'offered' }>;

/**
 * Makes an offer. An earlier one of the same contract is made again with its keys and address and
 * the policy of today; one that has ended gets a later end.
 * @throws Refusal `usage` for an issuer without what it needs
 */
function makeOffer({ input, facts, ...hand }: OfferArgs, old?: Terms, had?: Offered) {
  checkHome(hand);
  const { ecash, mint_url: mint } = issuerOf(input, old);
  if (ecash === 'cdk' && mint === null)
    throw new Refusal('usage', '--ecash cdk found without the URL of that mint', { hint: 'give --mint URL' });
  if (mint !== null && !v.is(mintUrl, mint))
    throw new Refusal('usage', '--mint: a URL like https://mint.example.com expected, without a slash at its end');
  const policy = input.policy ?? defaultPolicy(hand.network as Network);
  const lasts = input.offerExpiry ?? OFFER_SECONDS;
  const fresh = facts.now + lasts;
  if (had) {
    const until = had.until === null || facts.now <= had.until ? had.until : fresh;
    return { own: had.own, until, lasts, offer: { ...had.offer, policy, ecash, mint_url: mint } };
  }
  const [payout] = addressesFor([input.payout], facts.payout);
  const { own, side } = freshSide(hand, input.ownKey, payout);
  return { own, until: fresh, lasts, offer: { ...side, policy, ecash, mint_url: mint } satisfies Offer };
}

export function offerOpening(given: OfferArgs) {
  const { network } = given;
  const { offer, ...kept } = makeOffer(given);
  return {
    message: { step: 'offered', network, offer } as const,
    writes: { contract: { role: 'payee', state: 'offered', network, ...kept, offer, rolls: null } as const },
  };
}

/** Returns the live offer of a contract; undefined if flags name keys or an address. */
const saidBefore = ({ ownKey, payout }: OfferInput, next: Credit | undefined): Offered | undefined =>
  next?.state === 'offered' && ownKey === undefined && payout === undefined ? next : undefined;

interface OfferRecords {
  contract?: Credit | undefined;
  /** The contract's live offer (`offerClaim`). */
  next?: Credit | undefined;
}

/** Returns the queries of a rollover's offer. */
export const rollingQueries = (input: OfferInput, { contract, next }: OfferRecords) =>
  ({
    tip: true,
    now: true,
    payout: saidBefore(input, next) ? 0 : unnamed(input.payout),
    coins: outpointOf(contract),
  }) as const;

/**
 * Offers the next contract of a rollover. The old contract's coin is looked up first, because each
 * offer takes a record and an address. A contract has at most one live offer, which repeated
 * requests get again.
 */
export function offerRollover(
  given: OfferArgs & { records: OfferRecords; facts: Pick<Facts, 'tip' | 'payout' | 'now' | 'coins'> },
) {
  const { input, facts, records } = given;
  const c = inState(records.contract, 'payee', 'accepted', 'open');
  checkBefore(facts.tip, deadlineHeight(c.terms), 'a rollover is offered');
  const checks = { funding: checkFunding(facts.coins, c) };
  const { network } = c.terms;
  const had = saidBefore(input, records.next);
  const { offer, ...kept } = makeOffer(given, c.terms, had);
  const message = {
    step: 'offered',
    network,
    contract: viewOf(c),
    paid_sat: c.paidSat,
    receipt: c.receipt,
    offer,
  } as const;
  if (had && kept.until === had.until && sameJson(offer, had.offer))
    return { message, writes: {}, checks, passing: true as const };
  return {
    message,
    writes: { next: { role: 'payee', state: 'offered', network, ...kept, offer, rolls: c.id } as const },
    checks,
  };
}
