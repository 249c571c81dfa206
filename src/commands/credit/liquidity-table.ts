/**
 * Table of `liquidity` on a terminal: the sums, and a bar a day.
 * Not here: what the sums are (`credit/liquidity.ts`).
 */
import { maxSat } from '../../lib/bitcoin/amount.ts';
import type { Crowded, Liquidity, MassExit, NewContract } from '../../lib/credit/liquidity.ts';

export interface Planned extends Liquidity {
  plan?: { most_a_day: number; new: NewContract[]; unplaced: number; crowded: Crowded[]; mass_exit: MassExit };
}

/** The longest bar, where the terminal is wide enough. */
const BAR = 40;

/** @param columns of the terminal */
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

/** A line a day; the longest bar is the day with the most paid. */
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
