import { door } from '../../lib/cli/door.ts';
import { arg, textFlag } from '../../lib/cli/flags.ts';
import { runSecret } from './reading.ts';
import { batchFlag } from '../../lib/cli/stateless.ts';

export default door({
  summary: 'Find the preimage of a hash in a transaction or witness that claims an HTLC',
  description: `Reads a transaction (hex), a PSBT, or JSON: {tx} or {witness: [hex, …]}. Whatever script it is, some witness element or push must hash to --hash: SHA256 (32 bytes) or HASH160 (20 bytes).`,
  examples: [
    'What the other side\'s claim reveals\nbitcoin-cli getrawtransaction "$TXID" | spillway htlc secret --hash "$H" | jq -r .preimage > r.hex',
    'Watch a stream of transactions\nspillway htlc secret --batch --hash "$H" < mempool.hex | grep preimage',
  ],
  args: { file: arg('The transaction (default: stdin)') },
  flags: {
    hash: textFlag('Payment hash (32 bytes) or HASH160 (20 bytes)', 'HEX', { required: true }),
    batch: batchFlag,
  },
  run: (flags, { file }) => runSecret(flags, file),
});
