import { door } from '../../lib/cli/door.ts';
import { arg, heightFlag } from '../../lib/cli/flags.ts';
import { GossipRate } from '../../lib/gossip/rate.ts';
import { dumpFlag, printAnswers } from './dumps.ts';

export default door({
  summary: 'Which gossip of version 2 is kept by one message a block, and why the rest is not',
  description: `Reads messages as gossip decode does, in the order in which they came. Prints a line for each update and node announcement of version 2: kept or not, with gossip-stale (not newer than the last, before the channel, more than 2016 blocks old, or ahead of the tip) or gossip-too-often (two of one block), and how many blocks were saved up since the last. Other messages are left out.`,
  examples: [
    'Who sends too often?\nspillway gossip rate --tip 930000 messages.hex | jq -r "select(.kept | not) | .of" | sort | uniq -c',
    'What is kept?\nspillway gossip rate --tip 930000 messages.hex | jq -c "select(.kept)"',
  ],
  args: { file: arg('The messages (default: stdin)') },
  flags: {
    dump: dumpFlag,
    tip: heightFlag('Height of the newest block', { env: 'SPILLWAY_TIP', required: true }),
  },
  run: ({ dump, tip }, { file }) => {
    const rate = new GossipRate(tip);
    return printAnswers(file, dump, ({ message }) => {
      const rated = rate.judge(message);
      return rated && { type: 'gossip-rated', version: 1, ...rated };
    });
  },
});
