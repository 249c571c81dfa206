import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { feerateFlag } from '../../lib/cli/flags.ts';
import { stamp } from './stamping.ts';

export default class NotarizeStamp extends BaseCommand {
  static override summary = 'Put documents under one root that a transaction commits to: a plan, a line each';
  static override description = `Hashes files, or takes lines {digest, name} with SHA256 digests from stdin, up to a million. Prints a line {root, script, …} and then a line a document with the nonce that hides it from its neighbours. Keep this plan until notarize prove has made proofs of it: without its nonces there are none. The transaction is an output OP_RETURN with the root: any wallet can make it, or --utxo and --change print its PSBT.`;
  static override examples = [
    'Any wallet pays\nspillway notarize stamp contract.pdf photo.jpg > plan.ndjson\nbitcoin-cli -named send outputs="[{\\"data\\":\\"$(head -n 1 plan.ndjson | jq -r .root)\\"}]"',
    'A PSBT for a wallet that signs elsewhere\nspillway notarize stamp contract.pdf --utxo coins.json --change "$ADDRESS" | tee plan.ndjson | head -n 1 | jq -r .psbt | bitcoin-cli -stdin walletprocesspsbt',
  ];
  static override strict = false;
  static override args = {
    files: Args.string({ description: 'Documents (default: lines {digest, name} on stdin)', ignoreStdin: true }),
  };
  static override flags = {
    network: Flags.option({ options: NETWORKS, default: 'mainnet' as const })({
      summary: 'The network of the transaction',
    }),
    utxo: Flags.string({
      summary: "Coins to pay from, in the shape of Bitcoin Core's listunspent",
      helpValue: 'FILE',
      dependsOn: ['change'],
    }),
    change: Flags.string({ summary: 'Address for the change', helpValue: 'ADDRESS', dependsOn: ['utxo'] }),
    feerate: feerateFlag({ summary: 'Fee rate of the PSBT (default 2)' }),
    'allow-fee': Flags.boolean({ summary: 'Allow a fee above a tenth of the coins' }),
  };
  static override exits = [0, 2, 65, 66, 70, 73, 77] as const;

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(NotarizeStamp);
    await stamp(argv as string[], flags);
  }
}
