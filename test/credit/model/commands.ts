/** What two homes do in the model of credit records: arbitrary commands, without the homes. */
import fc from 'fast-check';
import { closeCredit, rollover, signUpdate } from '../../../src/lib/ecash/credit.ts';
import { ecashRestore } from '../../../src/lib/ecash/restore.ts';
import { openCredit } from '../../../src/lib/credit/open.ts';

export type Who = 0 | 1;
export const other = (who: Who): Who => (who === 0 ? 1 : 0);
export const TABLES = {
  'open-credit': openCredit,
  'sign-update': signUpdate,
  rollover,
  'close-credit': closeCredit,
  'ecash-restore': ecashRestore,
} as const;
export type Type = keyof typeof TABLES;

export type Command =
  | { do: 'start'; type: Type; who: Who; contract: number; amount: number; steps: number }
  | { do: 'cross'; contract: number; order: Who[] }
  | { do: 'answer' | 'repeat'; at: number; crash: number }
  /** A liar: a piece of something that was said before, in the place of a message that is under way. */
  | { do: 'lie'; at: number; from: number; piece: number; crash: number }
  | { do: 'cancel'; type: Type; who: Who; contract: number; by: 'id' | 'message'; at: number }
  | { do: 'owe'; contract: number; amount: number }
  | { do: 'backup' | 'restore' | 'reconcile'; who: Who }
  | { do: 'exit'; contract: number; who: Who }
  | { do: 'settle'; contract: number; by: number };

const who = fc.constantFrom<Who>(0, 1);
const contract = fc.nat(5);
const start = fc.record({
  do: fc.constant('start' as const),
  type: fc.constantFrom<Type>(
    'open-credit',
    'sign-update',
    'sign-update',
    'sign-update',
    'rollover',
    'rollover',
    'close-credit',
    'ecash-restore',
  ),
  who,
  contract,
  // Of few bits, for few blind signatures.
  amount: fc.constantFrom(512, 2_048, 2_048, 40_960),
  steps: fc.nat(5),
});
const cancel = fc.record({
  do: fc.constant('cancel' as const),
  type: fc.constantFrom<Type>('open-credit', 'sign-update', 'rollover', 'close-credit'),
  who,
  contract,
  by: fc.constantFrom('id' as const, 'message' as const),
  at: fc.nat(30),
});
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: start },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('answer' as const, 'repeat' as const),
      at: fc.nat(30),
      crash: fc.nat(8),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('lie' as const),
      at: fc.nat(3),
      from: fc.nat(30),
      piece: fc.nat(60),
      crash: fc.nat(8),
    }),
  },
  { weight: 4, arbitrary: cancel },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cross' as const),
      contract,
      order: fc.array(who, { minLength: 3, maxLength: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('owe' as const), contract, amount: fc.constantFrom(512, 2_048) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('backup' as const, 'restore' as const, 'restore' as const, 'reconcile' as const),
      who,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('exit' as const), who, contract }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const), contract, by: fc.nat(5) }) },
);
