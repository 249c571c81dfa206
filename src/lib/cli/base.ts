/**
 * The base of every command: `--error-format`, exit codes and steps for `--help`. Its errors go up
 * to `run` in `cli.ts`, which prints them (`errors.ts`).
 */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { Refusal } from '../protocol/refusal.ts';
import { ALL_EXITS, nearest, type ExitCode } from './errors.ts';

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    'error-format': Flags.option({ options: ['text', 'json'] as const })({
      summary: 'How a failure is told on stderr (default text)',
      helpGroup: 'GLOBAL',
    }),
  };

  /** The exit codes that this command ends with, for `--help`. */
  static exits: readonly ExitCode[] = ALL_EXITS;

  /** Effect of each run of a contract action, one line a step, for `--help`. */
  static steps: readonly string[] = [];

  /**
   * oclif would set an exit code of its own here, and stop a spinner that it never started. Of flags that are not
   * known it says no more than their names.
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
}
