import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { gossipLine } from '../../lib/gossip/verify.ts';
import { dumpFlag, inflate, printAnswers } from './dumps.ts';

export default door({
  summary: 'The messages of a gossip_store, or of lines of hex, one JSON document a line',
  description: `Reads Core Lightning's gossip_store (versions 9 to 16) or messages in hex, a line each, gzip or not: announcements, updates and queries of BOLT7, and those of version 2. What BOLT7 forbids is listed in problems. gossip graph reads the dumps that hold no messages.`,
  examples: [
    'How many of each kind?\nspillway gossip decode ~/.lightning/bitcoin/gossip_store | jq -r .kind | sort | uniq -c',
    'One message\necho 0107… | spillway gossip decode | jq .',
  ],
  args: { file: arg('The dump (default: stdin)') },
  flags: { dump: dumpFlag },
  run: ({ dump }, { file }) =>
    printAnswers(file, dump, ({ message, ...found }) => gossipLine(message, { inflate, ...found })),
});
