import { door } from '../../lib/cli/door.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { ERRORS } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'List every error code with its exit code and meaning',
  description: 'A table on a terminal, one JSON object a line in a pipe.',
  examples: [
    'All that says "the counterparty is wrong"\nspillway errors | jq -c "select(.exit == 76)"',
    'What one code means\nspillway errors | grep nonce-consumed',
  ],
  exits: [0, 2],
  run: () => {
    const rows = Object.entries(ERRORS).map(([code, [exit, meaning]]) => ({ code, exit, meaning }));
    rows.sort((a, b) => a.exit - b.exit);
    const width = Math.max(...rows.map(({ code }) => code.length));
    const table = process.stdout.isTTY;
    const lines = rows.map((row) =>
      table ? `${row.exit}  ${row.code.padEnd(width)}  ${row.meaning}` : printJson(row),
    );
    return lines.join('\n');
  },
});
