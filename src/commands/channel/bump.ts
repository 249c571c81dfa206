import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { channelFlag, keysFlag, pointFlag } from './shared.ts';
import { runChannelBump } from './bump-child.ts';
import { contractFlags, feeFlags } from '../../lib/cli/contract-flags.ts';
import { arg, chainFlags, satFlag } from '../../lib/cli/flags.ts';
import { NETWORKS } from '../../lib/bitcoin/network.ts';

export default class ChannelBump extends BaseCommand {
  static override summary =
    'Pay for a stuck commitment, or any parent with an anchor, with any coin: the array for submitpackage';
  static override description = `Reads a finished parent in hex: a version 3 transaction with P2A, or a commitment with an anchor of the own key (--channel and --keys). Makes a child that spends the anchor and coins of --utxo and pays to --change, so that both together reach --feerate. Prints the PSBT of the child with exit 3 until a wallet has signed the coins; give it back with --merge and the same flags. A second child with a higher fee rate replaces the first. With --chain it also pays for what it takes the place of, such as a child of the peer's.`;
  static override examples = [
    'A commitment of version 3, paid for by Bitcoin Core\nbitcoin-cli listunspent 1 > coins.json; spillway channel-bump --network regtest --utxo coins.json --change "$ADDRESS" --feerate 20 commitment.hex | jq -r .psbt | xargs bitcoin-cli walletprocesspsbt > signed.json',
    'Then both at once\nspillway channel-bump --network regtest --utxo coins.json --change "$ADDRESS" --feerate 20 --merge signed.json commitment.hex | jq -c .package | xargs -0 bitcoin-cli submitpackage',
  ];
  static override args = { file: arg({ description: 'The parent (default: stdin)' }) };
  static override flags = {
    network: Flags.option({ options: NETWORKS })({ summary: 'Network (default: that of the channel)' }),
    channel: channelFlag,
    keys: keysFlag,
    point: pointFlag,
    utxo: Flags.string({
      summary: "Coins that pay, in the shape of Bitcoin Core's listunspent",
      helpValue: 'FILE',
      required: true,
    }),
    change: Flags.string({ summary: 'Address for what is left', helpValue: 'ADDRESS', required: true }),
    merge: contractFlags.merge,
    'parent-fee': satFlag({
      summary: 'What the parent pays itself (default: of a commitment its fee, else 0 for version 3)',
    }),
    ...feeFlags,
    ...chainFlags,
  };
  static override exits = [0, 2, 3, 65, 66, 69, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(ChannelBump);
    await runChannelBump(flags, args.file, this.argv);
  }
}
