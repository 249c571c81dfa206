import { contractFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { ContractCommand, stepsOf } from '../../lib/cli/contract.ts';
import { arg } from '../../lib/cli/flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { count, text } from '../../lib/cli/step-flags.ts';
import { awaitedElsewhere } from './awaited.ts';
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
    ...overFlag,
    keyset: text('Start: the keyset whose outputs are looked for', 'ID', 'ECASH'),
    from: count(
      'Start: look again from this counter on (default: the first that the wallet has not used)',
      2_000_000_000,
      { min: 0, helpValue: 'COUNTER', helpGroup: 'ECASH' },
    ),
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(EcashRestore);
    await this.open({
      table: ecashRestore,
      steps: EcashRestore.flags,
      flags,
      file: args.file,
      also: async (home) => {
        const contract = await contractNamed(home, flags.contract);
        if (contract === undefined || flags.keyset === undefined) return { due: undefined };
        return { due: await awaitedElsewhere(home, contract, flags.keyset) };
      },
    });
  }
}
