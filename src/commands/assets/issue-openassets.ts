import { textFlag } from '../../lib/cli/flags.ts';
import { buildIssue } from '../../lib/assets/openassets/build.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { build, buildFlags } from './building.ts';

export default class IssueOpenassets extends BaseCommand {
  static override summary = 'Build the unsigned PSBT that issues units of an Open Assets asset';
  static override description = `The asset belongs to the script of the issuing coin (--issuer, else the first coin). Parents of the coins are needed, so that no coin that carries Open Assets, Colu or EPOBC units is spent unseen; the result is read back by decode-openassets before it is printed.`;
  static override examples = [
    'Issue, sign, send\nspillway issue-openassets --utxo coins.json --prev parents.hex --to "$OA_ADDRESS=1000" --change "$CHANGE" --psbt | bitcoin-cli -stdin walletprocesspsbt',
    'Which asset will it be?\nspillway issue-openassets --utxo coins.json --chain http://127.0.0.1:8332 --to "$OA_ADDRESS=1000" --change "$CHANGE" | jq -r .asset_id',
  ];
  static override flags = {
    ...buildFlags,
    issuer: textFlag('The coin whose script issues (default: the first)', 'TXID:VOUT'),
  };
  static override exits = [0, 2, 3, 65, 66, 69, 70, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(IssueOpenassets);
    await build('issue-openassets', flags, (common) => buildIssue({ ...common, issuer: flags.issuer }));
  }
}
