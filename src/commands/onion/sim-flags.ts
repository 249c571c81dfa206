/** Flags of simulations. Not here: what they mean (`sim/back-pressure.ts`). */
import * as Flags from '@oclif/core/flags';
import { Refusal } from '../../lib/protocol/refusal.ts';

/** Rate a second, above 0, with up to three decimals. */
export const rateFlag = Flags.custom<number>({
  helpValue: 'PER_SECOND',
  parse: async (input) => {
    const rate = /^\d{1,6}(?:\.\d{1,3})?$/.test(input) ? Number(input) : 0;
    if (rate === 0)
      throw new Refusal('usage', `${JSON.stringify(input.slice(0, 20))} found, a rate above 0 like 0.5 expected`);
    return rate;
  },
});

/** Nodes on a way, at least and at most: `3-6`, from 2 to 27. */
export const walkFlag = Flags.custom<[number, number]>({
  helpValue: 'LEAST-MOST',
  parse: async (input) => {
    const [, least, most] = /^([1-9]\d?)-([1-9]\d?)$/.exec(input)?.map(Number) ?? [];
    if (!least || !most || least < 2 || most < least || most > 27)
      throw new Refusal('usage', `${JSON.stringify(input.slice(0, 20))} found, a range from 2 to 27 like 3-6 expected`);
    return [least, most];
  },
});
