/** A pair of flags for a secret that no home holds: a file or a descriptor, never an argument. Reading it: `secrets.ts`. */
import * as Flags from '@oclif/core/flags';
import type { OptionFlag } from '@oclif/core/interfaces';

type Pair<N extends string> = Record<`${N}-file`, OptionFlag<string | undefined>> &
  Record<`${N}-fd`, OptionFlag<number | undefined>>;

/** Returns `--NAME-file` and `--NAME-fd`. @param what the secret in words, the beginning of a sentence @param form text of the file */
export function secretFlags<N extends string>(
  name: N,
  what: string,
  helpGroup?: string,
  form = '32 bytes in hex',
): Pair<N> {
  const group = helpGroup === undefined ? {} : { helpGroup };
  return {
    [`${name}-file`]: Flags.string({
      summary: `${what}: a file with ${form}, which nobody else may read`,
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
