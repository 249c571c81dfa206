/** `errors`: every error code, once, with its exit code. */
import { expect, it } from 'vitest';
import { ERRORS } from '../../src/lib/protocol/refusal.ts';
import { BIN, hasTerminal, onTerminal, spillway } from '../cli/run.ts';

it('prints every code once, as JSON in a pipe, by exit code', async () => {
  const { code, stdout, stderr } = await spillway(['errors']);
  expect([code, stderr]).toEqual([0, '']);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { code: string; exit: number; meaning: string });
  expect(Object.fromEntries(rows.map((row) => [row.code, [row.exit, row.meaning]]))).toEqual(ERRORS);
  expect(rows.map(({ exit }) => exit)).toEqual(rows.map(({ exit }) => exit).toSorted((a, b) => a - b));
});

it.skipIf(!hasTerminal)('prints a table on a terminal', async () => {
  const { stdout } = await onTerminal(`"${process.execPath}" "${BIN}" errors`);
  expect(stdout).toMatch(/^2 {2}usage +the command line is not understood\r?\n/);
});
