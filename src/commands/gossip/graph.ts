import { door } from '../../lib/cli/door.ts';
import { arg, textFlag } from '../../lib/cli/flags.ts';
import { print } from '../../lib/cli/output.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { dumpFlag, graphText, readGraph } from './dumps.ts';

export default door({
  summary: 'The network in a dump as one JSON document: nodes, channels, fees',
  description: `Reads gossip_store (Core Lightning), describegraph (lnd), listchannels (Core Lightning), rapid gossip sync (LDK), a compressed gossmap, messages in hex, or its own output; gzip or not. Signatures are not checked: gossip verify does. A gossmap holds no keys, so its nodes are numbers.`,
  examples: [
    'Which node has most channels?\nlncli describegraph | spillway gossip graph | jq -r ".channels[] | .node_1, .node_2" | sort | uniq -c | sort -n | tail -1',
    'A snapshot, then what has changed\nspillway gossip graph full.rgs > graph.json\nspillway gossip graph --base graph.json changes.rgs > newer.json',
  ],
  args: { file: arg('The dump (default: stdin)') },
  flags: {
    dump: dumpFlag,
    base: textFlag('The graph that an incremental snapshot changes', 'GRAPH'),
    'max-input': maxInputFlag,
  },
  run: async ({ dump, base, maxInput: limit }, { file }) => {
    const known = base === undefined ? undefined : await readGraph(base, { limit });
    const graph = await readGraph(file, { limit, dump }, known);
    for (const text of graphText(graph)) await print(Buffer.from(text));
  },
});
