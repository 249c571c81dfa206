import { contractFlags, feeFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { satInput, textInput } from '../../lib/cli/step-flags.ts';
import { EXPERIMENTAL } from './shared.ts';
import { withdrawStatechain } from '../../lib/statechain/withdraw.ts';

export default contractDoor({
  summary: 'Withdraw a statecoin together with the operator (experimental); ends the coin',
  description: `The owner asks, the operator closes the coin for good and signs last, the owner completes. Until it confirms, the backup stays what it was.

${EXPERIMENTAL}`,
  examples: [
    'To a fresh address of the home\nspillway statechain-withdraw --home carol --contract "$COIN" --feerate 3 \\\n    | spillway statechain-withdraw --home operator \\\n    | spillway statechain-withdraw --home carol | spillway broadcast',
    'To another address\nspillway statechain-withdraw --home carol --contract "$COIN" --to bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6 > requested.json',
    'The request was lost: print it once more\nspillway statechain-withdraw --home carol --contract "$COIN" --again > requested.json',
  ],
  table: withdrawStatechain,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...overFlag,
    to: textInput("Address to be paid to (default: a fresh one of the home's)", 'ADDRESS'),
    fee: satInput('The fee itself: to ask for a withdrawal again, with its --to'),
    ...feeFlags,
  },
});
