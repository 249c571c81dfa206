/**
 * Standing of campaigns and pledges: lines of `status`, and whether a pledge is to be taken back.
 *
 * A pledge never expires. It is taken back once its campaign is over, or was paid without its coin,
 * or its owner asked for it.
 */
import type { Payment } from '../contract/duty.ts';
import { outcome, type TrackedCoin, type Outcome } from '../contract/outcome.ts';
import { exitQuoteBy, statusHead, type StatusSource, type StatusFacts, type StatusLine } from '../contract/status.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Facts, Hex } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { campaignOutputs } from './campaign.ts';
import { Gate, standing } from './gather.ts';
import { finishedWay } from './ways.ts';
import { campaignKind, pledgeKind, type CampaignRecord, type OwnPledge } from './records.ts';

/** Returns the coin of a pledge and its known spenders, for chain queries. */
export const followedPledge = ({ pledge: { txid, vout }, revocation, split }: OwnPledge): TrackedCoin => ({
  outpoint: { txid, vout },
  ways: [revocation.txid],
  ...(split && { funding: split.template.inputs.map((input) => ({ txid: input.txid, vout: input.vout })) }),
});

/**
 * Standing of a pledge.
 *
 *   open        nothing spends its coin, and its campaign is not over
 *   due         to be taken back
 *   completed   its coin pays the campaign
 *   taken-back  its revocation has spent it
 *   spent       something else has spent it
 *   unknown     no lookup, no known spender, or pruned blocks that may have a payment
 */
export type PledgeVerdict = 'open' | 'due' | 'completed' | 'taken-back' | 'spent' | 'unknown';

/**
 * Returns the standing of a pledge.
 * @param payment payment of the campaign without this coin; undefined if no search was made
 */
export function pledgeVerdict(own: OwnPledge, found: Outcome, tip: Facts['tip'], payment?: Payment): PledgeVerdict {
  const { campaign, network, revocation } = own;
  if (found.is === 'live' || found.is === 'unconfirmed') {
    const isOver = campaign.until !== null && tip !== 'not-checked' && tip >= campaign.until;
    // A printed revocation takes nothing back before it is sent.
    if (own.state === 'revoked') return 'due';
    if (own.state === 'split') return 'open';
    if (isOver || payment?.by) return 'due';
    return payment?.pruned ? 'unknown' : 'open';
  }
  if (found.is === 'unseen' || found.is === 'replaced') return 'unknown';
  if (found.txid === revocation.txid) return 'taken-back';
  if (!found.pays) return 'spent';
  return sameJson(found.pays, campaignOutputs(campaign, network as Network)) ? 'completed' : 'spent';
}

function pledgeLine(
  name: Hex,
  own: OwnPledge,
  facts: StatusFacts,
): StatusLine & { capacity_sat: bigint; expiry?: number } {
  const verdict = pledgeVerdict(own, outcome(followedPledge(own), facts), facts.tip);
  const stands = own.state === 'made' || own.state === 'revoked';
  return {
    ...statusHead(name, { role: 'pledger', state: own.state }),
    capacity_sat: own.pledge.sat,
    ...(own.campaign.until !== null && { expiry: own.campaign.until }),
    // A cancelled pledge has no verdict.
    ...(own.state !== 'cancelled' && { verdict }),
    ...(stands && { quote: exitQuoteBy({ who: 'pledger', ...finishedWay(own) }, facts) }),
    notes: verdict === 'due' ? ['watch takes it back, or pledge revoke'] : [],
  };
}

function campaignLine(name: Hex, record: CampaignRecord): StatusLine & { capacity_sat: bigint; paid_sat: bigint } {
  const { of_sat, have_sat, missing_sat, pledges } = standing(
    new Gate(record.campaign, record.network as Network),
    record.sum,
  );
  return {
    ...statusHead(name, { role: 'collector', state: campaignKind.row(record).state }),
    capacity_sat: of_sat,
    paid_sat: have_sat,
    notes: [
      `${pledges} pledge${pledges === 1 ? '' : 's'}`,
      ...(missing_sat > 0n ? [`${missing_sat} sat missing`] : []),
    ],
  };
}

export const campaignsShown: StatusSource<CampaignRecord> = { kind: campaignKind, line: campaignLine };
export const pledgesShown: StatusSource<OwnPledge> = {
  kind: pledgeKind,
  coin: (own) => ({ ...followedPledge(own), ended: false }),
  feerate: true,
  line: pledgeLine,
};
