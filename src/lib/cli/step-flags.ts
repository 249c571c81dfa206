/**
 * Flags that are input of a contract action's step: help, reading, and the input by its own name
 * (`--max-feerate` is `maxFeerate`) and type.
 * Not here: the flags themselves (`contract-flags.ts`, each door), rows (`engine/play.ts`).
 */
import type { BooleanFlag, OptionFlag } from '@oclif/core/interfaces';
import type { Home } from '../home/home.ts';
import {
  camelName,
  choiceFlag,
  countFlag,
  feerateFlag,
  satFlag,
  switchFlag,
  textFlag,
  type Camel,
  type More,
} from './flags.ts';

/** Mark of a flag that is a step's input. `name`: of the input, if not that of the flag. */
export interface StepInput<T, N extends string = ''> {
  readonly step: { readonly name: N; read(value: never, home: Home): T | Promise<T> };
}

type NameOf<K, N> = N extends '' ? Camel<K & string> : N & string;

/** Input that flags give a step. */
export type InputOf<F> = {
  [K in keyof F as F[K] extends StepInput<any, infer N> ? NameOf<K, N> : never]?: F[K] extends StepInput<infer T, any>
    ? T
    : never;
};

export type StepFlag<V, T = V> = OptionFlag<V | undefined> & StepInput<T>;
type Read<V, T> = (value: V, home: Home) => T | Promise<T>;

/**
 * Marks a flag as input of a step.
 * @param read turns its value into the input; absent: the value is the input
 * @param name of the input; absent: that of the flag
 */
export function step<V>(flag: OptionFlag<V | undefined>): StepFlag<V>;
export function step<V, T>(flag: OptionFlag<V | undefined>, read: Read<V, T>): StepFlag<V, T>;
export function step<V, T, N extends string>(
  flag: OptionFlag<V | undefined>,
  read: Read<V, T>,
  name: N,
): OptionFlag<V | undefined> & StepInput<T, N>;
export function step(flag: object, read: Read<any, unknown> = (value) => value, name = ''): object {
  return { ...flag, step: { name, read } };
}

/** Returns the input that the values of these flags are; a flag that was not given is absent. */
export async function inputOf<F extends object>(
  flags: F,
  values: Readonly<Record<string, unknown>>,
  home: Home,
): Promise<InputOf<F>> {
  const input: Record<string, unknown> = {};
  for (const [flag, { step: marked }] of Object.entries(flags) as [string, Partial<StepInput<unknown, string>>][]) {
    const value = values[camelName(flag)];
    if (!marked || value === undefined || value === false) continue;
    input[marked.name || camelName(flag)] = await marked.read(value as never, home);
  }
  return input as InputOf<F>;
}

/** Whole satoshis. */
export const satInput = (summary: string, more: More = 'ACTION'): StepFlag<bigint> => step(satFlag(summary, more));
/** Fee rate in sat/vB, as satoshis for a thousand virtual bytes. */
export const feerateInput = (summary: string, more: More = 'FEES'): StepFlag<number> =>
  step(feerateFlag(summary, more));
/** Switch: true or absent. */
export const switchInput = (
  summary: string,
  more: Parameters<typeof switchFlag>[1] = 'ACTION',
): BooleanFlag<boolean> & StepInput<true> => ({ ...switchFlag(summary, more), step: { name: '', read: () => true } });
export const textInput = (summary: string, helpValue: string, more: More = 'ACTION'): StepFlag<string> =>
  step(textFlag(summary, helpValue, more));
/** Whole number from `min` (1 by default) to `max`. */
export const countInput = (
  summary: string,
  max: number,
  { min = 1, helpValue = 'N', helpGroup = 'ACTION' } = {},
): StepFlag<number> => step(countFlag(summary, [min, max], { helpValue, helpGroup }));
/** One of a few words. */
export const choiceInput = <const W extends string>(
  words: readonly W[],
  summary: string,
  more: More = 'ACTION',
): StepFlag<W> => step(choiceFlag(words, summary, more)) as StepFlag<W>;
