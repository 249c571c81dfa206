/** Flags, words and inputs that the commands of pledges share. */
import { yes } from '../../lib/cli/step-flags.ts';
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { parseSat } from '../../lib/bitcoin/amount.ts';
import { isNetwork, type Network } from '../../lib/bitcoin/network.ts';
import { chainOf, type ChainValues } from '../../lib/cli/chain.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { checkCampaign, COLLECTOR } from '../../lib/pledge/campaign.ts';
import { Gate } from '../../lib/pledge/gather.ts';
import { pledge } from '../../lib/pledge/table.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { checkSeal } from '../../lib/signing/seal.ts';

/** First lines of each help: promises of a campaign, and their bounds. */
export const PROMISE = `Promised: either all outputs are paid at once, or nobody's coin moves; until then each pledger takes back alone.
Not promised: that others pay (who owns an output can add what is missing and gets it back: pay third parties, not the collector); that a pledge which is left over ends (completed without it, a campaign can be paid a second time with it: take it back, spillway pledge revoke); that a pledge expires (it ends only by spending its coin).`;

export const unchecked = yes('Go on without a height, or a node that has seen the coins');

/** Reads `ADDRESS=SAT` or `SAT`. @throws Refusal `usage` */
export function outputFrom(text: string): { address: string | null; sat: bigint } {
  const [, address, amount] = /^(?:([0-9A-Za-z]+)=)?(\d+)$/.exec(text) ?? [];
  const sat = amount === undefined ? undefined : parseSat(amount);
  if (sat === undefined)
    throw new Refusal('usage', `--output ${JSON.stringify(text.slice(0, 100))} found, ADDRESS=SAT or SAT expected`);
  return { address: address ?? null, sat };
}

/** Returns those of the addresses that hold coins; undefined without a node. */
export async function paidAmong(
  outputs: readonly { address: string | null }[],
  network: Network,
  flags: ChainValues,
): Promise<readonly string[] | undefined> {
  const { rpc } = await chainOf(flags);
  const addresses = outputs.flatMap(({ address }) => address ?? []);
  if (!rpc || addresses.length === 0) return undefined;
  const scripts = addresses.map((address) => scriptOf(address, network));
  const { coins } = await rpc.scan([...new Set(scripts)].map((script) => ({ desc: `raw(${script})`, range: [0, 0] })));
  return addresses.filter((_, i) => coins.some(({ script }) => script === scripts[i]));
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
