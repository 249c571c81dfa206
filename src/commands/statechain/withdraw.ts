import * as Flags from '@oclif/core/flags';
import { ContractCommand, contractNamed, stepsOf } from '../../lib/cli/contract.ts';
import { contractFlags, feeFlags } from '../../lib/cli/contract-flags.ts';
import { arg, satFlag } from '../../lib/cli/flags.ts';
import { EXPERIMENTAL } from './shared.ts';
import { withdrawStatechain } from '../../lib/statechain/withdraw.ts';

export default class StatechainWithdraw extends ContractCommand {
  static override summary = 'Withdraw a statecoin together with the operator (experimental); ends the coin';
  static override description = `The owner asks, the operator closes the coin for good and signs last, the owner completes. Until it confirms, the backup stays what it was.

${EXPERIMENTAL}`;
  static override examples = [
    'To a fresh address of the home\nspillway statechain-withdraw --home carol --contract "$COIN" --feerate 3 \\\n    | spillway statechain-withdraw --home operator \\\n    | spillway statechain-withdraw --home carol | spillway broadcast',
    'To another address\nspillway statechain-withdraw --home carol --contract "$COIN" --to bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6 > requested.json',
    'The request was lost: print it once more\nspillway statechain-withdraw --home carol --contract "$COIN" --again > requested.json',
  ];
  static override steps = stepsOf(withdrawStatechain);
  static override args = { file: arg({ description: 'The message (default: stdin)' }) };
  static override flags = {
    ...contractFlags,
    to: Flags.string({
      summary: "Address to be paid to (default: a fresh one of the home's)",
      helpValue: 'ADDRESS',
      helpGroup: 'ACTION',
    }),
    fee: satFlag({ summary: 'The fee itself: to ask for a withdrawal again, with its --to', helpGroup: 'ACTION' }),
    ...feeFlags,
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(StatechainWithdraw);
    await this.open({
      flags,
      file: args.file,
      table: withdrawStatechain,
      input: async (home) => ({
        contract: await contractNamed(home, flags.contract),
        to: flags.to,
        fee: flags.fee,
        allowFee: flags['allow-fee'] || undefined,
      }),
    });
  }
}
