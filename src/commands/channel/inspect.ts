import { door } from '../../lib/cli/door.ts';
import { channelFlag, channelFrom, keysFlag, keysFrom, pointFlag, rawTransaction } from './shared.ts';
import { arg } from '../../lib/cli/flags.ts';
import { TRANSACTION_LIMIT } from '../../lib/cli/input.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { inspectTransaction } from '../../lib/channel/inspect.ts';
import { readKnowledge } from '../../lib/channel/match.ts';

export default door({
  summary:
    'What a transaction of a Lightning channel is: number, owner, and who may spend each output how and from when',
  description: `Reads a transaction in hex, or {transaction, channel?, per_commitment_point?, htlcs?}: a commitment, HTLC transaction, penalty, sweep or close. Without --channel it says what the bytes alone show. With it the number is read off locktime and sequence, the fee is known, signatures are verified, and each output has its role, as far as points (by --keys or --point) and HTLCs are known.`,
  examples: [
    'What was broadcast?\nbitcoin-cli getrawtransaction "$TXID" | spillway channel-inspect | jq -r .kind',
    'Whose is it, and which number?\nspillway channel-inspect --channel channel.json --keys keys.json commitment.hex | jq "{holder, number}"',
  ],
  args: { file: arg('The transaction (default: stdin)') },
  flags: { batch: batchFlag, channel: channelFlag, keys: keysFlag, point: pointFlag },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const keys = await keysFrom(flags.keys);
    const shared = flags.channel === undefined ? undefined : await channelFrom(flags.channel);
    const run = { file, batch: flags.batch, raw: rawTransaction, limit: TRANSACTION_LIMIT };
    await runStateless(run, async (document) => {
      const channel = document.has('channel') ? await channelFrom(undefined, document) : shared;
      const hex = bytesToHex(document.need('transaction', document.bytes('transaction'), 'a transaction in hex'));
      const context = channel && { channel, known: readKnowledge(channel, document, keys, flags.point) };
      document.end();
      return inspectTransaction(hex, context);
    });
  },
});
