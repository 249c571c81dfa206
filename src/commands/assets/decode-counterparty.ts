import { decodeCounterparty } from '../../lib/assets/counterparty/decode.ts';
import type { Tx } from '../../lib/assets/transaction.ts';
import { DecodeCommand, decodeFlags } from './decoding.ts';
import { arg, heightFlag } from '../../lib/cli/flags.ts';

export default class DecodeCounterparty extends DecodeCommand {
  static override summary = 'Read the Counterparty message in a transaction: OP_RETURN, multisig, P2SH or taproot';
  static override description = `Undoes RC4 and prints the message's fields. Whether the sender had what it sends only the whole ledger knows: "validity" is always "not-evaluated". Without --height both forms of a message, CBOR and packed, are tried.`;
  static override examples = [
    'One transaction\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-counterparty | jq .message',
    'Messages of a block\nbitcoin-cli getblock "$HASH" 2 | jq -r ".tx[].hex" | spillway decode-counterparty --batch --height 800000 | jq -c "select(.message)"',
  ];
  static override args = {
    file: arg('The transaction: hex, PSBT, or {"tx":hex} (default: stdin)'),
  };
  static override flags = {
    ...decodeFlags,
    height: heightFlag('Block of the transaction, which decides between forms of a message'),
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(DecodeCounterparty);
    const decode = (tx: Tx) => decodeCounterparty(tx, flags.network, flags.height);
    await this.decode(flags, args.file, () => ({ decode }));
  }
}
