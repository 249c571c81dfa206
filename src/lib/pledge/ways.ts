/**
 * The way out of a pledge that its owner can go alone: the transaction that takes the coin back, finished when the pledge was
 * made. By size, from a campaign, and finished, from a record.
 * Not here: the transaction (`complete.ts`), how packages are made of it (`contract/exit-package.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import type { Network } from '../bitcoin/network.ts';
import { legsOf, type Exit } from '../contract/exit-package.ts';
import { ANY_SCRIPT, legTo, type WayOut } from '../contract/quote.ts';
import type { Document } from '../protocol/message.ts';
import type { OwnPledge } from './records.ts';

/** Returns the way out of a pledge to a campaign, at this feerate. */
export function waysOfCampaign({ step }: Document, feerate: number): readonly WayOut[] {
  if (step !== 'campaign') return [];
  return [{ who: 'pledger', script: ANY_SCRIPT, legs: [legTo([ANY_SCRIPT], feerate)] }];
}

/** Returns the way back of a pledge by its size. */
export function finishedWay(own: OwnPledge): Pick<WayOut, 'legs' | 'script'> {
  const exit = pledgeExit(own);
  return { legs: legsOf(exit), script: exit.script };
}

export const pledgeExit = ({ campaign, network, pledge, revocation, back }: OwnPledge): Exit => ({
  contract: campaign.id,
  network: network as Network,
  script: scriptOf(back.address, network as Network),
  steps: [{ hex: revocation.hex, spends: [pledge], by: null, why: 'takes the pledged coin back', bears: true }],
});
