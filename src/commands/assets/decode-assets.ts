import { AnyAsset } from '../../lib/assets/guess.ts';
import { DecodeCommand, decodeArgs, decodeFlags } from './decoding.ts';
import { heightFlag } from '../../lib/cli/flags.ts';

export default class DecodeAssets extends DecodeCommand {
  static override summary = 'Which colored-coin protocols a transaction could belong to, and why';
  static override description = `Asks the decoders of Open Assets, Colu, EPOBC and Counterparty, and prints each verdict (yes, possible, no) with its reason and, where it is not no, the decoder's document.`;
  static override examples = [
    'One transaction\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-assets | jq -c ".protocols[] | [.protocol, .verdict, .why]"',
    'Candidates in a block\nbitcoin-cli getblock "$HASH" 2 | jq -r ".tx[].hex" | spillway decode-assets --batch | jq -r "select(any(.protocols[]; .verdict != \\"no\\")) | .txid"',
  ];
  static override args = decodeArgs;
  static override flags = {
    ...decodeFlags,
    height: heightFlag('Block of the transaction, which decides between forms of Counterparty messages'),
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(DecodeAssets);
    const { network, height } = flags;
    await this.decode(flags, args.file, (parents) => new AnyAsset({ network, parents }, height));
  }
}
