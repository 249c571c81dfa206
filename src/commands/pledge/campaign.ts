import { switchInput, satInput, step, textInput } from '../../lib/cli/step-flags.ts';
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { parseSat } from '../../lib/bitcoin/amount.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { chainOf, type ChainValues } from '../../lib/cli/chain.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { contractFlags, expiryFrom } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { chainFlags, feerateFlag, homeFlags, repeated, textFlag } from '../../lib/cli/flags.ts';
import { pledge } from '../../lib/pledge/table.ts';
import { PROMISE } from './shared.ts';

const { contract, again, cancel, 'request-id': requestId } = contractFlags;

export default contractDoor({
  summary: 'Begin an assurance contract: the outputs that many pay together, or nobody pays',
  description: `${PROMISE}
Prints the campaign, sealed by a key of its own. Give it to whoever may pledge; spillway pledge join gathers what comes back. The outputs can never be changed: a larger goal is a second campaign. A node (--chain) shows whether an address holds coins already; of coins that were spent since it does not know. --contract ID --cancel gives the campaign up: this home gathers nothing more for it and forgets it in time; whoever has the pledges can still complete.`,
  examples: [
    'A bridge, to an address of this home that nothing else pays\nspillway pledge campaign --home bridge --output 1000000 --title "a bridge" > campaign.json',
    'Two builders are paid at once, and the collector cannot take what is missing for itself\nspillway pledge campaign --home bridge --output "$BUILDER=900000" --output "$ENGINEER=100000" --until +2016 --chain http://127.0.0.1:8332 > campaign.json',
  ],
  table: pledge,
  flags: {
    ...homeFlags,
    ...chainFlags,
    output: textFlag('An output, in this order; without an address a fresh one of the home', 'ADDRESS=SAT|SAT', {
      ...repeated,
      helpGroup: 'ACTION',
    }),
    feerate: feerateFlag("Fee rate that the pledges pay; otherwise the node's estimate, else 2"),
    min: satInput('Least value of a pledged coin (default: the goal in 1500 parts)'),
    until: step(
      textFlag(
        'When it ends for honest programs: a height, blocks from now, or a date',
        'HEIGHT|+BLOCKS|DATE',
        'ACTION',
      ),
      expiryFrom,
    ),
    title: textInput('What it is for, at most 200 characters', 'TEXT'),
    'allow-used': switchInput('An address holds coins already, and that is meant'),
    contract,
    again,
    cancel,
    'request-id': requestId,
  },
  prepare: (flags) => ({
    starts: true,
    also: async ({ network }) => {
      const outputs = flags.output?.map(outputFrom);
      return { outputs, paid: await paidAmong(outputs ?? [], network, flags) };
    },
  }),
});

/** Reads `ADDRESS=SAT` or `SAT`. @throws Refusal `usage` */
function outputFrom(text: string): { address: string | null; sat: bigint } {
  const [, address, amount] = /^(?:([0-9A-Za-z]+)=)?(\d+)$/.exec(text) ?? [];
  const sat = amount === undefined ? undefined : parseSat(amount);
  if (sat === undefined)
    throw new Refusal('usage', `--output ${JSON.stringify(text.slice(0, 100))} found, ADDRESS=SAT or SAT expected`);
  return { address: address ?? null, sat };
}

/** Returns those of the addresses that hold coins; undefined without a node. */
async function paidAmong(
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
