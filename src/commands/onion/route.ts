import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { routeDocument } from '../../lib/onion/route.ts';

export default door({
  summary: 'The amounts and expiries of a route, hop by hop, as the hops of onion-build',
  description: `Reads {amount_msat, final_cltv_expiry | height and final_cltv_delta, payment_hash?, payment_secret?, hops: [{pubkey, short_channel_id, fee_base_msat, fee_proportional_millionths, cltv_expiry_delta, htlc_minimum_msat?, htlc_maximum_msat?}], blinded_path?}. A channel stands with the hop that it leads to; its fees go to the hop before, so the first hop's are not charged. blinded_path is what onion-blind make printed; the last hop is its introduction node.`,
  examples: [
    'Plan, build and peel in one pipe\nspillway onion-route < route.json | spillway onion-build | spillway onion-peel --key-file bob.key | jq .payload',
    'What does it cost?\nspillway onion-route < route.json | jq .fees_msat',
  ],
  args: { file: arg('The route (default: stdin)') },
  flags: { batch: batchFlag },
  exits: [0, 2, 65, 66, 70, 77],
  run: (flags, { file }) => runStateless({ file, batch: flags.batch }, routeDocument),
});
