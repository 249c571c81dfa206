/**
 * The one desk of a server: a message in, a line out, whoever brought it. It reads the message,
 * finds the table of its type, has the work done in its contract's order, and writes a log line. A
 * refusal is a line too: the object of `--error-format json`. Of its own faults (chain, store, a
 * bug) a server reports only the code. The words, which may name files and hosts, go to stderr.
 * Not here: who brings messages (`stdio.ts`, `http.ts`), and the work itself (`engine/play.ts`,
 * here or in a process of `pool.ts`).
 */
import { createHash } from 'node:crypto';
import { errorObject, failureOf, type Failure } from '../engine/failure.ts';
import { codesOf } from '../cli/errors.ts';
import { note, toLog } from '../engine/log.ts';
import { tableOf } from '../families.ts';
import type { Action, Claim } from '../protocol/action.ts';
import { parseJson, printJson, type Json } from '../protocol/json.ts';
import { answeredRefusal, envelope } from '../protocol/message.ts';
import { ERRORS, generic, HOME_FAULTS, Refusal, type ErrorCode } from '../protocol/refusal.ts';

/** Message that was parsed and not checked yet. */
export interface ReceivedMessage {
  text: string;
  json: Json;
  action: Action<any, any, any>;
  step: string;
  /** First record that it names. Messages of one record keep their order. */
  key: string;
  /** Claim of that record; undefined for a message that names none, which may create one. */
  claim: Claim | undefined;
}

/** Parses a message by the table of its type. @throws Refusal as the parser, `unknown-type` */
export async function receiveMessage(text: string): Promise<ReceivedMessage> {
  const json = parseJson(text);
  // A server sends no requests, so a refusal in its input is an error of the peer.
  if (answeredRefusal(json)) throw new Refusal('peer-refused', 'a refusal found, a message expected');
  const { type } = envelope(json);
  const action = await tableOf(type);
  if (!action) throw new Refusal('unknown-type', 'a message of no contract action found');
  const message = action.parse(json);
  const [claim] = Object.values(action.find(message, {}, {}) as Record<string, Claim>);
  // A message that names no record yet has only itself to follow.
  const key = claim ?? createHash('sha256').update(text).digest('hex');
  return { text, json, action, step: message.step, key, claim };
}

/** Request in the log. */
export interface LogEntry {
  from: string;
  received?: ReceivedMessage | undefined;
  code: string;
  ms: number;
  /** Time that the runner took, in milliseconds, without waiting for its turn. */
  workMs?: number | undefined;
  /** Path of a request for health or metrics, which brings no message. */
  look?: string | undefined;
}
export type Log = (entry: LogEntry) => void;

/** Writes a log line: time, way, type, step, start of contract id or key, result, duration. */
export const logLine: Log = ({ from, received, look, code, ms }) => {
  const { action, step = '-', key = '' } = received ?? {};
  const contract = /:([0-9a-f]{8})/.exec(key)?.[1] ?? '-';
  toLog(
    `${new Date().toISOString()} ${from} ${action?.type ?? look ?? '-'} ${step} ${contract} ${code} ${ms.toFixed(1)} ms`,
  );
};

/** Line that answers a message, and the runner's time; unknown for a worker's refusal. */
export interface Worked {
  line: string;
  workMs?: number | undefined;
}
export type Work = (received: ReceivedMessage) => Promise<Worked>;
/** Admission of messages to a server. */
export interface Admission {
  /** Returns whether a message is let in. @param address of its sender; undefined for a pipe */
  admits(message: Pick<ReceivedMessage, 'action' | 'claim'>, address: string | undefined): Promise<boolean>;
}

/**
 * The line for a text, a refusal's too. Never rejects.
 * @param from the way it came, for the log @param address whose it is, where the way says that
 */
export type Desk = (text: string, from: string, address?: string) => Promise<string>;

/** @param admission bounds how fast strangers fill the store; undefined: all were let in before */
export function desk(work: Work, log: Log, admission?: Admission): Desk {
  return async (text, from, address) => {
    const start = performance.now();
    let received: ReceivedMessage | undefined;
    let line: string;
    let workMs: number | undefined;
    try {
      received = await receiveMessage(text);
      if (admission && !(await admission.admits(received, address))) throw generic('busy');
      ({ line, workMs } = await work(received));
    } catch (error) {
      line = errorLine(error);
    }
    log({ from, received, code: codeOf(line) ?? 'ok', ms: performance.now() - start, workMs });
    return line;
  };
}

/** Codes of faults that are not the caller's. */
const OWN: ReadonlySet<ErrorCode> = new Set([...HOME_FAULTS, ...codesOf(69), ...codesOf(70), ...codesOf(73)]);

export function errorLine(error: unknown): string {
  const failure = failureOf(error);
  const meaning = ERRORS[failure.code][1];
  if (!OWN.has(failure.code) || failure.message === meaning) return printJson(errorObject(failure));
  note(`${failure.code}: ${failure.message}`);
  return printJson(errorObject({ code: failure.code, exit: failure.exit, message: meaning }));
}

/** The failure that a line reports, if any. */
export const failureIn = (line: string): Failure | undefined =>
  line.startsWith('{"error":') ? (JSON.parse(line) as { error: Failure }).error : undefined;

/** Returns a line's code; undefined for an answer, `waits` if another wallet must complete it. */
export const codeOf = (line: string): ErrorCode | 'waits' | undefined =>
  failureIn(line)?.code ?? (WAITS.test(line) ? 'waits' : undefined);
const WAITS = /^\{"type":"[a-z-]+","version":1,"step":"waiting",/;
