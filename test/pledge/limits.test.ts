/** The limits of campaigns and their sums. */
import { describe } from 'vitest';
import { CAMPAIGN_LIMITS, campaignForm, defaultMin } from '../../src/lib/pledge/campaign.ts';
import { checkWorth, choosePledges, CampaignGoal, SUM_LIMITS } from '../../src/lib/pledge/sums.ts';
import type { OwnPledge } from '../../src/lib/pledge/records.ts';
import { PLEDGE_WATCH_LIMITS, searchedTo } from '../../src/lib/pledge/watch.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { limits } from '../support/limits.ts';
import { campaign, coin, NETWORK } from './things.ts';

const bridge = campaign();
const goal = new CampaignGoal(bridge, NETWORK);
const json = { ...bridge, outputs: [{ ...bridge.outputs[0], sat: 1_000_000 }], min_sat: 667 };

describe('a campaign', () => {
  const none = campaign({ min_sat: 0n });
  limits(CAMPAIGN_LIMITS, {
    outputs: {
      takes: (n: number) => parseAs(campaignForm, { ...json, outputs: Array(n).fill(json.outputs[0]) }),
      below: 'malformed-message',
      above: 'malformed-message',
    },
    net: { takes: (net: bigint) => checkWorth({ ...coin(1, net + 58n).coin }, none), below: 'below-minimum' },
    // So many pledges of the smallest value reach a goal, and with one more of them it is not the smallest.
    pledges: { takes: (n: number) => BigInt(n) * defaultMin(1_500_000n) <= 1_500_000n, above: 'not taken' },
  });
});

describe('its sums', () => {
  const bare = goal.bareWeight(1);
  limits(SUM_LIMITS, {
    weight: {
      takes: (weight: number) => goal.fits({ count: 1, weight: weight - bare, netSat: 0n }),
      above: 'not taken',
    },
    excess: {
      figures: [1_000_000n],
      takes: (excess: bigint) => {
        // Two that reach the goal, and a third that is all excess: taken up to the limit.
        const nets = [500_000n, goal.target(1) - 500_000n, excess].map((netSat) => ({ weight: 231, netSat }));
        const found = choosePledges(goal, nets);
        return 'chosen' in found && found.chosen.length === 3;
      },
      above: 'not taken',
    },
    tries: [],
  });
});

describe('a search for a payment', () => {
  const own = { unpaidTo: 1_000 } as OwnPledge;
  limits(PLEDGE_WATCH_LIMITS, {
    searched: {
      takes: (blocks: number) =>
        searchedTo(own, { tip: 9_999, payment: { by: null, upTo: 1_000 + blocks, pruned: false } }) !== undefined,
      below: 'not taken',
    },
  });
});
