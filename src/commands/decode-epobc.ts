import { Epobc } from '../lib/assets/epobc/decode.ts';
import { DecodeCommand, decodeFlags, perParents } from '../lib/cli/decoding.ts';
import { arg } from '../lib/cli/flags.ts';

export default class DecodeEpobc extends DecodeCommand {
  static override summary = 'Read a transaction as EPOBC: tag, padding, and what the kernel gives each output';
  static override description = `A tag is only a sequence number, so nothing is called colored that does not lead back to a genesis. The kernel is that of the wallets; where it gives outputs more than the inputs brought, "conservation" is false. Missing parents: status "undetermined", exit code 3.`;
  static override examples = [
    'One transaction, parents from your node\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-epobc --chain http://127.0.0.1:8332',
    'Where the kernel made units from nothing\nspillway decode-epobc --batch --prev parents.hex < txs.hex | jq -r "select(.conservation == false) | .txid"',
  ];
  static override args = {
    file: arg({ description: 'The transaction: hex, PSBT, or {"tx":hex,"prev":{txid:hex}} (default: stdin)' }),
  };
  static override flags = decodeFlags;
  static override exits = [0, 2, 3, 65, 66, 69, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(DecodeEpobc);
    const epobc = perParents((parents) => new Epobc({ network: flags.network, parents }));
    await this.decode(flags, args.file, (subject) => epobc(subject).decode(subject.tx));
  }
}
