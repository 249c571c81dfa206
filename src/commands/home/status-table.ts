/** The table of `status` for a terminal. */
import { momentWords } from '../../lib/contract/moment.ts';
import { aligned, tableText } from '../../lib/cli/table.ts';
import type { StatusLine } from '../../lib/contract/status.ts';

const HEAD = ['contract', 'role', 'state', 'capacity', 'paid', 'left', 'expiry', 'deadline', 'verdict', 'next', ''];
/** Columns that hold numbers. */
const RIGHT = new Set([3, 4, 5, 6, 7]);

/** Fields that the table has a column or a note for, where the family of the line has them. */
type TableLine = StatusLine & {
  capacity_sat?: bigint;
  paid_sat?: bigint;
  left_sat?: bigint;
  expiry?: number;
  deadline_height?: number | null;
  float?: { tokens_sat: bigint; percent: number; wanted_percent: number; swap_sat: bigint };
};

/** Returns its notes, and with --float the figures that have no column. */
const notesOf = ({ notes, float }: TableLine): string[] => {
  if (!float) return notes;
  const { tokens_sat, percent, wanted_percent, swap_sat } = float;
  const change = swap_sat < 0n ? `${-swap_sat} sat too much` : `${swap_sat} sat more`;
  return [...notes, `${tokens_sat} sat in tokens: ${percent} percent, ${change} for ${wanted_percent}`];
};

export async function statusTable(lines: readonly TableLine[]): Promise<string> {
  if (lines.length === 0) return 'no contracts';
  const { Chalk } = await import('chalk');
  const chalk = new Chalk(process.env['NO_COLOR'] ? { level: 0 } : {});
  const paints: Readonly<Record<string, (text: string) => string>> = {
    late: chalk.red,
    dead: chalk.red,
    lost: chalk.red,
    due: chalk.yellow,
  };
  const cells = lines.map((l) => [
    l.contract.slice(0, 8),
    l.role,
    l.state,
    l.capacity_sat,
    l.paid_sat,
    l.left_sat,
    l.expiry,
    l.deadline_height,
    l.verdict,
    l.next_duty && `${l.next_duty.does} ${momentWords(l.next_duty)}`,
    notesOf(l).join('; '),
  ]);
  const [head, ...rows] = aligned([HEAD, ...cells], RIGHT);
  const painted = rows.map((row, i) => row.with(8, (paints[lines[i]!.verdict ?? ''] ?? String)(row[8]!)));
  return `${chalk.bold(tableText([head!]))}\n${tableText(painted)}`;
}
