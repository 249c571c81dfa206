import { door } from '../../lib/cli/door.ts';
import { actionArg, arg, switchFlag } from '../../lib/cli/flags.ts';
import { batchFlag, nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { blindDocument, payinfoDocument, unblindDocument } from '../../lib/onion/blinding.ts';
import { neededKey } from './shared.ts';

export default door({
  summary: 'Blinded paths: make one, unblind a hop of one, add up what one costs',
  description: `make reads {hops: [{node_id, tlvs}]} with short_channel_id or next_node_id, payment_relay, payment_constraints, path_id, and prints the path; a hop with its own session_key begins another path that is joined here. unblind reads {path_key, encrypted_data}. payinfo reads {hops: [{fee_base_msat, fee_proportional_millionths, cltv_expiry_delta}], min_final_cltv_expiry_delta?}.`,
  examples: [
    'A path for an offer\nspillway onion-blind make < hops.json | jq -r .path',
    'What the first hop of it is told\nspillway onion-blind make < hops.json | jq "{path_key: .first_path_key, encrypted_data: .hops[0].encrypted_data}" | spillway onion-blind unblind --key-file bob.key',
  ],
  args: {
    action: actionArg(['make', 'unblind', 'payinfo']),
    file: arg('The document (default: stdin)'),
  },
  flags: {
    batch: batchFlag,
    ...nodeKeyFlags,
    pad: switchFlag('Pad what the hops are told to one length'),
    secrets: switchFlag('Also print shared secrets and the secret keys of the path'),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { action, file }) => {
    const key = action === 'unblind' ? await neededKey(flags) : 0n;
    await runStateless({ file, batch: flags.batch }, (document) => {
      if (action === 'payinfo') return payinfoDocument(document);
      if (action === 'unblind') return unblindDocument(document, key, flags.secrets);
      return blindDocument(document, crypto.getRandomValues(new Uint8Array(32)), flags);
    });
  },
});
