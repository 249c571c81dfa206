/**
 * Terms of an assurance contract: the outputs that pledges sign for, and what a pledge must be.
 *
 * The id is taggedHash("spillway/campaign", canonical JSON of the terms). The collector's
 * authentication key is one of them and seals the campaign.
 * Not here: pledges (`pledge.ts`), sums (`sums.ts`).
 */
import * as v from 'valibot';
import { scriptOf } from '../bitcoin/address.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { FEE_LIMITS, feerateText, MIN_FEERATE } from '../bitcoin/fee.ts';
import type { Network } from '../bitcoin/network.ts';
import { checkDust } from '../bitcoin/script.ts';
import { sumSat, type Output } from '../bitcoin/transaction.ts';
import type { Facts, Hex, Party } from '../protocol/action.ts';
import { canonicalJson } from '../protocol/json.ts';
import { allows, wholeIn, type Limits } from '../protocol/limit.ts';
import { height, hexOf, sat, text } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedTextHash } from '../signing/curve.ts';

export const CAMPAIGN_LIMITS = {
  /** The count of outputs takes one byte. */
  outputs: { unit: 'items', least: 1, most: 252 },
  /** Smallest value of a pledge after the fee of its input. */
  net: { unit: 'sat', least: 331n },
  /** Pledges that reach the goal, each of the smallest default value. */
  pledges: { unit: 'items', most: 1_500 },
} satisfies Limits;

/** Terms that the id hashes. */
export interface CampaignTerms {
  outputs: readonly { address: string; sat: bigint }[];
  /** Satoshis per 1,000 vbytes. */
  feerate: number;
  /** Smallest value of a pledged coin. */
  min_sat: bigint;
  /** Height from which honest programs pledge and complete no more. */
  until: number | null;
  title: string;
  /** Authentication key of the collector, x-only. */
  auth: Hex;
}
/** Campaign as its collector has sealed it. */
export interface Campaign extends CampaignTerms {
  id: Hex;
}

/** Form of a campaign's document. */
export const campaignForm = v.strictObject({
  id: hexOf(32),
  outputs: v.pipe(
    v.array(v.strictObject({ address: text, sat })),
    v.minLength(CAMPAIGN_LIMITS.outputs.least),
    v.maxLength(CAMPAIGN_LIMITS.outputs.most),
    v.readonly(),
  ),
  feerate: wholeIn(FEE_LIMITS.asked),
  min_sat: sat,
  until: v.nullable(height),
  title: text,
  auth: hexOf(32),
});

export const COLLECTOR: Party = 'collector';
export const PLEDGER: Party = 'pledger';

/** Returns the sum of the outputs. */
export const goalOf = ({ outputs }: Pick<CampaignTerms, 'outputs'>): bigint => sumSat(outputs);

/**
 * Returns the outputs of a campaign as they are signed, in its order.
 * @throws Refusal `malformed-address`, `wrong-network`
 */
export const campaignOutputs = ({ outputs }: Pick<CampaignTerms, 'outputs'>, network: Network): Output[] =>
  outputs.map(({ address, sat: amount }) => ({ sat: amount, script: scriptOf(address, network) }));

/**
 * Returns the campaign of these terms.
 * @throws Refusal `malformed-address`, `wrong-network`, `below-dust`, `fee-too-low`
 */
export function campaignOf(terms: CampaignTerms, network: Network): Campaign {
  for (const output of campaignOutputs(terms, network))
    checkDust(output, (least) => `an output of ${output.sat} sat found, at least ${least} sat expected`);
  const { feerate, min_sat, until, title, auth } = terms;
  if (feerate < MIN_FEERATE)
    throw new Refusal('fee-too-low', `a campaign at ${feerateText(feerate)} sat/vB found, at least 1 expected`);
  const outputs = terms.outputs.map(({ address, sat: amount }) => ({ address, sat: amount }));
  const hashed = { network, outputs, feerate, min_sat, until, title, auth };
  const id = bytesToHex(taggedTextHash('spillway/campaign', canonicalJson(hashed)));
  return { id, outputs, feerate, min_sat, until, title, auth };
}

/** Returns the smallest value of a pledge if the collector names none: a part of the goal. */
export const defaultMin = (goal: bigint): bigint => {
  const parts = BigInt(CAMPAIGN_LIMITS.pledges.most);
  return (goal + parts - 1n) / parts;
};

/** Checks that a campaign has its terms' id. @throws Refusal `terms-differ`; as `campaignOf` */
export function checkCampaign(stated: Campaign, network: Network): Campaign {
  const made = campaignOf(stated, network);
  if (made.id !== stated.id)
    throw new Refusal('terms-differ', 'the id of the campaign does not follow from its terms', { blame: COLLECTOR });
  return made;
}

/** Checks the height of honest programs. @throws Refusal `expired` */
export function checkOpen({ until }: Pick<CampaignTerms, 'until'>, tip: Facts['tip']): void {
  if (until === null || tip === 'not-checked' || allows({ most: until - 1 }, tip)) return;
  throw new Refusal('expired', `the campaign ends at height ${until}, and the tip is ${tip}`, {
    hint: 'a pledge that is left over ends only once its coin is spent: spillway pledge revoke',
  });
}
