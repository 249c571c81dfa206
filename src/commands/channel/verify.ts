import { door } from '../../lib/cli/door.ts';
import { channelFlag, channelFrom } from './shared.ts';
import { arg } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { verifyCommitment } from '../../lib/channel/build.ts';

export default door({
  summary: 'Compare a commitment and its HTLC transactions with what they must be, and verify their signatures',
  description: `Reads what channel-build reads, and beside it what somebody else made: commitment and htlc_transactions in hex, signed or not, signature, htlc_signatures, nonces and partial_signatures. Each is compared byte for byte and each signature verified; the first difference is named, and who is to blame.`,
  examples: [
    "Is the peer's commitment_signed right?\nspillway channel-verify --channel channel.json < received.json",
    'Many states at once\nspillway channel-verify --batch --channel channel.json < states.ndjson',
  ],
  args: { file: arg('State and transactions (default: stdin)') },
  flags: { batch: batchFlag, channel: channelFlag },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) =>
    runStateless({ file, batch: flags.batch }, async (document) =>
      verifyCommitment(await channelFrom(flags.channel, document), document),
    ),
});
