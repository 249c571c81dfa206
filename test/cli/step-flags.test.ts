/** Flags of contract commands as the input of a step: names, types, and what a command must not forget. */
import { describe, expect, it } from 'vitest';
import { contractDoor } from '../../src/lib/cli/contract.ts';
import { countFlag, textFlag } from '../../src/lib/cli/flags.ts';
import {
  countInput,
  inputOf,
  choiceInput,
  satInput,
  step,
  switchInput,
  type InputOf,
} from '../../src/lib/cli/step-flags.ts';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import type { Home } from '../../src/lib/home/home.ts';

const flags = {
  amount: satInput('Amount'),
  'max-lock-time': countInput('Lock', 9),
  as: choiceInput(['payer', 'payee'], 'Role'),
  unchecked: switchInput('Unchecked'),
  request: step(textFlag('Quote'), async (text) => text.length, 'quote'),
  feerate: countFlag('No input', [0]),
};
const home = {} as Home;

describe('the input of a step', () => {
  it('has each marked flag that was given, under its name, as it is read', async () => {
    const input: InputOf<typeof flags> = await inputOf(
      flags,
      { amount: 5n, maxLockTime: 3, as: 'payer', unchecked: true, request: 'abc', feerate: 7 },
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
    const contract = step(textFlag('Id'));
    const words = { summary: 'Close', description: 'Close.', examples: [], table: closeCredit };
    const also = async () => ({});
    // @ts-expect-error the input that no flag gives
    expect(contractDoor({ ...words, flags: { contract } })).toBeDefined();
    // @ts-expect-error an input that no row takes
    contractDoor({ ...words, flags: { contract, bricks: satInput('Bricks') }, prepare: () => ({ also }) });
    // @ts-expect-error an input of another type
    contractDoor({ ...words, flags: { contract: satInput('Id') }, prepare: () => ({ also }) });
    contractDoor({ ...words, flags: { contract }, prepare: () => ({ also: async () => ({ allowFee: true }) }) });
  });
});
