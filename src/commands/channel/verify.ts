import { BaseCommand } from '../../lib/cli/base.ts';
import { channelFlag, channelFrom } from './shared.ts';
import { arg } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { verifyCommitment } from '../../lib/channel/build.ts';

export default class ChannelVerify extends BaseCommand {
  static override summary =
    'Compare a commitment and its HTLC transactions with what they must be, and verify their signatures';
  static override description = `Reads what channel-build reads, and beside it what somebody else made: commitment and htlc_transactions in hex, signed or not, signature, htlc_signatures, nonces and partial_signatures. Each is compared byte for byte and each signature verified; the first difference is named, and who is to blame.`;
  static override examples = [
    "Is the peer's commitment_signed right?\nspillway channel-verify --channel channel.json < received.json",
    'Many states at once\nspillway channel-verify --batch --channel channel.json < states.ndjson',
  ];
  static override args = { file: arg('State and transactions (default: stdin)') };
  static override flags = { batch: batchFlag, channel: channelFlag };
  static override exits = [0, 2, 65, 66, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(ChannelVerify);
    await runStateless({ file: args.file, batch: flags.batch }, async (document) =>
      verifyCommitment(await channelFrom(flags.channel, document), document),
    );
  }
}
