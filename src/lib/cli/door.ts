/**
 * Commands as tables of words, flags and a function. The function gets flags by the names of the
 * library, and returns what is printed.
 * Not here: actions of contracts (`contract.ts`), documents line by line (`stateless.ts`).
 */
import { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import type { ArgInput, FlagInput, InferredArgs, ParserOutput } from '@oclif/core/interfaces';
import { Refusal } from '../protocol/refusal.ts';
import { nearest, type ExitCode } from './errors.ts';
import { camel, choiceFlag, type Values } from './flags.ts';
import { print } from './output.ts';

export interface Door<F extends FlagInput, A extends ArgInput> {
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
/** A command line, for the few commands that read more than flags and arguments. */
export type CommandLine = Pick<ParserOutput, 'argv' | 'raw'> & { config: Config };

/** Class of a command, as oclif and tests make it. */
export type Runnable = typeof Command &
  (new (argv: string[], config: Config) => Command) & { exits: readonly ExitCode[]; steps: readonly string[] };

/** Makes the command. Its errors go up to `run` in `cli.ts`, which prints them. */
export const door = <F extends FlagInput, A extends ArgInput>(table: Door<F, A>): Runnable =>
  class extends Command {
    static override baseFlags = {
      'error-format': choiceFlag(['text', 'json'], 'How a failure is told on stderr (default text)', 'GLOBAL'),
    };
    static override summary = table.summary;
    static override description = table.description;
    static override examples = table.examples;
    static override args: ArgInput = table.args ?? {};
    static override flags: FlagInput = table.flags ?? {};
    static override strict = table.strict ?? true;
    static exits = table.exits ?? (table.args ? ([0, 2, 65, 66, 70] as const) : ([0, 2, 70] as const));
    static steps = table.steps ?? [];

    async run(): Promise<void> {
      const { flags, args, argv, raw } = await this.parse(this.ctor);
      // A node outdoes the height of the variable, and --tip outdoes both.
      if (flags['chain'] !== undefined && !raw.some((token) => token.type === 'flag' && token.flag === 'tip'))
        delete flags['tip'];
      const document = await table.run(camel(flags) as never, args as never, { argv, raw, config: this.config });
      if (document) await print(document);
    }

    /**
     * Keeps oclif from setting an exit code of its own, and names the flag that is nearest to an
     * unknown one.
     */
    protected override async catch(error: Error & { flags?: readonly string[] }): Promise<never> {
      const unknown = error.flags?.[0];
      if (unknown === undefined) throw error;
      const known = Object.entries({ ...this.ctor.baseFlags, ...this.ctor.flags }).filter(([, flag]) => !flag.hidden);
      const near = nearest(
        unknown,
        known.map(([name]) => `--${name}`),
      );
      throw new Refusal('usage', `${unknown} found, a flag of this command expected`, {
        hint: near ? `did you mean ${near}?` : 'give --help for the flags of a command',
      });
    }
  };
