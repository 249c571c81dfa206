import { contractFlags, feeFlags, fundedBy, fundingFlags, keyFlags } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { choiceInput, satInput } from '../../lib/cli/step-flags.ts';
import { EXPERIMENTAL, lockFlag, operatorFlag, statechainPolicy, statechainPolicyFlags } from './shared.ts';
import { openStatechain } from '../../lib/statechain/open.ts';

export default contractDoor({
  summary: 'Open a statecoin (experimental): a coin that changes owner without a transaction',
  description: `Four runs, operator and owner in turn, one message handed round. The funding transaction is shown only once the owner's backup is final and stored, in the home and in the folder of --refunds.

${EXPERIMENTAL}`,
  examples: [
    'Both homes on one machine\nspillway statechain-open --home operator --as operator --tip 1000 \\\n    | spillway statechain-open --home alice --amount 1000000 --utxo coins.json --tip 1000 \\\n    | spillway statechain-open --home operator --tip 1000 \\\n    | spillway statechain-open --home alice --tip 1000 > coin.json',
    'Funded by a Bitcoin Core wallet, in place of the second run\nspillway statechain-open --home alice --amount 1000000 < offered.json > addressed.json\nbitcoin-cli -named walletcreatefundedpsbt outputs="{\\"$(jq -r .address addressed.json)\\":0.01}" > funding.json\nspillway statechain-open --home alice --funding funding.json < addressed.json > proposed.json',
    'Nobody has answered: the coins of the proposal are free again\nspillway statechain-open --home alice --cancel < proposed.json',
  ],
  table: openStatechain,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    as: choiceInput(['operator'], 'Start: offer to serve a coin'),
    ...operatorFlag,
    ...lockFlag,
    amount: satInput('Amount of the coin', 'FUNDING'),
    utxo: fundingFlags.utxo,
    change: fundingFlags.change,
    funding: fundedBy('coin'),
    payout: keyFlags.payout,
    ...feeFlags,
    ...statechainPolicyFlags,
  },
  prepare: (flags) => ({
    also: async ({ network }) => ({ policy: await statechainPolicy(flags, flags.as !== undefined, network) }),
  }),
});
