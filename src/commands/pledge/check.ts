import { filter } from '../../lib/cli/filter.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { arg, chainFlags, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { openInput } from '../../lib/cli/input.ts';
import { printAll } from '../../lib/cli/output.ts';
import { factSource } from '../../lib/chain/source.ts';
import { gatherLines, LINE_LIMIT, MemorySeats } from './gathering.ts';
import { ownPledges } from './own.ts';
import { campaignIn } from './shared.ts';

export default filter({
  summary: 'Check pledges without a home, or see how the own ones stand',
  description: `With --campaign reads pledges as spillway pledge join does, a line each with --batch, keeps nothing, and says for each whether it counts and what is missing: exit 3 until the goal is reached. What no node has looked at is named in checks.
Without it says how the pledges of a home stand: open, due (the campaign is over, or was paid without the coin: take it back), completed, taken-back, spent or unknown. Exit 3 where one is due.`,
  examples: [
    'Is the goal reached?\ncat pledges/*.json | spillway pledge check --campaign campaign.json --batch | tail -n 1 | jq .missing_sat',
    'Which pledges of mine have to be taken back?\nspillway pledge check --home alice --chain http://127.0.0.1:8332 | jq -r \'select(.verdict == "due").coin\'',
  ],
  args: { file: arg('With --campaign: the pledge (default: stdin)') },
  flags: {
    ...homeFlags,
    ...chainFlags,
    campaign: textFlag('The campaign', 'FILE', 'ACTION'),
    batch: switchFlag('Read and write one pledge a line (NDJSON)', { dependsOn: ['campaign'], helpGroup: 'ACTION' }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 76, 77],
  run: async (flags, { file }) => {
    const chain = await chainOf(flags);
    if (flags.campaign !== undefined) {
      const gate = await campaignIn(flags.campaign);
      const facts = factSource({ network: gate.network, ...chain });
      const seats = new MemorySeats(gate);
      const limit = flags.batch ? undefined : LINE_LIMIT;
      return gatherLines(await openInput(file), seats, facts, true, limit);
    }
    await withHome(flags, async (home) => {
      const source = factSource({ network: home.network, ...chain });
      const lines = await ownPledges(home, source, chain.rpc);
      await printAll(lines);
      if (lines.some(({ verdict }) => verdict === 'due')) process.exitCode = 3;
    });
  },
});
