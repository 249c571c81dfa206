/**
 * Errors of a run: one line `error[code]: …` and a `hint:` line on stderr, or one JSON line with
 * `--error-format json`; stdout stays empty.
 * Not here: which errors there are (`protocol/refusal.ts`).
 */
import { stripVTControlCharacters } from 'node:util';
import { errorObject, failureOf, type Failure } from '../engine/failure.ts';
import { printJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';

export type ErrorFormat = 'text' | 'json';

/** oclif puts an exit code on what it throws; 2 stands for a command line that it does not understand. */
interface OclifError extends Error {
  oclif?: { exit?: number | false };
}

/** Converts a thrown value to a failure, as `failureOf`, with usage errors of oclif reworded. */
export function commandFailure(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) return failureOf(thrown);
  const error: OclifError = thrown;
  error.message = unwrapped(error.message);
  if (error instanceof Refusal || error.oclif?.exit !== 2) return failureOf(error);
  return failureOf(new Refusal('usage', oneLine(error.message), { hint: 'give --help for the flags of a command' }));
}

/** oclif puts words of its own around those of a flag's parser. */
const unwrapped = (message: string): string =>
  message.replace(/\nSee more help with --help$/, '').replace(/^Parsing (--\S+) \n\t/, '$1: ');

/** Messages of oclif with their rewording. */
const REWORDED: readonly [RegExp, string][] = [
  [/^Missing required flag (\S+)$/, '--$1 is missing'],
  [/^Missing \d+ required args?:\n(\S+) +\(?([^)]*)\)?[^]*$/, 'no $1 found, $2 expected'],
  [/^Unexpected arguments?: ([^]*)$/, '$1 found, no such argument expected'],
  [/^Flag (--\S+) expects one of these values: (.*)$/, '$1 found without a value, one of $2 expected'],
  [/^Flag (--\S+) expects a value$/, '$1 found without a value'],
  [/^Flag (--\S+) can only be specified once$/, '$1 found twice'],
  [/^Expected (--\S+)=([^]*) to be one of: (.*)$/, '$1: "$2" found, one of $3 expected'],
  [/^All of the following must be provided when using (--\S+): (.*)$/, '$1 found without $2'],
  [/^(--[^\s=]+)(?:=[^]*)? cannot also be provided when using (--\S+)$/, '$1 and $2 found, one of them expected'],
];

/** Returns oclif's message as one line, without colours; it has several lines, one for each fault. */
const oneLine = (message: string): string => {
  const plain = stripVTControlCharacters(message);
  const faults = /^The following errors? occurred:\s+([^]*)$/.exec(plain)?.[1]?.split(/\s*\n\s*/) ?? [plain];
  return faults
    .map((fault) => REWORDED.reduce((words, [oclifs, ours]) => words.replace(oclifs, ours), fault))
    .join('; ')
    .replace(/\s*\n\s*/g, '; ');
};

/** `--error-format` as it was given, also where the rest of the command line is not understood. */
export function errorFormat(argv: readonly string[]): ErrorFormat {
  const flags = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined);
  const json = flags.includes('--error-format=json') || flags[flags.indexOf('--error-format') + 1] === 'json';
  return json && flags.some((word) => word.startsWith('--error-format')) ? 'json' : 'text';
}

/** Says on stderr why a run fails. Resolves with its exit code. */
export async function report(thrown: unknown, argv: readonly string[]): Promise<number> {
  const found = commandFailure(thrown);
  const stack = process.env['SPILLWAY_DEBUG'] && thrown instanceof Error ? (thrown.stack ?? '') : '';
  const text =
    errorFormat(argv) === 'json'
      ? printJson(errorObject(found))
      : await lines(found, process.stderr.isTTY && !process.env['NO_COLOR']);
  process.stderr.on('error', () => {}); // nobody listens: the exit code is all that is left to say
  await new Promise<void>((done) => process.stderr.write(`${text}\n${stack && `${stack}\n`}`, () => done()));
  return found.exit;
}

async function lines({ code, message, hint, blame }: Failure, colour: boolean): Promise<string> {
  const { red, cyan } = colour ? (await import('chalk')).chalkStderr : { red: String, cyan: String };
  const who = blame && !message.includes(blame) ? ` (${blame})` : '';
  return `${red(`error[${code}]`)}: ${message}${who}${hint ? `\n${cyan('hint')}: ${hint}` : ''}`;
}
