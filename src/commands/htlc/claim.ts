import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { preimageFlags, runSpend, spendFlags } from './shared.ts';

export default door({
  summary: 'Claim an HTLC with its preimage: a PSBT, finished and verified where the key is at hand',
  description: `Reads the document of htlc create. Signs with --key-file or the home, or leaves the PSBT for another wallet (exit 3) and takes it back with --merge and the same flags. The preimage travels in the PSBT's own field (BIP174) and is public once the claim is: claim well before the refund is valid.`,
  examples: [
    'From the document to the node\nspillway htlc claim --utxo "$TXID:0:100000" --preimage-file r.hex --key-file bob.key --to "$ADDRESS" htlc.json | jq -r .hex | xargs bitcoin-cli sendrawtransaction',
    'With a home that has key and preimage\nspillway htlc claim --home bob --utxo "$TXID:0:100000" htlc.json | spillway broadcast',
  ],
  args: { file: arg('The HTLC (default: stdin)') },
  flags: { ...spendFlags, ...preimageFlags },
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: (flags, { file }) => runSpend('claim', flags, file),
});
