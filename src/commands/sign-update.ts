import { ContractCommand, contractNamed, stepsOf } from '../lib/cli/contract.ts';
import { contractFlag, contractFlags } from '../lib/cli/contract-flags.ts';
import { arg, satFlag } from '../lib/cli/flags.ts';
import { signUpdate } from '../lib/credit/update.ts';

export default class SignUpdate extends ContractCommand {
  static override summary = 'Pay over an open credit contract, one signed update at a time';
  static override description = `The payee asks, the payer signs, the payee accepts. The payer agrees by --amount (exactly this much), by --max (no more than this over the whole run), or by answering the question on its terminal. The finished update stays in the payee's home: exit-credit prints it.`;
  static override examples = [
    'One payment of 2100 sat\nspillway sign-update --home mint --contract "$ID" --amount 2100 \\\n    | spillway sign-update --home user --amount 2100 \\\n    | spillway sign-update --home mint | jq .paid_sat',
    'A file of requests, at most 50000 sat in all\nspillway sign-update --home user --batch --max 50000 < requested.ndjson \\\n    | spillway sign-update --home mint --batch > accepted.ndjson',
  ];
  static override steps = stepsOf(signUpdate);
  static override args = { file: arg({ description: 'The message (default: stdin)' }) };
  static override flags = {
    ...contractFlags,
    ...contractFlag,
    amount: satFlag({
      summary: 'Payee: the amount asked for; payer: the one amount that is agreed to',
      helpGroup: 'ACTION',
    }),
    max: satFlag({ summary: 'Payer: agree to every amount up to this sum over the run', helpGroup: 'ACTION' }),
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(SignUpdate);
    await this.open({
      flags,
      file: args.file,
      table: signUpdate,
      input: async (home) => ({
        contract: await contractNamed(home, flags.contract),
        amount: flags.amount,
        max: flags.max,
      }),
    });
  }
}
