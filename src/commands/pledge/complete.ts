import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { print } from '../../lib/cli/output.ts';
import { completeFlags, completeFrom } from './completing.ts';

export default door({
  summary: 'Complete a campaign: the transaction that pays the whole goal, once the pledges suffice',
  description: `Takes the pledges that the home has gathered (--contract), or with --campaign those of a file, without a home: whoever has the pledges can complete. With a node, coins that are gone are left out and named; once a block has spent one, its place is free for others. Chooses all pledges, or where they exceed the goal by more than 1 percent the earliest and then such as leave the least excess; what is left is fee (--allow-fee for more). Where something is missing prints what (exit 3), and which amount would reach the goal: the collector adds it as anybody does, by spillway pledge make.
Whoever sees the transaction can exchange its inputs for other pledges, so its id can change until a block has it: build nothing on it. --lock signs a pledged coin of this home, which the sum needs, for all inputs: then nobody can.`,
  examples: [
    'The goal is reached\nspillway pledge complete --home bridge --contract "$CAMPAIGN" --chain http://127.0.0.1:8332 | spillway broadcast',
    'By a pledger, where the collector does not\nspillway pledge complete --campaign campaign.json pledges.ndjson | spillway broadcast',
    'The collector adds what is missing, and binds the transaction\nspillway pledge make --home bridge --amount "$MISSING" --utxo coins.json campaign.json | tee own.json | spillway pledge join --home bridge\nspillway pledge complete --home bridge --contract "$CAMPAIGN" --lock "$(jq -r \'.pledge | "\\(.txid):\\(.vout)"\' own.json)"',
  ],
  args: { file: arg('With --campaign: the pledges, a line each (default: stdin)') },
  flags: completeFlags,
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 76, 77],
  run: async (flags, { file }) => {
    const { document, completed } = await completeFrom(flags, file);
    await print(document);
    if (!completed) process.exitCode = 3;
  },
});
