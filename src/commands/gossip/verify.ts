import { rpcOf } from '../../lib/cli/chain.ts';
import { filter } from '../../lib/cli/filter.ts';
import { arg, nodeFlags, textFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { gossipLine, Verifier } from '../../lib/gossip/verify.ts';
import { ERRORS } from '../../lib/protocol/refusal.ts';
import { dumpFlag, inflate, printLines, readGraph } from './dumps.ts';
import { chainOutputs, readOutputs } from './outputs.ts';

export default filter({
  summary: 'The signatures of gossip messages, and the outputs that channels stand on',
  description: `Reads what gossip decode reads, and adds signatures (one for each, in their order) and valid: true, false, or null where something that it rests on is not known. An update is checked by the announcement before it, or by --graph. Exit 0 if all are valid, 76 (or 65) by the first that is not, 3 where some could not be checked.`,
  examples: [
    'Which messages are forged?\nspillway gossip verify gossip_store | jq -c "select(.valid == false) | {kind, problems}"',
    'With the outputs of the chain\nspillway gossip verify --chain http://127.0.0.1:8332 gossip_store > verified.ndjson',
  ],
  args: { file: arg('The dump (default: stdin)') },
  flags: {
    dump: dumpFlag,
    graph: textFlag('A dump whose channels are known already', 'FILE'),
    outputs: textFlag('Outputs by short channel id: {"800000x5x1": {"script": hex, "amount_sat": n}}', 'FILE', {
      exclusive: ['chain'],
    }),
    ...nodeFlags,
    'max-input': maxInputFlag,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 76],
  run: async (flags, { file }) => {
    const rpc = await rpcOf(flags);
    const chain = rpc && chainOutputs(rpc);
    const known = flags.outputs === undefined ? undefined : await readOutputs(flags.outputs);
    const verifier = new Verifier(chain ? (scid) => chain.known(scid) : known && ((scid) => known.get(scid)));
    const graph = flags.graph === undefined ? undefined : await readGraph(flags.graph, { limit: flags.maxInput });
    for (const { short_channel_id: scid, node_1: one, node_2: two, capacity_sat: sat } of graph?.channels ?? [])
      if (scid !== undefined && typeof one === 'string')
        verifier.channel(scid, one, String(two), sat === undefined ? sat : BigInt(sat));
    let wrong: number | undefined;
    let unsure = false;
    await printLines(file, flags.dump, async ({ message, ...found }) => {
      await chain?.look(message);
      const line = gossipLine(message, { verifier, inflate, ...found });
      if (line.valid === false) wrong ??= ERRORS[line.problems[0]!.code][0];
      unsure ||= line.valid === null;
      return line;
    });
    process.exitCode = wrong ?? (unsure ? 3 : 0);
  },
});
