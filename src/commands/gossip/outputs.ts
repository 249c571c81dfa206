/**
 * Outputs that channels stand on: from a file, or from a node by short channel id.
 * Not here: which script a channel must have (`gossip/verify.ts`).
 */
import { readGossip, typeOf } from '../../lib/gossip/message.ts';
import type { ChannelOutput } from '../../lib/gossip/verify.ts';
import type { Rpc } from '../../lib/chain/rpc.ts';
import { scidParts } from '../../lib/wire/fields.ts';
import { readDocument } from '../../lib/cli/stateless.ts';

/** Bytes of a file of outputs at most: a million channels. */
const FILE_LIMIT = 200_000_000;

/** Reads a file of outputs. @throws Refusal `malformed-message`, `no-input` */
export async function readOutputs(file: string): Promise<Map<string, ChannelOutput>> {
  const document = await readDocument(file, FILE_LIMIT);
  return new Map(
    document.names().map((scid) => {
      const from = document.object(scid)!;
      const script = Buffer.from(from.need('script', from.bytes('script'))).toString('hex');
      return [scid, { script, amountSat: from.need('amount_sat', from.whole('amount_sat')) }];
    }),
  );
}

/** Blocks whose txids are kept: channels of one block come together. */
const KEPT_BLOCKS = 50;

/** Looks channels up at a node: the block at the height, the transaction in it, the output where it is unspent. */
export function chainOutputs(rpc: Rpc) {
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
    /** Looks for the output of an announcement; of any other message nothing. */
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
