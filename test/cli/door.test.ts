/** Commands that are written down as tables. */
import * as Flags from '@oclif/core/flags';
import { describe, expect, it } from 'vitest';
import { door } from '../../src/lib/cli/door.ts';
import { arg, camel } from '../../src/lib/cli/flags.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { command, refusedCommand } from '../support/command.ts';

const words = { summary: 'Adds', description: 'Adds.', examples: [] };
const Add = door({
  ...words,
  args: { file: arg('A name') },
  flags: { 'least-sum': Flags.integer({ default: 0 }), a: Flags.integer({ required: true }) },
  run: ({ leastSum, a }, { file }) => {
    if (a < leastSum) throw new Refusal('usage', 'too little');
    return { sum: a + leastSum, file: file ?? null };
  },
});

describe('a door', () => {
  it('gets flags by the names of the library, and prints the document that it returns', async () => {
    const made = await command(Add, ['--least-sum', '2', '--a', '3', 'x']);
    expect(made).toMatchObject({ exit: 0, stdout: '{"sum":5,"file":"x"}\n' });
    await refusedCommand(Add, ['--least-sum', '4', '--a', '3'], 'usage');
    await refusedCommand(Add, [], 'usage');
  });
  it('prints nothing by itself where it returns nothing', async () => {
    const Quiet = door({ ...words, run: () => {} });
    expect(await command(Quiet, [])).toMatchObject({ exit: 0, stdout: '' });
  });
  it('ends with the codes of input only where it has arguments', () => {
    expect(Add.exits).toEqual([0, 2, 65, 66, 70]);
    expect(door({ ...words, run: () => ({}) }).exits).toEqual([0, 2, 70]);
    expect(door({ ...words, exits: [0, 3], run: () => ({}) }).exits).toEqual([0, 3]);
  });
  it('renames every word of a flag', () => {
    expect(camel({ 'min-fee-msat': 1, ppm: 2 })).toEqual({ minFeeMsat: 1, ppm: 2 });
  });
});
