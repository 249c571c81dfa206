import { print } from '../../lib/cli/output.ts';
import { contractFlag } from '../../lib/cli/contract-flags.ts';
import { stopAt } from '../../lib/cli/contract.ts';
import { homeFlags, inGroup, satFlag, switchFlag } from '../../lib/cli/flags.ts';
import { askFlags, namedMints } from './mint-flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { door } from '../../lib/cli/door.ts';
import { withHome } from '../../lib/cli/home.ts';
import { note } from '../../lib/engine/log.ts';
import type { InHand } from '../../lib/cashu/in-hand.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: "Make a token of what was paid over a contract, at the contract's running mint",
  description: `Prints the token alone: money, whoever reads it can spend it. What it holds was reported to the mint and not minted before; a payment of a moment ago is waited for. A token that a run has made and could not print comes first; where nothing is new it prints the last token again. Runs of one home follow each other. A home that was restored, copied or made of its words first finds what it had minted: it prints what of that is not spent, exit 3, and the next run prints what is new.
--again prints every token of the home, or of --contract, that is not known to be spent, a line each, whichever way it came (also by sign-update and ecash-restore): mints that have an address are asked first. Where one does not answer, the exit is 3. What a mint has called spent is asked about no more, and a mint may be wrong: --spent asks about all of that again, until \`prune\` has dropped it.`,
  examples: [
    'Pay, and have the ecash\nspillway sign-update --home user --contract "$ID" --amount 2100 \\\n    | curl -s --json @- "$HOME_URL" | spillway sign-update --home user | curl -s --json @- "$HOME_URL" > accepted.json \\\n    && spillway ecash-mint --home user --contract "$ID"',
    'Only a part of it, looked into\nspillway ecash-mint --home user --contract "$ID" --amount 500 | spillway ecash-token decode --redact | jq .total_sat',
    'A token was lost on its way: all that can still be spent\nspillway ecash-mint --home user --again | spillway ecash-token decode --redact --batch | jq .total_sat',
  ],
  flags: {
    ...homeFlags,
    ...contractFlag,
    ...askFlags,
    ...inGroup('ACTION', {
      amount: satFlag('So much (default: all that was reported and not minted)'),
      spent: switchFlag('With --again: also coins that a mint has called spent, and does not call so now', {
        dependsOn: ['again'],
      }),
      again: switchFlag('Make nothing: print all tokens that are not known to be spent', { exclusive: ['amount'] }),
    }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: (flags) =>
    withHome(
      flags,
      async (home) => {
        const contract = await contractNamed(home, flags.contract);
        const [{ mintEcash }, { printInHand }] = await Promise.all([
          import('../../lib/cashu/mint.ts'),
          import('../../lib/cashu/in-hand.ts'),
        ]);
        const given = { home, isNamed: await namedMints(flags), print };
        if (flags.again) return noteTokens(await printInHand({ ...given, contract, spent: flags.spent }));
        if (contract === undefined) throw new Refusal('usage', '--contract ID expected');
        const { again, waitingSat } = await mintEcash({ ...given, contract, amountSat: flags.amount, point: stopAt });
        if (waitingSat > 0n) note(`${waitingSat} sat more were made and never printed: run it again`);
        if (!again) return;
        note('found again, for this home was lost: its coins may be in use elsewhere. Run it again for what is new');
        process.exitCode = 3;
      },
      stopAt,
    ),
});

function noteTokens({ sat, unasked }: InHand): void {
  if (sat === 0n) note('no tokens');
  for (const { mint, why } of unasked) note(`what is spent at ${mint} is not known: ${why}`);
  if (unasked.length > 0) process.exitCode = 3;
}
