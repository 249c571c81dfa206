/**
 * Exit codes in words: the families of the error table, for `--help`, `errors` and completion.
 * The error table itself, one code an error: `protocol/refusal.ts`.
 */
import '../families.ts'; // the codes of all families
import { ERRORS, type ErrorCode } from '../protocol/refusal.ts';

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
