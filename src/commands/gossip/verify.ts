import { rpcOf } from '../../lib/cli/chain.ts';
import { door } from '../../lib/cli/door.ts';
import { arg, nodeFlags, textFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag, readDocument } from '../../lib/cli/stateless.ts';
import { gossipLine, Verifier, type ChannelOutput } from '../../lib/gossip/verify.ts';
import { ERRORS } from '../../lib/protocol/refusal.ts';
import { dumpFlag, inflate, printAnswers, readGraph } from './dumps.ts';
import { readGossip, typeOf } from '../../lib/gossip/message.ts';
import type { Rpc } from '../../lib/chain/rpc.ts';
import { scidParts } from '../../lib/wire/fields.ts';

export default door({
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
    await printAnswers(file, flags.dump, async ({ message, ...found }) => {
      await chain?.look(message);
      const line = gossipLine(message, { verifier, inflate, ...found });
      if (line.valid === false) wrong ??= ERRORS[line.problems[0]!.code][0];
      unsure ||= line.valid === null;
      return line;
    });
    process.exitCode = wrong ?? (unsure ? 3 : 0);
  },
});

/** Bytes of a file of outputs at most: a million channels. */
const FILE_LIMIT = 200_000_000;

/** Reads a file of outputs. @throws Refusal `malformed-message`, `no-input` */
async function readOutputs(file: string): Promise<Map<string, ChannelOutput>> {
  const document = await readDocument(file, FILE_LIMIT);
  return new Map(
    document.names().map((scid) => {
      const from = document.object(scid)!;
      const script = Buffer.from(from.need('script', from.bytes('script'))).toString('hex');
      return [scid, { script, amountSat: from.need('amount_sat', from.whole('amount_sat')) }];
    }),
  );
}

/** Number of blocks whose txids are held: channels of one block come together. */
const KEPT_BLOCKS = 50;

/** Looks up the unspent outputs of channels at a node, by their short channel ids. */
function chainOutputs(rpc: Rpc) {
  const found = new Map<string, ChannelOutput>();
  const blocks = new Map<number, readonly string[]>();
  async function txidsAt(height: number): Promise<readonly string[]> {
    const known = blocks.get(height);
    if (known) return known;
    const tip = (await rpc.blockchainInfo()).blocks;
    const txids = height > tip ? [] : (await rpc.block(await rpc.blockHash(height))).txids;
    if (blocks.size >= KEPT_BLOCKS) blocks.delete(blocks.keys().next().value!);
    blocks.set(height, txids);
    return txids;
  }
  return {
    known: (scid: string): ChannelOutput | undefined => found.get(scid),
    /** Looks up the output of an announcement; ignores any other message. */
    look: async (message: Uint8Array): Promise<void> => {
      if (![256, 267].includes(typeOf(message))) return;
      const scid: string | undefined = readGossip(message).values['short_channel_id'];
      if (scid === undefined || found.has(scid)) return;
      const [height, index, vout] = scidParts(scid);
      const txid = (await txidsAt(height))[index];
      const coin = txid === undefined ? undefined : await rpc.txOut({ txid, vout }, false);
      if (coin) found.set(scid, { script: coin.script, amountSat: coin.sat });
    },
  };
}
