import { contractFlags, feeFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { askFlags, remoteOf } from '../ecash/mint-flags.ts';
import { feerateInput } from '../../lib/cli/step-flags.ts';
import { closeCredit } from '../../lib/ecash/credit.ts';

export default contractDoor({
  summary: 'Close a credit contract together: one transaction at a fee of today',
  description: `Whoever will broadcast opens; the other signs last, and is frozen for good from then on. The payer's remainder bears the fee. A mint's home that owes a merchant more than it has signed proposes a close that pays all of it. An own proposal can be given up with --cancel. Until the close confirms, exit and refund stay what they were.`,
  examples: [
    'The user closes\nspillway close-credit --home user --contract "$ID" --feerate 3 \\\n    | spillway close-credit --home mint \\\n    | spillway close-credit --home user | jq -r .hex > close.hex',
    'The mint closes and broadcasts\nspillway close-credit --home mint --contract "$ID" \\\n    | spillway close-credit --home user --max-feerate 20 \\\n    | spillway close-credit --home mint | spillway broadcast',
    'The last message was lost: print it once more, or give the own proposal up\nspillway close-credit --home user --contract "$ID" --again > close.json\nspillway close-credit --home user --contract "$ID" --cancel',
  ],
  table: closeCredit,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...askFlags,
    ...overFlag,
    ...feeFlags,
    'max-feerate': feerateInput("The most that the other's proposal may cost (default 50)"),
  },
  prepare: (flags) => ({ remote: remoteOf(flags) }),
});
