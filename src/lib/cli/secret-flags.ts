/** A pair of flags for a secret that no home holds: a file or a descriptor, never an argument. Reading it: `secrets.ts`. */
import * as Flags from '@oclif/core/flags';
import type { OptionFlag } from '@oclif/core/interfaces';

type Pair<N extends string> = Record<`${N}-file`, OptionFlag<string | undefined>> &
  Record<`${N}-fd`, OptionFlag<number | undefined>>;

/** `--NAME-file` and `--NAME-fd`. @param what 32 bytes, in words: the beginning of a sentence */
export function secretFlags<N extends string>(name: N, what: string, helpGroup?: string): Pair<N> {
  const group = helpGroup === undefined ? {} : { helpGroup };
  return {
    [`${name}-file`]: Flags.string({
      summary: `${what}: a file with 32 bytes in hex, which nobody else may read`,
      helpValue: 'FILE',
      ...group,
    }),
    [`${name}-fd`]: Flags.integer({
      summary: 'The same, from this file descriptor',
      helpValue: 'N',
      min: 0,
      exclusive: [`${name}-file`],
      ...group,
    }),
  } as Pair<N>;
}
