import { door } from '../../lib/cli/door.ts';
import { arg, choiceFlag, switchFlag } from '../../lib/cli/flags.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { drawMermaid, drawText } from '../../lib/htlc/route-drawing.ts';
import { onionHops, parseRoute, planRoute, routePlanDocument } from '../../lib/htlc/route.ts';

export default door({
  summary: 'Plan a routed payment: the chain of HTLCs, expiries and balances before, during and after',
  description: `Reads {height, amount_msat, final_delta, channels: [{from, to, balance_from_msat, balance_to_msat, fee_base_msat, fee_ppm, cltv_delta}]}; a channel's fee and delta are those of its from, and the first one's are not charged. Optional: reserve_msat, htlc_minimum_msat, htlc_maximum_msat, and for onions to_pubkey, short_channel_id, payment_hash, payment_secret.`,
  examples: [
    'What does each hop lock, and for how long?\nspillway htlc route --format text < route.json',
    'On to the packet\nspillway htlc route --format onion < route.json | spillway onion-build > onion.json',
  ],
  args: { file: arg('The route (default: stdin)') },
  flags: {
    format: choiceFlag(
      ['json', 'text', 'mermaid', 'onion'],
      'As JSON, as a table, as a sequence diagram, or as the hops of onion-build',
      { default: 'json' },
    ),
    'unsafe-deltas': switchFlag('Allow deltas that leave no time to claim on the chain'),
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async ({ format, unsafeDeltas }, { file }) => {
    const show = { json: routePlanDocument, text: drawText, mermaid: drawMermaid, onion: onionHops }[format];
    await runStateless({ file }, (document) => {
      const plan = parseRoute(document);
      return show(plan, planRoute(plan, unsafeDeltas));
    });
  },
});
