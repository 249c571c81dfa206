/**
 * Errors of a run: one line `error[code]: …` and a `hint:` line on stderr, or one JSON line with
 * `--error-format json`. Stdout stays empty. Exit codes in words, and suggestions for a mistyped
 * word.
 * Not here: which errors there are (`protocol/refusal.ts`).
 */
import { stripVTControlCharacters } from 'node:util';
import { errorObject, failureOf, type Failure } from '../engine/failure.ts';
import { printJson } from '../protocol/json.ts';
import { Refusal, ERRORS, type ErrorCode } from '../protocol/refusal.ts';

export type ErrorFormat = 'text' | 'json';

/** Error of oclif with an exit code; 2 stands for a command line that it does not understand. */
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

/** Returns oclif's message, which has a line for each fault, as one line without colours. */
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

/** Prints on stderr why a run fails. Resolves with its exit code. */
export async function reportFailure(thrown: unknown, argv: readonly string[]): Promise<number> {
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

export const EXITS = {
  0: 'done',
  2: 'usage: the command line is not understood',
  3: 'valid, but somebody must look or go on: something is still to be added, or money was lost',
  65: 'malformed input',
  66: 'no such input',
  69: 'chain or store does not answer: try again',
  70: 'a fault of this program',
  73: 'cannot write',
  75: 'the state has moved on',
  76: 'the data or signature of the counterparty is wrong',
  77: 'refused by own policy, or not safe here',
} as const;

export type ExitCode = keyof typeof EXITS;

export const ALL_EXITS: readonly ExitCode[] = Object.keys(EXITS).map((exit) => Number(exit) as ExitCode);

/** The error codes that end with an exit code. */
export const codesOf = (exit: ExitCode): ErrorCode[] =>
  (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code][0] === exit);

/** Returns the nearest word, if at most one letter or a third of them differ; else undefined. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const near = words.map((to) => ({ to, distance: distance(word, to) })).sort((a, b) => a.distance - b.distance);
  const best = near[0];
  return best && best.distance <= Math.max(1, Math.floor(best.to.length / 3)) ? best.to : undefined;
}

/** Returns the Levenshtein distance of two words, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
