import { portsOf, stepsOf } from '../../lib/cli/contract.ts';
import { arg, chainFlags, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { door } from '../../lib/cli/door.ts';
import { withHome } from '../../lib/cli/home.ts';
import { openInput } from '../../lib/cli/input.ts';
import { mayTrust } from '../../lib/pledge/gather.ts';
import { pledge } from '../../lib/pledge/table.ts';
import { gatherLines, LINE_LIMIT } from './gathering.ts';
import { HomeSeats } from './seats.ts';
import { unchecked } from './shared.ts';

export default door({
  summary: 'Gather pledges: each is checked and kept, and what is missing is said',
  description: `Reads a pledge, as spillway pledge make prints it or as a PSBT that another wallet has signed; with --batch a line each, in any order. Prints for each what it is worth, have_sat, of_sat and missing_sat, and exits with 3 until the goal is reached. A pledge that comes again counts once; of two pledges of one coin the first counts. A transaction holds about 1,700 pledges: beyond that the largest are kept. Other homes can send theirs to spillway serve. With a node each coin is looked at; without one off regtest nothing is counted (--unchecked).`,
  examples: [
    'As they come\nspillway pledge join --home bridge < pledge.json | jq .missing_sat',
    'A thousand from one file\ncat pledges/*.json | spillway pledge join --home bridge --batch --chain http://127.0.0.1:8332 | tail -n 1',
    'A PSBT that Bitcoin Core has signed\nspillway pledge join --home bridge --contract "$CAMPAIGN" signed.psbt',
  ],
  steps: stepsOf(pledge),
  args: { file: arg('The pledge (default: stdin)') },
  flags: {
    ...homeFlags,
    ...chainFlags,
    batch: switchFlag('Read and write one pledge a line (NDJSON)', 'ACTION'),
    contract: textFlag('Id of the campaign of PSBTs, which do not name it', 'ID', 'ACTION'),
    unchecked,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 76, 77],
  run: (flags, { file }) =>
    withHome(flags, async (home) => {
      const { source: facts } = await portsOf(home, flags);
      const seats = new HomeSeats(home, await contractNamed(home, flags.contract));
      const unchecked = mayTrust(home.network, flags.unchecked);
      await gatherLines(await openInput(file), seats, facts, unchecked, flags.batch ? undefined : LINE_LIMIT);
    }),
});
