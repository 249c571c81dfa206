import { textFlag } from '../../lib/cli/flags.ts';
import { Colu, coluPayload } from '../../lib/assets/colu/decode.ts';
import { DecodeCommand, decodeArgs, decodeFlags } from './decoding.ts';
import { print } from '../../lib/cli/output.ts';

export default class DecodeColu extends DecodeCommand {
  static override summary =
    "Read a transaction as Colu's Colored Coins: issuance, payments, asset ids, hidden metadata";
  static override description = `Follows assets back through parent transactions as the network did, overflow to the last output included. Where a needed parent is not there the status is "undetermined", its id is in "missing", and the exit code is 3. A line {"payload":hex} of a batch is read alone, as --payload is.`;
  static override examples = [
    'One transaction, parents from your node\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-colu --chain http://127.0.0.1:8332',
    'A payload by itself\nspillway decode-colu --payload 434302060f000f10 | jq -r .amount',
    'What was issued, of many\nspillway decode-colu --batch < txs.hex | jq -r "select(.asset_id) | [.txid, .asset_id, .payload.amount] | @tsv"',
  ];
  static override args = decodeArgs;
  static override flags = {
    ...decodeFlags,
    payload: textFlag('Decode this payload alone, from 4343 on, or the OP_RETURN script that holds it', 'HEX'),
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(DecodeColu);
    const { network, payload } = flags;
    if (payload !== undefined) return print(coluPayload(payload));
    await this.decode(flags, args.file, (parents) => new Colu({ network, parents }), { payload: coluPayload });
  }
}
