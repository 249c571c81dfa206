import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { packageFlags } from '../../lib/cli/package-flags.ts';
import { runSpend, spendFlags } from './shared.ts';

export default door({
  summary: 'Take an HTLC back once it has expired: a PSBT with the right locktime, sequence and version',
  description: `Reads the document of htlc create. The refund can be made and signed long before it is valid; valid_from says when it is, and nodes refuse it until then. Median time, by which locks in time count, lags the clock by about an hour.`,
  examples: [
    'Prepared at once, sent when it is time\nspillway htlc refund --utxo "$TXID:0:100000" --key-file alice.key --to "$ADDRESS" htlc.json > refund.json\njq .valid_from refund.json',
    'For a hardware wallet, and back\nspillway htlc refund --utxo "$TXID:0:100000" --to "$ADDRESS" --feerate 5 htlc.json | jq -r .psbt > unsigned.psbt\nspillway htlc refund --utxo "$TXID:0:100000" --to "$ADDRESS" --feerate 5 --merge signed.psbt htlc.json | jq -r .hex',
  ],
  args: { file: arg('The HTLC (default: stdin)') },
  flags: { ...spendFlags, ...packageFlags },
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: (flags, { file }) => runSpend('refund', flags, file),
});
