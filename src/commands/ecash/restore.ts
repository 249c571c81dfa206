import * as Flags from '@oclif/core/flags';
import { ContractCommand, contractNamed, stepsOf } from '../../lib/cli/contract.ts';
import { contractFlags } from '../../lib/cli/contract-flags.ts';
import { awaitedElsewhere } from './awaited.ts';
import { arg } from '../../lib/cli/flags.ts';
import { ecashRestore } from '../../lib/ecash/restore.ts';

export default class EcashRestore extends ContractCommand {
  static override summary = 'Get back ecash that was paid for and lost, from what the mint has signed';
  static override description = `For a payer whose home was restored from a backup, before it pays for ecash again; and for one whose last run never came. The wallet shows the outputs that it may have used, the payee gives back its signatures, the wallet prints the token: it may hold coins that were spent since. What was paid for over another contract of this home and never came is looked for too, so that a new contract with the mint finds what was lost over one that has ended.`;
  static override examples = [
    'Three runs, and the keyset from the list of those that the wallet knows\nK=$(spillway ecash-keyset --home user --list | jq -r .keyset.id)\nspillway ecash-restore --home user --contract "$ID" --keyset "$K" \\\n    | spillway ecash-restore --home mint \\\n    | spillway ecash-restore --home user | jq -r .token',
  ];
  static override steps = stepsOf(ecashRestore);
  static override args = { file: arg({ description: 'The message (default: stdin)' }) };
  static override flags = {
    ...contractFlags,
    keyset: Flags.string({
      summary: 'Start: the keyset whose outputs are looked for',
      helpValue: 'ID',
      helpGroup: 'ECASH',
    }),
    from: Flags.integer({
      summary: 'Start: look again from this counter on (default: the first that the wallet has not used)',
      helpValue: 'COUNTER',
      min: 0,
      max: 2_000_000_000,
      helpGroup: 'ECASH',
    }),
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(EcashRestore);
    await this.open({
      flags,
      file: args.file,
      table: ecashRestore,
      input: async (home) => {
        const contract = await contractNamed(home, flags.contract);
        const { keyset, from } = flags;
        if (contract === undefined || keyset === undefined) return { contract, keyset, from };
        return { contract, keyset, from, due: await awaitedElsewhere(home, contract, keyset) };
      },
    });
  }
}
