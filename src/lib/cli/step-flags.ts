/**
 * Flags that are the input of a contract action's step: each is said once, with its help and the way in which its text is
 * read, and gives the step its input under its own name (`--max-feerate` is `maxFeerate`) and with its own type.
 * Not here: the flags themselves (`contract-flags.ts`, each door), which row takes them (`engine/play.ts`).
 */
import * as Flags from '@oclif/core/flags';
import type { Home } from '../home/home.ts';
import { feerateFlag, satFlag } from './flags.ts';

/** Mark of a flag that is a step's input. `name`: of the input, where it is not that of the flag. */
export interface StepInput<T, N extends string = ''> {
  readonly step: { readonly name: N; read(value: never, home: Home): T | Promise<T> };
}

type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;
type NameOf<K, N> = N extends '' ? Camel<K & string> : N & string;

/** Input that flags give a step. */
export type InputOf<F> = {
  [K in keyof F as F[K] extends StepInput<any, infer N> ? NameOf<K, N> : never]?: F[K] extends StepInput<infer T, any>
    ? T
    : never;
};

type ValueOf<F> = F extends { parse: (...args: any[]) => Promise<infer V> } ? NonNullable<V> : true;

/**
 * Marks a flag as input of a step.
 * @param read turns its value into the input; absent: the value is the input
 * @param name of the input; absent: that of the flag
 */
export function step<F extends object>(flag: F): F & StepInput<ValueOf<F>>;
export function step<F extends object, T>(
  flag: F,
  read: (value: ValueOf<F>, home: Home) => T | Promise<T>,
): F & StepInput<T>;
export function step<F extends object, T, N extends string>(
  flag: F,
  read: (value: ValueOf<F>, home: Home) => T | Promise<T>,
  name: N,
): F & StepInput<T, N>;
export function step(flag: object, read: (value: any, home: Home) => unknown = (value) => value, name = ''): object {
  return Object.assign(flag, { step: { name, read } });
}

/** Returns the input that the values of these flags are; a flag that was not given is absent. */
export async function inputOf<F extends object>(
  flags: F,
  values: Readonly<Record<string, unknown>>,
  home: Home,
): Promise<InputOf<F>> {
  const input: Record<string, unknown> = {};
  for (const [flag, { step: marked }] of Object.entries(flags) as [string, Partial<StepInput<unknown, string>>][]) {
    const value = values[flag];
    if (!marked || value === undefined || value === false) continue;
    const name = marked.name || flag.replace(/-(.)/g, (_, first: string) => first.toUpperCase());
    input[name] = await marked.read(value as never, home);
  }
  return input as InputOf<F>;
}

/** Whole satoshis. */
export const sat = (summary: string, helpGroup = 'ACTION') => step(satFlag({ summary, helpGroup }));
/** Fee rate in sat/vB, as satoshis for a thousand virtual bytes. */
export const feerate = (summary: string, helpGroup = 'FEES') => step(feerateFlag({ summary, helpGroup }));
/** Switch: true or absent. */
export const yes = (summary: string, helpGroup = 'ACTION') =>
  step(Flags.boolean({ summary, helpGroup }), () => true as const);
export const text = (summary: string, helpValue: string, helpGroup = 'ACTION') =>
  step(Flags.string({ summary, helpValue, helpGroup }));
/** Whole number from `min` (1 by default) to `max`. */
export const count = (summary: string, max: number, { min = 1, helpValue = 'N', helpGroup = 'ACTION' } = {}) =>
  step(Flags.integer({ summary, helpValue, min, max, helpGroup }));
/** One of a few words. */
export const oneOf = <const W extends readonly string[]>(words: W, summary: string, helpGroup = 'ACTION') =>
  step(Flags.option({ options: words })({ summary, helpGroup }));
