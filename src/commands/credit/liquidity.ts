import { feeFlags } from '../../lib/cli/contract-flags.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, countFlag, homeFlags } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { feerateText } from '../../lib/bitcoin/fee.ts';
import { withHome } from '../../lib/cli/home.ts';
import { lookingOver, homeTotals } from '../../lib/engine/look.ts';
import { print } from '../../lib/cli/output.ts';
import { crowded, isExitable, liquidityOf, MassExits, spread } from '../../lib/credit/liquidity.ts';
import type { Credit } from '../../lib/credit/records.ts';
import type { ExitFacts } from '../../lib/credit/standing.ts';
import { defaultPolicy } from '../../lib/credit/terms.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { policyFlags, policyFrom } from './shared.ts';
import { liquidityTable, type Planned } from './liquidity-table.ts';

const group = 'PLAN';
const { 'max-blocks': max, 'min-blocks': min, margin, freeze } = policyFlags;

export default filter({
  summary: 'What this home holds, owes and could settle now, and when it falls due',
  description: `A table with bars on a terminal, JSON in a pipe. A day is 144 blocks from a multiple of 144, and an exit belongs to the day of its deadline. --plan N proposes expiries for new contracts, so that no day has more than N exits, names days that have more already, and says what fees and coins all exits at once take at --feerate: each takes one child, and no coin serves two. A contract that nobody has funded, as far as watch, serve or a payment has seen, counts in no sum. What was paid over contracts whose coin is spent is pending, settled or lost, by what the chain did; the exit code is 3 where something is lost.`,
  examples: [
    'What is held and what is owed\nspillway liquidity --home mint | jq "{holds_sat, pending_sat, lost_sat, issued_sat}"',
    'Ten more contracts, at most three exits a day\nspillway liquidity --home mint --plan 3 --new 10 --feerate 50 | jq ".plan.new[].expiry"',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    plan: countFlag('The most exits that a day may have', [1], { helpValue: 'N', helpGroup: group }),
    new: countFlag('For how many new contracts (default 10)', [0, 10_000], {
      helpValue: 'N',
      dependsOn: ['plan'],
      helpGroup: group,
    }),
    feerate: feeFlags.feerate,
    'min-blocks': min,
    'max-blocks': max,
    freeze,
    margin,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const { source } = await portsOf(home, flags);
      const { tip = 'not-checked', feerate } = (await source.facts({ tip: true, feerate: true })).facts;
      if (flags.plan !== undefined && tip === 'not-checked')
        throw new Refusal('usage', 'no height to plan from', { hint: 'give --tip HEIGHT or --chain URL' });
      const exits = flags.plan === undefined ? undefined : new MassExits(feerate!, feerateText(feerate!));
      const visit = exits && ((c: Credit, facts: ExitFacts) => isExitable(c, facts) && exits.add(c));
      const look = await lookingOver(home.store, source, visit)();
      const found: Planned = liquidityOf(home.network, look.tip, await homeTotals(home, look.otherwise));
      if (flags.plan !== undefined && look.tip !== 'not-checked') {
        const { plan: most, new: wanted = 10 } = flags;
        const policy = (await policyFrom(flags, home.network)) ?? defaultPolicy(home.network);
        const deadlines = found.days.flatMap((day) => Array.from({ length: day.exits }, () => day.from_height));
        const made = spread(deadlines, look.tip, policy, most, wanted);
        const over = crowded(found.days, most);
        const mass_exit = exits!.result();
        found.plan = { most_a_day: most, new: made, unplaced: wanted - made.length, crowded: over, mass_exit };
      }
      if (found.lost_sat > 0n) process.exitCode = 3;
      const checks = { coins: look.coins };
      await print(
        process.stdout.isTTY ? liquidityTable(found, process.stdout.columns || 80) : printJson({ ...found, checks }),
      );
    }),
});
