import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { routeDocument } from '../../lib/onion/route.ts';

export default class OnionRoute extends BaseCommand {
  static override summary = 'The amounts and expiries of a route, hop by hop, as the hops of onion-build';
  static override description = `Reads {amount_msat, final_cltv_expiry | height and final_cltv_delta, payment_hash?, payment_secret?, hops: [{pubkey, short_channel_id, fee_base_msat, fee_proportional_millionths, cltv_expiry_delta, htlc_minimum_msat?, htlc_maximum_msat?}], blinded_path?}. A channel stands with the hop that it leads to; its fees go to the hop before, so the first hop's are not charged. blinded_path is what onion-blind make printed; the last hop is its introduction node.`;
  static override examples = [
    'Plan, build and peel in one pipe\nspillway onion-route < route.json | spillway onion-build | spillway onion-peel --key-file bob.key | jq .payload',
    'What does it cost?\nspillway onion-route < route.json | jq .fees_msat',
  ];
  static override args = { file: arg('The route (default: stdin)') };
  static override flags = { batch: batchFlag };
  static override exits = [0, 2, 65, 66, 70, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(OnionRoute);
    await runStateless({ file: args.file, batch: flags.batch }, routeDocument);
  }
}
