import { door } from '../../lib/cli/door.ts';
import { actionArg, arg } from '../../lib/cli/flags.ts';
import { batchFlag, nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { buildErrorDocument, unwrapErrorDocument, wrapErrorDocument } from '../../lib/onion/error-document.ts';
import { keyOf } from './shared.ts';

export default door({
  summary: 'Error onions: build at the failing hop, wrap on the way back, unwrap at the origin',
  description: `build reads {shared_secret, failure, data?, hold_time?}, wrap {shared_secret, error, attribution_data?, hold_time?}, unwrap {shared_secrets, error, attribution_data?}. Instead of shared_secret, the packet as onion and the key of the node. A hold_time (units of 100 ms) asks for attribution data; with it unwrap tells how long each hop took and who altered the answer. Failures of packets that cannot be read carry sha256_of_onion.`,
  examples: [
    'A hop fails, and the origin learns which\nspillway onion-error build < failure.json | spillway onion-error wrap --key-file bob.key | jq -r .error',
    'Who failed, and why?\nspillway onion-error unwrap < answer.json | jq -r "[.hop, .failure] | @tsv"',
  ],
  args: {
    action: actionArg(['build', 'wrap', 'unwrap']),
    file: arg('The document (default: stdin)'),
  },
  flags: { batch: batchFlag, ...nodeKeyFlags },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { action, file }) => {
    const key = await keyOf(flags);
    await runStateless({ file, batch: flags.batch }, (document) => {
      if (action === 'build') return buildErrorDocument(document, key);
      return action === 'wrap' ? wrapErrorDocument(document, key) : unwrapErrorDocument(document);
    });
  },
});
