import { door } from '../../lib/cli/door.ts';
import { textFlag } from '../../lib/cli/flags.ts';
import { Colu, coluPayload } from '../../lib/assets/colu/decode.ts';
import { decode, decoderTable, decodeFlags } from './decoding.ts';

export default door({
  summary: "Read a transaction as Colu's Colored Coins: issuance, payments, asset ids, hidden metadata",
  description: `Follows assets back through parent transactions as the network did, overflow to the last output included. Where a needed parent is not there the status is "undetermined", its id is in "missing", and the exit code is 3. A line {"payload":hex} of a batch is read alone, as --payload is.`,
  examples: [
    'One transaction, parents from your node\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-colu --chain http://127.0.0.1:8332',
    'A payload by itself\nspillway decode-colu --payload 434302060f000f10 | jq -r .amount',
    'What was issued, of many\nspillway decode-colu --batch < txs.hex | jq -r "select(.asset_id) | [.txid, .asset_id, .payload.amount] | @tsv"',
  ],
  ...decoderTable,
  flags: {
    ...decodeFlags,
    payload: textFlag('Decode this payload alone, from 4343 on, or the OP_RETURN script that holds it', 'HEX'),
  },
  run: (flags, { file }) => {
    const { network, payload } = flags;
    if (payload !== undefined) return coluPayload(payload);
    return decode(flags, file, (parents) => new Colu({ network, parents }), { payload: coluPayload });
  },
});
