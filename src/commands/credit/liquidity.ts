import { feeFlags } from '../../lib/cli/contract-flags.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, countFlag, homeFlags, inGroup } from '../../lib/cli/flags.ts';
import { door } from '../../lib/cli/door.ts';
import { feerateText } from '../../lib/bitcoin/fee.ts';
import { withHome } from '../../lib/cli/home.ts';
import { lookingOver, homeTotals } from '../../lib/engine/look.ts';
import { print } from '../../lib/cli/output.ts';
import { crowded, isExitable, liquidityOf, MassExits, spread, type Liquidity } from '../../lib/credit/liquidity.ts';
import type { Credit } from '../../lib/credit/records.ts';
import type { ExitFacts } from '../../lib/credit/standing.ts';
import { creditGauges } from '../../lib/ecash/gauges.ts';
import { defaultPolicy, type Policy } from '../../lib/credit/terms.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { policyFlags, policyFrom } from './shared.ts';
import { maxSat } from '../../lib/bitcoin/amount.ts';

const group = 'PLAN';
const { 'max-blocks': max, 'min-blocks': min, margin, freeze } = policyFlags;

export default door({
  summary: 'What this home holds, owes and could settle now, and when it falls due',
  description: `A table with bars on a terminal, JSON in a pipe. A day is 144 blocks from a multiple of 144, and an exit belongs to the day of its deadline. --plan N proposes expiries for new contracts, so that no day has more than N exits, names days that have more already, and says what fees and coins all exits at once take at --feerate: each takes one child, and no coin serves two. A contract that nobody has funded, as far as watch, serve or a payment has seen, counts in no sum. What was paid over contracts whose coin is spent is pending, settled or lost, by what the chain did; the exit code is 3 where something is lost.`,
  examples: [
    'What is held and what is owed\nspillway liquidity --home mint | jq "{holds_sat, pending_sat, lost_sat, issued_sat}"',
    'Ten more contracts, at most three exits a day\nspillway liquidity --home mint --plan 3 --new 10 --feerate 50 | jq ".plan.new[].expiry"',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...inGroup(group, {
      plan: countFlag('The most exits that a day may have', [1], { helpValue: 'N' }),
      new: countFlag('For how many new contracts (default 10)', [0, 10_000], { helpValue: 'N', dependsOn: ['plan'] }),
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
      const look = await lookingOver(home.store, source, creditGauges.watcher, visit)();
      const found: Planned = liquidityOf(home.network, look.tip, await homeTotals(home, creditGauges, look.otherwise));
      if (flags.plan !== undefined && look.tip !== 'not-checked') {
        const policy = (await policyFrom(flags, home.network)) ?? defaultPolicy(home.network);
        found.plan = planOf(found, look.tip, policy, flags.plan, flags.new ?? 10, exits!);
      }
      if (found.lost_sat > 0n) process.exitCode = 3;
      const checks = { coins: look.coins };
      await print(
        process.stdout.isTTY ? liquidityTable(found, process.stdout.columns || 80) : printJson({ ...found, checks }),
      );
    }),
});

/** Returns a plan of new contracts, and what all exits at once take. @param most exits a day */
function planOf({ days }: Liquidity, tip: number, policy: Policy, most: number, wanted: number, exits: MassExits) {
  const deadlines = days.flatMap((day) => Array.from({ length: day.exits }, () => day.from_height));
  const made = spread(deadlines, tip, policy, most, wanted);
  const unplaced = wanted - made.length;
  return { most_a_day: most, new: made, unplaced, crowded: crowded(days, most), mass_exit: exits.result() };
}
export type Planned = Liquidity & { plan?: ReturnType<typeof planOf> };

/** Length of the longest bar, where the terminal is wide enough. */
const BAR = 40;

/** Returns the table for a terminal: the sums, and a bar a day. @param columns its width */
export function liquidityTable(l: Planned, columns: number): string {
  const sums: [string, bigint, string][] = [
    ['locked', l.locked_sat, `in ${counted(l.contracts, 'contract')}`],
    ['holds', l.holds_sat, 'paid, not settled'],
    ['settles now', l.settle_now_sat, 'by exits that a node takes'],
    ['pending', l.pending_sat, 'spent, not for good yet or not known by what'],
    ['settled', l.settled_sat, 'by the chain'],
    ['lost', l.lost_sat, 'spent for good by what pays less'],
    ['ecash', l.issued_sat, `issued, ${l.unissued_sat} to be issued`],
    ['owes', l.owed_sat, `over reverse contracts, ${l.signed_sat} signed, ${l.left_sat} left`],
  ];
  const width = Math.max(...sums.map(([, sat]) => String(sat).length));
  return [
    ...sums.map(([name, sat, words]) => `${name.padEnd(12)}${String(sat).padStart(width)} sat  ${words}`),
    ...bars(l, columns),
    ...plan(l),
  ].join('\n');
}

const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** Returns a line a day; the longest bar is the day with the most paid. */
function bars({ days }: Planned, columns: number): string[] {
  if (days.length === 0) return [];
  const most = days.reduce((max, { paid_sat: sat }) => maxSat(max, sat), 1n);
  const [exits, sats] = [Math.max(5, ...days.map((d) => `${d.exits}`.length)), Math.max(3, `${most}`.length)];
  const longest = Math.max(1, Math.min(BAR, columns - (15 + exits + 2 + sats + 2)));
  return [
    '',
    `${'deadlines from'.padEnd(15)}${'exits'.padStart(exits)}  ${'sat'.padStart(sats)}`,
    ...days.map(({ from_height: from, exits: n, paid_sat: sat }) => {
      const bar = '█'.repeat(Math.max(1, Number((sat * BigInt(longest)) / most)));
      return `${`${from}`.padEnd(15)}${`${n}`.padStart(exits)}  ${`${sat}`.padStart(sats)}  ${bar}`;
    }),
  ];
}

function plan({ plan: p }: Planned): string[] {
  if (!p) return [];
  const { mass_exit: m } = p;
  return [
    '',
    ...p.new.map(({ expiry, deadline_height: deadline }) => `new: --expires ${expiry} (deadline ${deadline})`),
    ...(p.unplaced > 0 ? [`${p.unplaced} more do not fit into the policy at ${p.most_a_day} exits a day`] : []),
    ...p.crowded.map((d) => `from ${d.from_height}: ${d.exits} exits, ${d.over} too many: roll over or close earlier`),
    `all exits (${m.exits}) at ${m.feerate} sat/vB: ${counted(m.children, 'child', 'children')} for ${m.child_fees_sat} sat; coins needed beside: ${m.coins.length}`,
  ];
}
