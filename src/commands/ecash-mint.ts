import { BaseCommand } from '../lib/cli/base.ts';
import { contractNamed, stopAt } from '../lib/cli/contract.ts';
import { contractFlag } from '../lib/cli/contract-flags.ts';
import { homeFlags, satFlag } from '../lib/cli/flags.ts';
import { withHome } from '../lib/cli/home.ts';
import { askFlags, namedMints } from '../lib/cli/mint-flags.ts';
import { note, print } from '../lib/cli/output.ts';
import { Refusal } from '../lib/protocol/refusal.ts';

export default class EcashMint extends BaseCommand {
  static override summary = "Make a token of what was paid over a contract, at the contract's running mint";
  static override description = `Prints the token alone: money, whoever reads it can spend it. What it holds was reported to the mint and not minted before; a payment of a moment ago is waited for. Where nothing is new it prints the last token again. A home that was restored, copied or made of its words first finds what it had minted: it prints what of that is not spent, exit 3, and the next run prints what is new.`;
  static override examples = [
    'Pay, and have the ecash\nspillway sign-update --home user --contract "$ID" --amount 2100 \\\n    | curl -s --json @- "$HOME_URL" | spillway sign-update --home user | curl -s --json @- "$HOME_URL" > accepted.json \\\n    && spillway ecash-mint --home user --contract "$ID"',
    'Only a part of it, looked into\nspillway ecash-mint --home user --contract "$ID" --amount 500 | spillway ecash-token decode --redact | jq .total_sat',
  ];
  static override flags = {
    ...homeFlags,
    ...contractFlag,
    ...askFlags,
    amount: satFlag({ summary: 'So much (default: all that was reported and not minted)', helpGroup: 'ACTION' }),
  };
  static override exits = [0, 2, 3, 65, 66, 69, 70, 75, 76, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(EcashMint);
    await withHome(
      flags,
      async (home) => {
        const contract = await contractNamed(home, flags.contract);
        if (contract === undefined) throw new Refusal('usage', '--contract ID expected');
        const { mintEcash } = await import('../lib/cashu/wallet.ts');
        const isNamed = await namedMints(flags);
        const { token, again } = await mintEcash({ home, contract, isNamed, amountSat: flags.amount, point: stopAt });
        await print(token);
        if (!again) return;
        note('found again, for this home was lost: its coins may be in use elsewhere. Run it again for what is new');
        process.exitCode = 3;
      },
      stopAt,
    );
  }
}
