import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { runIdentify } from './reading.ts';
import { batchFlag } from '../../lib/cli/stateless.ts';

export default door({
  summary: 'Which form of HTLC a script or witness is, every constraint in it, who can spend it when',
  description: `Reads a script or a transaction in hex, a PSBT, a document of htlc create, or JSON: {script}, {witness: [hex, …]} or {tx}. Knows the standard form, the book's, boltz-core's, Loop's and BOLT3's. Signatures are not verified.`,
  examples: [
    'What did this transaction spend, and by which way?\nbitcoin-cli getrawtransaction "$TXID" | spillway htlc identify | jq ".inputs[0] | .variant, .path"',
    'Before paying into an address that somebody else made\necho "$REDEEM_SCRIPT" | spillway htlc identify | jq .ways',
  ],
  args: { file: arg('Script, witness, transaction or document (default: stdin)') },
  flags: { batch: batchFlag },
  exits: [0, 2, 65, 66, 70, 76],
  run: (flags, { file }) => runIdentify(flags, file),
});
