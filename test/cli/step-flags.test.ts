/** Flags of contract commands as the input of a step: names, types, and what a command must not forget. */
import * as Flags from '@oclif/core/flags';
import { describe, expect, it } from 'vitest';
import { ContractCommand } from '../../src/lib/cli/contract.ts';
import { count, inputOf, oneOf, sat, step, yes, type InputOf } from '../../src/lib/cli/step-flags.ts';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import type { Home } from '../../src/lib/home/home.ts';

const flags = {
  amount: sat('Amount'),
  'max-lock-time': count('Lock', 9),
  as: oneOf(['payer', 'payee'], 'Role'),
  unchecked: yes('Unchecked'),
  request: step(Flags.string({ summary: 'Quote' }), async (text) => text.length, 'quote'),
  feerate: Flags.integer({ summary: 'No input' }),
};
const home = {} as Home;

describe('the input of a step', () => {
  it('has each marked flag that was given, under its name, as it is read', async () => {
    const input: InputOf<typeof flags> = await inputOf(
      flags,
      { amount: 5n, 'max-lock-time': 3, as: 'payer', unchecked: true, request: 'abc', feerate: 7 },
      home,
    );
    expect(input).toEqual({ amount: 5n, maxLockTime: 3, as: 'payer', unchecked: true, quote: 3 });
    const quote: number | undefined = input.quote;
    expect(quote).toBe(3);
    // @ts-expect-error a flag that is not marked
    expect(input.feerate).toBeUndefined();
  });
  it('lacks what was not given, and switches that are off', async () => {
    expect(await inputOf(flags, { unchecked: false, amount: undefined }, home)).toEqual({});
  });
  it('is checked against the table when it is compiled', () => {
    class Close extends ContractCommand {
      async run(): Promise<void> {
        const contract = step(Flags.string({ summary: 'Id' }));
        const given = { flags: {}, table: closeCredit };
        // @ts-expect-error the input that no flag gives
        await this.open({ ...given, steps: { contract } });
        // @ts-expect-error an input that no row takes
        await this.open({ ...given, steps: { contract, bricks: sat('Bricks') }, also: async () => ({}) });
        // @ts-expect-error an input of another type
        await this.open({ ...given, steps: { contract: sat('Id') }, also: async () => ({}) });
        await this.open({ ...given, steps: { contract }, also: async () => ({ allowFee: true }) });
      }
    }
    expect(Close.name).toBe('Close');
  });
});
