import { filter } from '../../lib/cli/filter.ts';
import { contractFlag, feeFlags } from '../../lib/cli/contract-flags.ts';
import { arg, chainFlags, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { spendStamp } from './spending.ts';

export default filter({
  summary: 'Spend the coin of a taproot commitment again',
  description: `Prints the transaction that pays the coin to --to, or to a fresh address of the home, for broadcast. The coin is named by --contract ROOT from the home's record, or by the first line of its plan or by a proof on stdin: with one of these a home made of the seed alone spends it too. The proofs stay what they are.`,
  examples: [
    'By the home\'s record\nspillway notarize spend --home alice --contract "$ROOT" | spillway broadcast',
    'By a proof, after a loss of the home\nspillway notarize spend --home alice contract.pdf.proof.json | spillway broadcast',
  ],
  args: { file: arg("A plan's first line, or a proof (default: stdin)") },
  flags: {
    contract: { ...contractFlag.contract, summary: 'Root of the plan, or its beginning, as status lists it' },
    to: textFlag("Address to be paid to (default: a fresh one of the home's)", 'ADDRESS'),
    feerate: feeFlags.feerate,
    'allow-fee': switchFlag('Allow a fee above a tenth of the coin', 'FEES'),
    ...homeFlags,
    ...chainFlags,
  },
  exits: [0, 2, 65, 66, 69, 70, 73, 75, 76, 77],
  run: async (flags, { file }) => await spendStamp(file, flags),
});
