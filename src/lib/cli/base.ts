/**
 * What every command has: `--error-format`, exit codes and steps for `--help`. Its errors go up to `run` in `cli.ts`,
 * which prints them (`errors.ts`).
 */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { ALL_EXITS, type Exit } from './exits.ts';

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    'error-format': Flags.option({ options: ['text', 'json'] as const })({
      summary: 'How a failure is told on stderr (default text)',
      helpGroup: 'GLOBAL',
    }),
  };

  /** The exit codes that this command ends with, for `--help`. */
  static exits: readonly Exit[] = ALL_EXITS;

  /** What each run of a contract action does, one line a step, for `--help`. */
  static steps: readonly string[] = [];

  /** oclif would set an exit code of its own here, and stop a spinner that it never started. */
  protected override async catch(error: Error): Promise<never> {
    throw error;
  }
}
