/** Tables for a terminal. Not here: what is in them. */

const NONE: ReadonlySet<number> = new Set();

/** Returns the cells, each as wide as the widest of its column. @param right columns of numbers */
export function aligned(rows: readonly (readonly unknown[])[], right = NONE): string[][] {
  const cells = rows.map((row) => row.map((cell) => String(cell ?? '')));
  const widths = rows[0]!.map((_, i) => cells.reduce((width, row) => Math.max(width, row[i]!.length), 0));
  return cells.map((row) => row.map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))));
}
/** Returns the text of aligned rows, a line each. */
export const tableText = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => row.join('  ').trimEnd()).join('\n');
