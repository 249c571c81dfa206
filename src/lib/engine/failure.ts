/**
 * Thrown values as failures: a code of the error table, its exit code, and words that are safe to
 * show.
 * Not here: which errors there are (`protocol/refusal.ts`), how a run prints one (`cli/errors.ts`).
 */
import '../families.ts'; // the codes of all families
import { ERRORS, Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { visible } from './log.ts';

export interface Failure {
  code: ErrorCode;
  exit: number;
  message: string;
  hint?: string | undefined;
  blame?: string | undefined;
}

/** Length at which texts are cut, since they may quote a whole message of the counterparty. */
const LONGEST = 500;

/** Converts a thrown value to a failure: a refusal, a file error of the system, or a bug. */
export function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { message } = error;
  if (error instanceof Refusal) {
    const { code, exit, hint, blame } = error;
    return { code, exit, message: shown(message), hint: hint && shown(hint), blame: blame && shown(blame) };
  }
  if (isOfFiles(error))
    return failure(
      'cannot-write',
      message,
      'it must be open to this user, on a disk that can be written and is not full',
    );
  const hint = 'please report this; SPILLWAY_DEBUG=1 shows where it happened';
  return failure('bug', `${error.name}: ${message}`, hint);
}

/** Returns the refusal for a record that cannot be read. Work on other records goes on. */
export const damaged = (error: unknown): Refusal =>
  error instanceof Refusal && error.code !== 'malformed-json'
    ? error
    : new Refusal('store-damaged', `its record cannot be read: ${failureOf(error).message}`);

/** Returns true for a file error of the system. */
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

/** Returns a failure as JSON: of a run on stderr, of a line in a batch on stdout. */
export const errorObject = ({ code, exit, message, hint, blame }: Failure): object => ({
  error: { code, exit, message, hint, blame },
});
