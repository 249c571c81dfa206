import { policyFrom, termsFlags } from './shared.ts';
import { contractFlags, fundedBy, fundingFlags } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { choiceInput, satInput } from '../../lib/cli/step-flags.ts';
import { openCredit } from '../../lib/credit/open.ts';

export default contractDoor({
  summary: 'Open a credit contract: the payer locks coins, and pays the payee from them update by update',
  description: `Four runs, each party in turn, one message handed round. From the expiry on the payer has everything back that the payee did not take on the chain. The funding transaction is shown only once that refund is stored, in the home and in the folder of --refunds.`,
  examples: [
    'Both homes on one machine\nspillway open-credit --home mint --as payee --tip 1000 \\\n    | spillway open-credit --home user --amount 1200000 --expires +4320 --utxo coins.json --tip 1000 \\\n    | spillway open-credit --home mint --tip 1000 \\\n    | spillway open-credit --home user --tip 1000 > contract.json',
    'Funded by a Bitcoin Core wallet, in place of the second run\nspillway open-credit --home user --amount 1200000 --expires 2027-01-31 < offered.json > addressed.json\nbitcoin-cli -named walletcreatefundedpsbt outputs="{\\"$(jq -r .address addressed.json)\\":0.012}" > funding.json\nspillway open-credit --home user --funding funding.json < addressed.json > proposed.json',
    'Nobody has answered: the coins of the proposal are free again\nspillway open-credit --home user --cancel < proposed.json',
  ],
  table: openCredit,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    as: choiceInput(
      ['payee', 'payer'],
      'Start: offer a contract in which this home is paid, or ask the other for an offer',
    ),
    amount: satInput('Capacity of the contract', 'FUNDING'),
    ...fundingFlags,
    funding: fundedBy('contract'),
    ...termsFlags,
  },
  prepare: (flags) => ({ also: async ({ network }) => ({ policy: await policyFrom(flags, network) }) }),
});
