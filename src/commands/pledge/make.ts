import { contractFlags, feeFlags, fundingFlags } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { choiceFlag, textFlag } from '../../lib/cli/flags.ts';
import { satInput, step, switchInput } from '../../lib/cli/step-flags.ts';
import { ownClaim } from '../../lib/pledge/records.ts';
import { pledge } from '../../lib/pledge/table.ts';
import { pledgeNamed, PROMISE, unchecked } from './shared.ts';

const { batch: _, 'request-id': __, ...flags } = contractFlags;
const { expires: ___, ...funding } = fundingFlags;

export default contractDoor({
  summary: 'Pledge one coin to a campaign: it moves only if the whole goal is paid',
  description: `${PROMISE}
Reads the campaign. A coin of just that value is pledged as it is; otherwise a split makes one: send it (exit 3), and once a block has it the same command prints the pledge. Split, pledge and the finished way back are stored before anything is printed, the way back outside the home too (--refunds). The same command prints the same again. A coin of another wallet (taproot key or P2WPKH) is signed there: --psbt pledge, then --merge; its way back is to spend it there. --seal encrypts the pledge to the collector: other pledgers do not see the coin, and nobody but the collector can complete.`,
  examples: [
    'From coins of this home\nspillway coins --home alice --chain http://127.0.0.1:8332 > coins.json\nspillway pledge make --home alice --amount 250000 --utxo coins.json < campaign.json > split.json\nspillway broadcast < split.json',
    'A coin of Bitcoin Core\nspillway pledge make --home alice --coin "$TXID:0" --utxo core.json --psbt pledge campaign.json > p.psbt\nbitcoin-cli walletprocesspsbt "$(cat p.psbt)" true "ALL|ANYONECANPAY" | jq -r .psbt > signed.psbt\nspillway pledge make --home alice --coin "$TXID:0" --utxo core.json --merge signed.psbt campaign.json > pledge.json',
  ],
  table: pledge,
  file: 'The campaign (default: stdin)',
  flags: {
    ...flags,
    amount: satInput('Value of the pledged coin, split off where no coin has it'),
    coin: step(
      textFlag('Pledge this coin of --utxo as it is', 'TXID:VOUT', { exclusive: ['amount'], helpGroup: 'ACTION' }),
    ),
    seal: switchInput('Encrypt the pledge to the collector'),
    'psbt-version': choiceFlag(['0', '2'], 'Version of the PSBT for another wallet (default 0)', 'ACTION'),
    unchecked,
    ...funding,
    ...feeFlags,
  },
  prepare: (values) => ({
    starts: false,
    // The collector's own pledge has the name of its campaign.
    named: async (home, prefix) => ownClaim(await pledgeNamed(home, prefix, values.coin)),
    also: async () => ({ psbtVersion: values.psbtVersion === '2' ? (2 as const) : undefined }),
  }),
});
