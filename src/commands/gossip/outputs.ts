/**
 * Outputs that channels stand on: from a file, or from a node by short channel id.
 * Not here: which script a channel must have (`gossip/verify.ts`).
 */
import { readMessage, typeOf } from '../../lib/gossip/message.ts';
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

/** Looks channels up at a node: the block at the height, the transaction in it, the output where it is unspent. */
export class ChainOutputs {
  readonly #rpc: Rpc;
  readonly #found = new Map<string, ChannelOutput>();
  /** Txids of the blocks that were looked at last. */
  readonly #blocks = new Map<number, readonly string[]>();

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  /** Looks for the output of an announcement; of any other message nothing. */
  async look(message: Uint8Array): Promise<void> {
    const scid = announced(message);
    if (scid === undefined || this.#found.has(scid)) return;
    const [height, index, vout] = scidParts(scid);
    const txid = (await this.#txids(height))[index];
    const coin = txid === undefined ? undefined : await this.#rpc.txOut({ txid, vout }, false);
    if (coin) this.#found.set(scid, { script: coin.script, amountSat: coin.sat });
  }
  known(scid: string): ChannelOutput | undefined {
    return this.#found.get(scid);
  }

  async #txids(height: number): Promise<readonly string[]> {
    let txids = this.#blocks.get(height);
    if (!txids) {
      const { blocks } = await this.#rpc.blockchainInfo();
      txids = height > blocks ? [] : (await this.#rpc.block(await this.#rpc.blockHash(height))).txids;
      if (this.#blocks.size >= 50) this.#blocks.delete(this.#blocks.keys().next().value!);
      this.#blocks.set(height, txids);
    }
    return txids;
  }
}

/** Returns the channel that a message announces; undefined for any other message. */
const announced = (message: Uint8Array): string | undefined =>
  [256, 267].includes(typeOf(message)) ? readMessage(message).values['short_channel_id'] : undefined;
