/** The log of the payment backend: what the mint hides from its wallets, by error code, one line each. */
import { failureOf } from '../engine/failure.ts';
import { note } from '../engine/log.ts';
import type { ErrorCode } from '../protocol/refusal.ts';

export interface LogEntry {
  code: ErrorCode | 'info';
  text: string;
}
export type Log = (entry: LogEntry) => void;

/** A line on stderr. */
export const cdkLine: Log = ({ code, text }) => note(`cdk ${code}: ${text}`);

/** Returns the log entry of a thrown value. */
export function logged(error: unknown): LogEntry {
  const { code, message } = failureOf(error);
  return { code, text: message };
}
