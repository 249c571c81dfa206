import { door } from '../../lib/cli/door.ts';
import { requiredArg } from '../../lib/cli/flags.ts';
import { readOtsFile } from './shared.ts';
import { mergeOts, writeOts } from '../../lib/notary/ots.ts';

export default door({
  summary: 'Two OpenTimestamps proofs of one digest as one',
  description: `Prints the .ots file that has the attestations of both, each once, in the order of the reference client. Takes in what another client has upgraded since.`,
  examples: [
    'A proof that two clients have upgraded\nspillway notarize merge ours.ots theirs.ots > contract.pdf.ots',
    'Put a proof into the order of the reference client\nspillway notarize merge odd.ots odd.ots | spillway notarize show',
  ],
  args: {
    first: requiredArg('A proof'),
    second: requiredArg('Another proof of the same digest; - for stdin'),
  },
  exits: [0, 2, 65, 66, 70, 73, 76],
  run: async (_, { first, second }) => writeOts(mergeOts(await readOtsFile(first), await readOtsFile(second))),
});
