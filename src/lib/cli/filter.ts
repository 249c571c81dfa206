/**
 * Commands that keep nothing, each written down as a table: its words, its flags, and the function that answers.
 *
 * The function gets flags under the names that the library has, and returns the document to print.
 * Not here: commands that read documents line by line (`stateless.ts`).
 */
import type { Config } from '@oclif/core/config';
import type { ArgInput, FlagInput, InferredArgs, ParserOutput } from '@oclif/core/interfaces';
import { BaseCommand } from './base.ts';
import type { ExitCode } from './errors.ts';
import { camel, type Values } from './flags.ts';
import { print } from './output.ts';

export interface Filter<F extends FlagInput, A extends ArgInput> {
  summary: string;
  description: string;
  examples: string[];
  args?: A;
  flags?: F;
  /** Exit codes; where not given, those of usage, and of input where it has arguments. */
  exits?: readonly ExitCode[];
  /** Effect of each run of a contract action, one line a step, for `--help`. */
  steps?: readonly string[];
  /** False where it takes any number of arguments. */
  strict?: boolean;
  /** Returns the document or text to print; undefined if it has printed already. */
  run(flags: Values<F>, args: InferredArgs<A>, line: CommandLine): Printed | Promise<Printed>;
}

type Printed = object | string | void;
/** A command line, for the few commands that look at more than flags and arguments. */
export type CommandLine = Pick<ParserOutput, 'argv' | 'raw'> & { config: Config };

/** Class of a command, as oclif and tests make it. */
export type Runnable = typeof BaseCommand & (new (argv: string[], config: Config) => BaseCommand);

/** Makes the command. */
export const filter = <F extends FlagInput, A extends ArgInput>(table: Filter<F, A>): Runnable =>
  class extends BaseCommand {
    static override summary = table.summary;
    static override description = table.description;
    static override examples = table.examples;
    static override args: ArgInput = table.args ?? {};
    static override flags: FlagInput = table.flags ?? {};
    static override exits = table.exits ?? (table.args ? ([0, 2, 65, 66, 70] as const) : ([0, 2, 70] as const));

    static override steps = table.steps ?? [];
    static override strict = table.strict ?? true;

    async run(): Promise<void> {
      const { flags, args, argv, raw } = await this.parse(this.ctor);
      // A node outdoes the height of the variable, and --tip outdoes both.
      if (flags['chain'] !== undefined && !raw.some((token) => token.type === 'flag' && token.flag === 'tip'))
        delete flags['tip'];
      const document = await table.run(camel(flags) as never, args as never, { argv, raw, config: this.config });
      if (document) await print(document);
    }
  };
