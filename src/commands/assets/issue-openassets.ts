import { textFlag } from '../../lib/cli/flags.ts';
import { buildIssue } from '../../lib/assets/openassets/build.ts';
import { door } from '../../lib/cli/door.ts';
import { build, buildFlags } from './building.ts';

export default door({
  summary: 'Build the unsigned PSBT that issues units of an Open Assets asset',
  description: `The asset belongs to the script of the issuing coin (--issuer, else the first coin). Parents of the coins are needed, so that no coin that carries Open Assets, Colu or EPOBC units is spent unseen; the result is read back by decode-openassets before it is printed.`,
  examples: [
    'Issue, sign, send\nspillway issue-openassets --utxo coins.json --prev parents.hex --to "$OA_ADDRESS=1000" --change "$CHANGE" --psbt | bitcoin-cli -stdin walletprocesspsbt',
    'Which asset will it be?\nspillway issue-openassets --utxo coins.json --chain http://127.0.0.1:8332 --to "$OA_ADDRESS=1000" --change "$CHANGE" | jq -r .asset_id',
  ],
  flags: {
    ...buildFlags,
    issuer: textFlag('The coin whose script issues (default: the first)', 'TXID:VOUT'),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: (flags) => build('issue-openassets', flags, (common) => buildIssue({ ...common, issuer: flags.issuer })),
});
