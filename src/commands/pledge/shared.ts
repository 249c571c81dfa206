/** Flags, words and inputs that the commands of pledges share. */
import { switchInput } from '../../lib/cli/step-flags.ts';
import { isNetwork } from '../../lib/bitcoin/network.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { checkCampaign, COLLECTOR } from '../../lib/pledge/campaign.ts';
import { Gate } from '../../lib/pledge/gather.ts';
import { pledge } from '../../lib/pledge/table.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { checkSeal } from '../../lib/signing/seal.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import type { Home } from '../../lib/home/home.ts';
import { pledgeKind, type OwnPledge } from '../../lib/pledge/records.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/** First lines of each help: promises of a campaign, and their bounds. */
export const PROMISE = `Promised: either all outputs are paid at once, or nobody's coin moves; until then each pledger takes back alone.
Not promised: that others pay (who owns an output can add what is missing and gets it back: pay third parties, not the collector); that a pledge which is left over ends (completed without it, a campaign can be paid a second time with it: take it back, spillway pledge revoke); that a pledge expires (it ends only by spending its coin).`;

export const unchecked = switchInput('Go on without a height, or a node that has seen the coins');

/**
 * Returns the pledge to a campaign. One that was given up is returned only where there is no other.
 * @throws Refusal `unknown-contract`, `usage`
 */
export async function pledgeNamed(home: Home, prefix: string, coin: string | undefined): Promise<OwnPledge> {
  const id = await contractNamed(home, prefix);
  const all = (await home.store.byName(id!))
    .filter(({ kind }) => kind === pledgeKind.name)
    .map(({ record }) => pledgeKind.parse(record))
    .filter(({ pledge }) => (coin ?? outpointText(pledge)) === outpointText(pledge));
  const live = all.filter(({ state }) => state !== 'cancelled');
  const [own = all.at(-1), ...more] = live;
  if (!own) throw new Refusal('unknown-contract', `this home has no such pledge to ${id}`);
  if (more.length > 0)
    throw new Refusal('usage', `${live.length} coins of this home are pledged to ${id}`, {
      hint: `name one with --coin: ${live.map(({ pledge }) => outpointText(pledge)).join(', ')}`,
    });
  return own;
}

/** Reads a campaign from a file. @throws Refusal as its table, `bad-seal`, `terms-differ` */
export async function campaignIn(file: string): Promise<Gate> {
  const json = parseJson(utf8(await readInput(file)));
  const message = pledge.parse(json);
  if (message.step !== 'campaign' || !isNetwork(message.network))
    throw new Refusal('unknown-step', `a message at '${message.step}' found, a campaign expected`);
  checkSeal(json as object, message.campaign.auth, COLLECTOR);
  return new Gate(checkCampaign(message.campaign, message.network), message.network);
}
