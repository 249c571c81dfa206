import { contractFlag } from '../../lib/cli/contract-flags.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, countFlag, homeFlags, satFlag } from '../../lib/cli/flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { door } from '../../lib/cli/door.ts';
import { statusLines } from '../../lib/engine/status.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print, printAll } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { momentWords } from '../../lib/contract/moment.ts';
import { aligned, tableText } from '../../lib/cli/table.ts';
import type { StatusLine } from '../../lib/contract/status.ts';

export default door({
  summary: 'The contracts of this home: state, amounts, deadlines',
  description: `A table on a terminal, one JSON object a line in a pipe. With a node or a height, says for each contract whether it is time to act: early, due, late, pending (its coin is spent, not for good yet or not known by what), done, lost (spent for good by what pays this home less than it was paid: exit code 3), unfunded or dead (its funding was replaced, or it expired with nothing paid). next_duty names what watch sends first, from when and by when. For a statecoin also how many transfers are left, the height before which an exit must be confirmed, and what the exit costs at today's fee rate.`,
  examples: [
    'What is still to be had\nspillway status --home user | jq -s "map(.left_sat // 0) | add"',
    'Is more of the balance in tokens than 5 percent?\nspillway status --home user --contract "$ID" --float 5 | jq .float',
    'Contracts that need attention\nspillway status --home mint --tip 5100 | jq -r \'select(.verdict == "due" or .verdict == "late") | .contract\'',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...contractFlag,
    float: countFlag('Payer: compare what is in tokens with this share of the balance (5 is a usual one)', [0, 100], {
      helpValue: 'PERCENT',
      helpGroup: 'ECASH',
    }),
    tokens: satFlag('Payer: what the wallet still holds in tokens of this contract (default: all that came)', {
      helpGroup: 'ECASH',
      dependsOn: ['float', 'contract'],
    }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const wanted = await contractNamed(home, flags.contract);
      const { source } = await portsOf(home, flags);
      const lines = await statusLines(home, source, wanted, flags);
      if (home.restored) note('this store was restored or copied: see spillway restore --help');
      if (lines.some(({ verdict }) => verdict === 'lost')) process.exitCode = 3;
      if (process.stdout.isTTY) await print(await statusTable(lines));
      else await printAll(lines);
    }),
});

const HEAD = ['contract', 'role', 'state', 'capacity', 'paid', 'left', 'expiry', 'deadline', 'verdict', 'next', ''];
/** Columns that hold numbers. */
const RIGHT = new Set([3, 4, 5, 6, 7]);

/** Line of `status` with the fields of single families that have a column or a note. */
type TableLine = StatusLine & {
  capacity_sat?: bigint;
  paid_sat?: bigint;
  left_sat?: bigint;
  expiry?: number;
  deadline_height?: number | null;
  float?: { tokens_sat: bigint; percent: number; wanted_percent: number; swap_sat: bigint };
};

/** Returns the notes of a line, and with --float the figures that have no column. */
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
