/** Tables for a terminal. */
import { expect, it } from 'vitest';
import { aligned } from '../../src/lib/cli/table.ts';

it('aligns columns, numbers to the right', () => {
  expect(
    aligned(
      [
        ['id', 'sat'],
        ['a', 1n],
        [undefined, 1_000n],
      ],
      new Set([1]),
    ),
  ).toEqual([
    ['id', ' sat'],
    ['a ', '   1'],
    ['  ', '1000'],
  ]);
});
it('aligns more rows than one call takes arguments', () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [i]);
  expect(aligned(rows)[7]).toEqual(['7     ']);
});
