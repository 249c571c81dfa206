import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { dumpFlag, inflate, printLines } from './dumps.ts';
import { lineOf } from '../../lib/gossip/line.ts';

export default class GossipDecode extends BaseCommand {
  static override summary = 'The messages of a gossip_store, or of lines of hex, one JSON document a line';
  static override description = `Reads Core Lightning's gossip_store (versions 9 to 16) or messages in hex, a line each, gzip or not: announcements, updates and queries of BOLT7, and those of version 2. What BOLT7 forbids is listed in problems. gossip graph reads the dumps that hold no messages.`;
  static override examples = [
    'How many of each kind?\nspillway gossip decode ~/.lightning/bitcoin/gossip_store | jq -r .kind | sort | uniq -c',
    'One message\necho 0107… | spillway gossip decode | jq .',
  ];
  static override args = { file: arg({ description: 'The dump (default: stdin)' }) };
  static override flags = { dump: dumpFlag };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(GossipDecode);
    await printLines(args.file, flags.dump, ({ message, ...found }) => lineOf(message, { inflate, ...found }));
  }
}
