import { contractFlags, feeFlags } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { textFlag } from '../../lib/cli/flags.ts';
import { feerateInput, choiceInput, satInput, step, textInput } from '../../lib/cli/step-flags.ts';
import { coinFrom, htlcFrom } from './shared.ts';
import { htlcCooperate } from '../../lib/htlc/cooperate.ts';

export default contractDoor({
  summary: 'Spend a taproot HTLC together: one signature of both, at once, and no HTLC to be seen',
  description: `Whoever will broadcast opens; the other signs last and gives its own path up for the address that it sees. The HTLC must come from htlc create with both outputs of htlc key and --internal-key musig, or from htlc swap. Claim and refund stay valid until the spend confirms.`,
  examples: [
    'The recipient has shown the preimage; the payer lets it go cheaply\nspillway htlc cooperate --home bob --as claimer --htlc htlc.json --utxo "$TXID:0:100000" \\\n    | spillway htlc cooperate --home alice --amount 100000 \\\n    | spillway htlc cooperate --home bob | spillway broadcast',
    'An early refund\nspillway htlc cooperate --home alice --as refunder --htlc htlc.json --utxo "$TXID:0:100000" \\\n    | spillway htlc cooperate --home bob --amount 100000 \\\n    | spillway htlc cooperate --home alice > spent.json',
  ],
  table: htlcCooperate,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...feeFlags,
    as: choiceInput(['claimer', 'refunder'], 'Start: which party this home is'),
    htlc: step(textFlag('Start: the document of htlc create', 'FILE', 'ACTION'), htlcFrom),
    utxo: step(textFlag('Start: the coin', 'TXID:VOUT:SAT', 'ACTION'), coinFrom),
    to: textInput("Start: address to be paid to (default: a fresh one of the home's)", 'ADDRESS'),
    amount: satInput('Agree to give up an HTLC of this amount'),
    max: satInput('Agree to give up at most so much in this run'),
    'max-feerate': feerateInput("The most that the other's proposal may cost (default 100)"),
  },
});
