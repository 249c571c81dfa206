import { filter } from '../../lib/cli/filter.ts';
import { arg } from '../../lib/cli/flags.ts';
import { now } from '../offer/shared.ts';
import { readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { encodeBolt11 } from '../../lib/offer/bolt11-document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default filter({
  summary: 'Write and sign a BOLT11 invoice',
  description: `Reads what invoice decode prints, or {network, amount_msat?, timestamp?, fields: [{tag: "p", payment_hash}, {tag: "s", payment_secret}, {tag: "d", description}, …]}: h description_hash, m payment_metadata, n node_id, x expiry, c min_final_cltv_expiry_delta, f fallback {address}, r route [{pubkey, short_channel_id, fee_base_msat, fee_proportional_millionths, cltv_expiry_delta}], 9 features [bits]; other tags with letters. What invoice verify would refuse is not written.`,
  examples: [
    'An invoice without an amount\necho \'{"fields": [{"tag": "p", "payment_hash": "…"}, {"tag": "s", "payment_secret": "…"}, {"tag": "d", "description": "Tea"}]}\' | spillway invoice encode --key-file node.key | jq -r .string',
    'The same invoice, signed again\nspillway invoice decode invoice.txt | spillway invoice encode --key-file node.key | jq -r .string',
  ],
  args: { file: arg('The fields (default: stdin)') },
  flags: { batch: batchFlag, ...nodeKeyFlags },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'key');
    if (!key) throw new Refusal('usage', 'no key to sign with', { hint: 'give --key-file FILE or --key-fd N' });
    await runStateless({ file, batch: flags.batch }, (document) => encodeBolt11(document, key, now()));
  },
});
