import { door } from '../../lib/cli/door.ts';
import { decodeCounterparty } from '../../lib/assets/counterparty/decode.ts';
import type { Tx } from '../../lib/assets/transaction.ts';
import { decode, decodeFlags } from './decoding.ts';
import { arg, heightFlag } from '../../lib/cli/flags.ts';

export default door({
  summary: 'Read the Counterparty message in a transaction: OP_RETURN, multisig, P2SH or taproot',
  description: `Undoes RC4 and prints the message's fields. Whether the sender had what it sends only the whole ledger knows: "validity" is always "not-evaluated". Without --height both forms of a message, CBOR and packed, are tried.`,
  examples: [
    'One transaction\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-counterparty | jq .message',
    'Messages of a block\nbitcoin-cli getblock "$HASH" 2 | jq -r ".tx[].hex" | spillway decode-counterparty --batch --height 800000 | jq -c "select(.message)"',
  ],
  args: {
    file: arg('The transaction: hex, PSBT, or {"tx":hex} (default: stdin)'),
  },
  flags: {
    ...decodeFlags,
    height: heightFlag('Block of the transaction, which decides between forms of a message'),
  },
  exits: [0, 2, 65, 66, 70],
  run: (flags, { file }) =>
    decode(flags, file, () => ({ decode: (tx: Tx) => decodeCounterparty(tx, flags.network, flags.height) })),
});
