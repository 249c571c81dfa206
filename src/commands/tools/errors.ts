import { BaseCommand } from '../../lib/cli/base.ts';
import { print } from '../../lib/cli/output.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { ERRORS } from '../../lib/protocol/refusal.ts';

export default class Errors extends BaseCommand {
  static override summary = 'List every error code with its exit code and meaning';
  static override description = 'A table on a terminal, one JSON object a line in a pipe.';
  static override examples = [
    'All that says "the counterparty is wrong"\nspillway errors | jq -c "select(.exit == 76)"',
    'What one code means\nspillway errors | grep nonce-consumed',
  ];
  static override exits = [0, 2] as const;

  async run(): Promise<void> {
    await this.parse(Errors);
    const rows = Object.entries(ERRORS).map(([code, [exit, meaning]]) => ({ code, exit, meaning }));
    rows.sort((a, b) => a.exit - b.exit);
    const width = Math.max(...rows.map(({ code }) => code.length));
    const table = process.stdout.isTTY;
    const lines = rows.map((row) =>
      table ? `${row.exit}  ${row.code.padEnd(width)}  ${row.meaning}` : printJson(row),
    );
    await print(lines.join('\n'));
  }
}
