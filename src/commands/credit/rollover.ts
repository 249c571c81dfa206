import { policyFrom, termsFlags } from './shared.ts';
import { contractFlags, fundingFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { satInput } from '../../lib/cli/step-flags.ts';
import { rollover } from '../../lib/ecash/credit.ts';

export default contractDoor({
  summary: 'Settle a credit contract and open the next one, in one transaction',
  description: `One transaction pays the payee what was paid and funds the next contract with the rest, and with coins that the payer adds (--utxo with --amount). Where a mint's home owes a merchant more than it has signed, it pays all of that. The refund of the next contract is stored before the old one is signed away. Broadcast the result before the old contract's deadline.`,
  examples: [
    'Roll everything that is left into the next month\nspillway rollover --home mint --contract "$ID" --tip 5000 \\\n    | spillway rollover --home user --expires +4320 --tip 5000 \\\n    | spillway rollover --home mint --tip 5000 \\\n    | spillway rollover --home user --tip 5000 \\\n    | spillway rollover --home mint --tip 5000 > rolled.json',
    'With new coins, signed by another wallet\nspillway rollover --home user --tip 5000 --psbt rollover < accepted.json > topup.psbt || test $? = 3\nbitcoin-cli walletprocesspsbt "$(cat topup.psbt)" > signed.json\nspillway rollover --home user --tip 5000 --merge signed.json < accepted.json > signed-message.json',
    'The last message was lost: print it once more, or give the rollover and its next contract up\nspillway rollover --home user --contract "$ID" --again > proposed.json\nspillway rollover --home user --contract "$ID" --cancel',
  ],
  table: rollover,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...overFlag,
    amount: satInput('Capacity of the next contract (default: all that is left)', 'FUNDING'),
    ...fundingFlags,
    ...termsFlags,
  },
  prepare: (flags) => ({ also: async ({ network }) => ({ policy: await policyFrom(flags, network) }) }),
});
