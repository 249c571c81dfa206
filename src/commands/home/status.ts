import { contractFlag } from '../../lib/cli/contract-flags.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, countFlag, homeFlags, satFlag } from '../../lib/cli/flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { filter } from '../../lib/cli/filter.ts';
import { statusLines } from '../../lib/engine/status.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { statusTable } from './status-table.ts';
import { printJson } from '../../lib/protocol/json.ts';

export default filter({
  summary: 'The contracts of this home: state, amounts, deadlines',
  description: `A table on a terminal, one JSON object a line in a pipe. With a node or a height, says for each contract whether it is time to act: early, due, late, pending (its coin is spent, not for good yet or not known by what), done, lost (spent for good by what pays this home less than it was paid: exit code 3), unfunded or dead (its funding was replaced, or it expired with nothing paid). next_duty names what watch sends first, from when and by when. For a statecoin also how many transfers are left, the height before which an exit must be confirmed, and what the exit costs at today's fee rate.`,
  examples: [
    'What is still to be had\nspillway status --home user | jq -s "map(.left_sat // 0) | add"',
    'Is more of the balance in tokens than 5 percent?\nspillway status --home user --contract "$ID" --float 5 | jq .float',
    'Contracts that need attention\nspillway status --home mint --tip 5100 | jq -r \'select(.verdict == "due" or .verdict == "late") | .contract\'',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...contractFlag,
    float: countFlag('Payer: compare what is in tokens with this share of the balance (5 is a usual one)', [0, 100], {
      helpValue: 'PERCENT',
      helpGroup: 'ECASH',
    }),
    tokens: satFlag('Payer: what the wallet still holds in tokens of this contract (default: all that came)', {
      helpGroup: 'ECASH',
      dependsOn: ['float', 'contract'],
    }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const wanted = await contractNamed(home, flags.contract);
      const { source } = await portsOf(home, flags);
      const lines = await statusLines(home, source, wanted, flags);
      if (home.restored) note('this store was restored or copied: see spillway restore --help');
      if (lines.some(({ verdict }) => verdict === 'lost')) process.exitCode = 3;
      if (process.stdout.isTTY) await print(await statusTable(lines));
      else if (lines.length > 0) await print(lines.map((line) => printJson(line)).join('\n'));
    }),
});
