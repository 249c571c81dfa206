/**
 * Way out of a pledge: the transaction that takes the coin back, finished when the pledge was made.
 * A campaign gives its size, a record the transaction. Not here: the transaction (`complete.ts`),
 * exit packages (`contract/exit-package.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import type { Network } from '../bitcoin/network.ts';
import { legsOf, type Exit } from '../contract/exit-package.ts';
import { ANY_SCRIPT, legTo, type WayOut } from '../contract/quote.ts';
import type { Document } from '../protocol/message.ts';
import type { OwnPledge } from './records.ts';

/** Returns the way out of a pledge to a campaign at a feerate. */
export function waysOfCampaign({ step }: Document, feerate: number): readonly WayOut[] {
  if (step !== 'campaign') return [];
  return [{ who: 'pledger', script: ANY_SCRIPT, legs: [legTo([ANY_SCRIPT], feerate)] }];
}

/** Returns the finished way back of a pledge. */
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
