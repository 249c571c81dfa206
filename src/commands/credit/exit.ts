import { ALLOW_FEE, feeFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor, portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, countFlag, feerateFlag, homeFlags, switchFlag } from '../../lib/cli/flags.ts';
import { yes } from '../../lib/cli/step-flags.ts';
import { dueContracts } from './due.ts';
import { withChildren } from './exit-children.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { exitCredit } from '../../lib/ecash/credit.ts';
import { asksPackage, nowFrom, packageFlags, packageText } from '../../lib/cli/package-flags.ts';
import { creditExit } from '../../lib/credit/ways.ts';
import { parseJson, printJson } from '../../lib/protocol/json.ts';
import type { Document } from '../../lib/protocol/message.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default contractDoor({
  summary: "The unilateral exit: the payee's latest update, or the payer's refund; needs no key and no counterparty",
  description: `Printing the payee's exit freezes the contract for good. --export prints it for a watchtower without freezing: keep such a copy secret and replace it after each payment, for an older one is worth money to the payer. With --children it also holds children that this home has signed, one for each fee rate, with which a watchtower pays for the exit in a fee spike; whoever has the export can burn what the dearest costs. A package is sent at once by whoever watches it, so --package freezes too, and there is none with --export. A refund is printed from the height of the expiry on; before, the exit code is 3.`,
  examples: [
    'The mint takes what it was paid\nspillway exit-credit --home mint --contract "$ID" --tip 5100 | jq -r .hex | xargs bitcoin-cli sendrawtransaction',
    'For a watchtower: with children for a fee spike\nspillway exit-credit --home mint --contract "$ID" --export --children 10,30,100 > exit.new && mv exit.new tower/exit.json',
    'From cron: whatever is due within a day\nspillway exit-credit --home mint --due | jq -r \'select(.verdict == "due" or .verdict == "late").contract\' \\\n    | while read -r id; do spillway exit-credit --home mint --contract "$id" | spillway broadcast; done',
  ],
  table: exitCredit,
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...overFlag,
    export: yes('Print without freezing the contract', { exclusive: ['due'], helpGroup: 'ACTION' }),
    children: feerateFlag(
      'With --export: also sign a child for each of these fee rates (10,30,100), for a watchtower without a key to bump with',
      { multiple: true, delimiter: ',', dependsOn: ['export'], exclusive: ['package', 'quote'], helpGroup: 'FEES' },
    ),
    'allow-fee': switchFlag(...ALLOW_FEE),
    ...packageFlags,
    feerate: feeFlags.feerate,
    due: switchFlag('List contracts whose deadline nears, the nearest first, one JSON object a line', {
      exclusive: ['contract'],
      helpGroup: 'ACTION',
    }),
    within: countFlag('With --due: how many blocks ahead (default 144)', [0, 1_000_000], {
      helpValue: 'BLOCKS',
      dependsOn: ['due'],
      helpGroup: 'ACTION',
    }),
  },
  prepare: (flags) => {
    const { children } = flags;
    if (flags.due)
      return withHome(flags, async (home) => {
        const { source } = await portsOf(home, flags);
        const lines = await dueContracts(home, source, flags.within ?? 144);
        if (lines.length > 0) await print(lines.map((line) => printJson(line)).join('\n'));
      });
    if (flags.contract === undefined) throw new Refusal('usage', '--contract ID or --due expected');
    if (flags.export && flags.package)
      throw new Refusal('usage', '--package found with --export: whoever watches a package sends it at once', {
        hint: 'for a watchtower of a contract that goes on: --export --children; to leave it: --package alone',
      });
    return {
      // A quote changes nothing.
      flags: flags.quote ? { ...flags, export: true } : flags,
      also: async () => ({ early: asksPackage(flags) || undefined }),
      print: async (home, text, { source }) => {
        if (asksPackage(flags))
          return packageText('credit', creditExit(parseJson(text) as Document), flags, await nowFrom(source), home);
        return children ? withChildren(home, text, children, flags.allowFee) : text;
      },
    };
  },
});
