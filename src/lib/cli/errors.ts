/**
 * How a run that fails says so: one line `error[code]: …` and a `hint:` line on stderr, or one JSON line with
 * `--error-format json`; stdout stays empty. Not here: which errors there are (`protocol/refusal.ts`).
 */
import { stripVTControlCharacters } from 'node:util';
import { printJson } from '../protocol/json.ts';
import { ERRORS, Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { visible } from '../engine/text.ts';

export type ErrorFormat = 'text' | 'json';

export interface Failure {
  code: ErrorCode;
  exit: number;
  message: string;
  hint?: string | undefined;
  blame?: string | undefined;
}

/** Longer texts are cut: what was found may be a whole message of the counterparty. */
const LONGEST = 500;

/** oclif puts an exit code on what it throws; 2 stands for a command line that it does not understand. */
interface OclifError extends Error {
  oclif?: { exit?: number | false };
}

/** What a thrown value means: a refusal, a usage error of oclif, a file that the system denies, or a bug. */
export function failureOf(thrown: unknown): Failure {
  const error: OclifError = thrown instanceof Error ? thrown : new Error(String(thrown));
  const words = unwrapped(error.message);
  if (error instanceof Refusal) {
    const { code, exit, hint, blame } = error;
    return { code, exit, message: shown(words), hint: hint && shown(hint), blame: blame && shown(blame) };
  }
  if (isOfFiles(error))
    return failure(
      'cannot-write',
      words,
      'it must be open to this user, on a disk that can be written and is not full',
    );
  if (error.oclif?.exit === 2) return failure('usage', oneLine(words), 'give --help for the flags of a command');
  const hint = 'please report this; SPILLWAY_DEBUG=1 shows where it happened';
  return failure('bug', `${error.name}: ${words}`, hint);
}

/** What the system says of a file where nothing else looked at it. */
const isOfFiles = (error: NodeJS.ErrnoException): boolean =>
  error.path !== undefined && error.syscall !== undefined && OF_FILES.test(error.code ?? '');
const OF_FILES = /^(EACCES|EPERM|EROFS|ENOSPC|EDQUOT|EIO|ENOTDIR|EISDIR|ELOOP|ENAMETOOLONG)$/;

const failure = (code: ErrorCode, message: string, hint: string): Failure => ({
  code,
  exit: ERRORS[code][0],
  message: shown(message),
  hint,
});

const shown = (text: string): string => visible(text, LONGEST);

/** oclif puts words of its own around those of a flag's parser. */
const unwrapped = (message: string): string =>
  message.replace(/\nSee more help with --help$/, '').replace(/^Parsing (--\S+) \n\t/, '$1: ');

/** Whatever oclif says in words of its own, as this program says such things. */
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

/** What oclif says has colours and several lines, one for each fault. */
const oneLine = (message: string): string => {
  const plain = stripVTControlCharacters(message);
  const faults = /^The following errors? occurred:\s+([^]*)$/.exec(plain)?.[1]?.split(/\s*\n\s*/) ?? [plain];
  return faults
    .map((fault) => REWORDED.reduce((words, [oclifs, ours]) => words.replace(oclifs, ours), fault))
    .join('; ')
    .replace(/\s*\n\s*/g, '; ');
};

/** The object that stands for a failure in JSON: of a run on stderr, of a line in a batch on stdout. */
export const errorObject = ({ code, exit, message, hint, blame }: Failure): object => ({
  error: { code, exit, message, hint, blame },
});

/** `--error-format` as it was given, also where the rest of the command line is not understood. */
export function errorFormat(argv: readonly string[]): ErrorFormat {
  const flags = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined);
  const json = flags.includes('--error-format=json') || flags[flags.indexOf('--error-format') + 1] === 'json';
  return json && flags.some((word) => word.startsWith('--error-format')) ? 'json' : 'text';
}

/** Says on stderr why a run fails. Resolves with its exit code. */
export async function report(thrown: unknown, argv: readonly string[]): Promise<number> {
  const found = failureOf(thrown);
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
