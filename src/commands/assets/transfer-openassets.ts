import { textFlag } from '../../lib/cli/flags.ts';
import { buildTransfer } from '../../lib/assets/openassets/build.ts';
import { readAssetId } from '../../lib/assets/openassets/ids.ts';
import { readPayee } from '../../lib/assets/openassets/payee.ts';
import { door } from '../../lib/cli/door.ts';
import { build, buildFlags } from './building.ts';

export default door({
  summary: 'Build the unsigned PSBT that sends units of an Open Assets asset',
  description: `Takes coins of the asset until the units suffice, and coins without units for the fee. Units that are left over come back in an output of their own; with --burn they are destroyed. Coins whose colour is not known, or that carry units of Colu or EPOBC, are not spent.`,
  examples: [
    'Send 20 units\nspillway transfer-openassets --asset "$ASSET" --to "$OA_ADDRESS=20" --utxo coins.json --prev parents.hex --change "$CHANGE" --psbt | bitcoin-cli -stdin walletprocesspsbt',
    'Check before signing\nspillway transfer-openassets --asset "$ASSET" --to "$OA_ADDRESS=20" --utxo coins.json --prev parents.hex --change "$CHANGE" --psbt | spillway check-assets --prev parents.hex',
  ],
  flags: {
    ...buildFlags,
    asset: textFlag('The asset', 'ID', { required: true }),
    'units-change': textFlag('Address for units that are left over (default: where they were)', 'ADDRESS'),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: async (flags) => {
    const asset = readAssetId(flags.asset, flags.network);
    const back = flags.unitsChange;
    const unitsChange = back === undefined ? undefined : readPayee(back, flags.network).script;
    await build('transfer-openassets', flags, (common) => buildTransfer({ ...common, asset, unitsChange }));
  },
});
