import { AnyAsset } from '../lib/assets/guess.ts';
import { DecodeCommand, decodeFlags, perParents } from '../lib/cli/decoding.ts';
import { arg, heightFlag } from '../lib/cli/flags.ts';

export default class DecodeAssets extends DecodeCommand {
  static override summary = 'Which colored-coin protocols a transaction could belong to, and why';
  static override description = `Asks the decoders of Open Assets, Colu, EPOBC and Counterparty, and prints each verdict (yes, possible, no) with its reason and, where it is not no, the decoder's document.`;
  static override examples = [
    'One transaction\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-assets | jq -c ".protocols[] | [.protocol, .verdict, .why]"',
    'Candidates in a block\nbitcoin-cli getblock "$HASH" 2 | jq -r ".tx[].hex" | spillway decode-assets --batch | jq -r "select(any(.protocols[]; .verdict != \\"no\\")) | .txid"',
  ];
  static override args = {
    file: arg({ description: 'The transaction: hex, PSBT, or {"tx":hex,"prev":{txid:hex}} (default: stdin)' }),
  };
  static override flags = {
    ...decodeFlags,
    height: heightFlag({ summary: 'Block of the transaction, which decides between forms of Counterparty messages' }),
  };
  static override exits = [0, 2, 3, 65, 66, 69, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(DecodeAssets);
    const all = perParents((parents) => new AnyAsset({ network: flags.network, parents }, flags.height));
    await this.decode(flags, args.file, (subject) => all(subject).decode(subject.tx));
  }
}
