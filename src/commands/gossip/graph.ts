import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { dumpFlag, graphText, readGraph } from './dumps.ts';
import { print } from '../../lib/cli/output.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';

export default class GossipGraph extends BaseCommand {
  static override summary = 'The network in a dump as one JSON document: nodes, channels, fees';
  static override description = `Reads gossip_store (Core Lightning), describegraph (lnd), listchannels (Core Lightning), rapid gossip sync (LDK), a compressed gossmap, messages in hex, or its own output; gzip or not. Signatures are not checked: gossip verify does. A gossmap holds no keys, so its nodes are numbers.`;
  static override examples = [
    'Which node has most channels?\nlncli describegraph | spillway gossip graph | jq -r ".channels[] | .node_1, .node_2" | sort | uniq -c | sort -n | tail -1',
    'A snapshot, then what has changed\nspillway gossip graph full.rgs > graph.json\nspillway gossip graph --base graph.json changes.rgs > newer.json',
  ];
  static override args = { file: arg({ description: 'The dump (default: stdin)' }) };
  static override flags = {
    dump: dumpFlag,
    base: Flags.string({ summary: 'The graph that an incremental snapshot changes', helpValue: 'GRAPH' }),
    'max-input': maxInputFlag,
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(GossipGraph);
    const limit = flags['max-input'];
    const base = flags.base === undefined ? undefined : await readGraph(flags.base, { limit });
    const graph = await readGraph(args.file, { limit, dump: flags.dump }, base);
    for (const text of graphText(graph)) await print(Buffer.from(text));
  }
}
