/**
 * What a payee offers, for an opening or a rollover: fresh keys, a payout address, its policy, and who issues ecash for
 * what will be paid. Terms that follow from it: `terms.ts`.
 */
import * as v from 'valibot';
import type { Network } from '../bitcoin/network.ts';
import type { Facts, Hand } from '../protocol/action.ts';
import { addressesFor } from '../protocol/addresses.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkBefore, deadlineHeight } from './checks.ts';
import { freshSide } from '../signing/side.ts';
import { must, type Credit } from './records.ts';
import { checkHome } from './steps.ts';
import type { Issuer } from './issuer.ts';
import { defaultPolicy, mintUrl, viewOf, type Offer, type Policy, type Terms } from './terms.ts';

/** Whatever is not said is as by default, or as in the contract that is rolled over. */
export interface OfferInput {
  policy?: Policy;
  ecash?: Issuer;
  mint?: string;
  ownKey?: string;
  payout?: string;
}
type Given = Hand & { input: OfferInput; facts: Pick<Facts, 'payout'> };

/** @throws Refusal `usage` for an issuer without what it needs */
function makeOffer({ input, facts, ...hand }: Given, old?: Terms) {
  checkHome(hand);
  const ecash = input.ecash ?? old?.ecash ?? 'none';
  const mint = input.mint ?? old?.mint_url ?? null;
  if (ecash === 'cdk' && mint === null)
    throw new Refusal('usage', '--ecash cdk found without the URL of that mint', { hint: 'give --mint URL' });
  if (mint !== null && !v.is(mintUrl, mint))
    throw new Refusal('usage', '--mint: a URL like https://mint.example.com expected, without a slash at its end');
  const [payout] = addressesFor([input.payout], facts.payout);
  const { own, side } = freshSide(hand, input.ownKey, payout);
  const policy = input.policy ?? defaultPolicy(hand.network as Network);
  return { own, offer: { ...side, policy, ecash, mint_url: mint } satisfies Offer };
}

export function offerOpening(given: Given) {
  const { network } = given;
  const { own, offer } = makeOffer(given);
  return {
    message: { step: 'offered', network, offer } as const,
    writes: { contract: { role: 'payee', state: 'offered', network, own, offer, rolls: null } as const },
  };
}

export function offerRollover(
  given: Given & { records: { contract?: Credit | undefined }; facts: Pick<Facts, 'tip' | 'payout'> },
) {
  const c = must(given.records.contract, 'payee', 'accepted', 'open');
  checkBefore(given.facts.tip, deadlineHeight(c.terms), 'a rollover is offered');
  const { network } = c.terms;
  const { own, offer } = makeOffer(given, c.terms);
  return {
    message: { step: 'offered', network, contract: viewOf(c), paid_sat: c.paidSat, receipt: c.receipt, offer } as const,
    writes: { next: { role: 'payee', state: 'offered', network, own, offer, rolls: c.id } as const },
  };
}
