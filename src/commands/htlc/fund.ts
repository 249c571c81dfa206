import { filter } from '../../lib/cli/filter.ts';
import { feeFlags, fundingFlags } from '../../lib/cli/contract-flags.ts';
import { arg, chainFlags, homeFlags, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { runFund } from './funding.ts';

export default filter({
  summary: 'Pay an HTLC: a PSBT to its address from the coins that are given',
  description: `Reads the document of htlc create. Signs the coins that are the home's; others are signed by the wallet that owns them. Where the refund key is the home's, the coins are reserved, and the same command prints the same transaction again. utxo is what htlc claim and htlc refund want to know: keep it, with the document, before the transaction is sent.`,
  examples: [
    'From a Bitcoin Core wallet\nbitcoin-cli listunspent > coins.json\nspillway htlc fund --amount 100000 --utxo coins.json --change "$CHANGE" htlc.json | jq -r .psbt | xargs bitcoin-cli walletprocesspsbt',
    "From the home's own coins\nspillway coins --home alice > coins.json\nspillway htlc fund --home alice --amount 100000 --utxo coins.json htlc.json | tee funded.json | spillway broadcast",
  ],
  args: { file: arg('The HTLC (default: stdin)') },
  flags: {
    amount: satFlag('What the HTLC holds', { required: true, helpGroup: 'FUNDING' }),
    utxo: textFlag("Coins to take from, in the shape of Bitcoin Core's listunspent", 'FILE', {
      required: true,
      helpGroup: 'FUNDING',
    }),
    change: fundingFlags.change,
    cancel: switchFlag('Free the coins of a payment that was never sent, as far as a node shows', {
      dependsOn: ['home'],
      helpGroup: 'FUNDING',
    }),
    ...feeFlags,
    ...homeFlags,
    ...chainFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: (flags, { file }) => runFund(flags, file),
});
