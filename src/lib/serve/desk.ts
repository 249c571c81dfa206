/**
 * The one desk of a server: a message in, a line out, whoever brought it. It reads the message, finds the table of its
 * type, has the work done in the order of its contract, and writes a line of log.
 *
 * A refusal is a line too: the object of `--error-format json`. Of its own faults (chain, store, a bug) a server tells
 * only the code: the words, which may name files and hosts, go to stderr.
 * Not here: who brings messages (`stdio.ts`, `http.ts`), and the work itself (`play.ts`, here or in a process of `pool.ts`).
 */
import { createHash } from 'node:crypto';
import { errorObject, failureOf, type Failure } from '../cli/errors.ts';
import { codesOf } from '../cli/exits.ts';
import { toLog } from '../cli/log.ts';
import { note } from '../cli/output.ts';
import { tableOf } from '../cli/tables.ts';
import type { Action } from '../protocol/action.ts';
import { parseJson, printJson, type Json } from '../protocol/json.ts';
import { answeredRefusal, envelope } from '../protocol/message.ts';
import { ERRORS, generic, HOME_FAULTS, Refusal, type ErrorCode } from '../protocol/refusal.ts';
import type { Rate } from './rate.ts';

/** What a message says of itself; nothing of it is believed yet. */
export interface Received {
  text: string;
  json: Json;
  action: Action<any, any, any>;
  step: string;
  /** The first record that it names: messages of one contract keep their order. */
  key: string;
  /** It names no record: anybody can send it, and taking it may make one. */
  stranger: boolean;
}

/** @throws Refusal as the parser of its table, `unknown-type` */
export async function receive(text: string): Promise<Received> {
  const json = parseJson(text);
  // A server has asked nobody: a refusal that is brought to it is not its own state.
  if (answeredRefusal(json)) throw new Refusal('peer-refused', 'a refusal found, a message expected');
  const { type } = envelope(json);
  const action = await tableOf(type);
  if (!action) throw new Refusal('unknown-type', 'a message of no contract action found');
  const message = action.parse(json);
  const [claim] = Object.values<string>(action.find(message, {}, {}) as Record<string, string>);
  // A message that names no record yet has only itself to follow.
  const key = claim ?? createHash('sha256').update(text).digest('hex');
  return { text, json, action, step: message.step, key, stranger: claim === undefined };
}

/** One request in the log. */
export interface Entry {
  from: string;
  received?: Received | undefined;
  code: string;
  ms: number;
  /** What of it the runner took for its answer, without waiting for its turn. */
  workMs?: number | undefined;
  /** The path at which health or figures were asked for: no message was brought. */
  look?: string | undefined;
}
export type Log = (entry: Entry) => void;

/** A line on stderr: when, by which way, type, step, the beginning of the contract's id or key, how it ended, how long it took. */
export const logLine: Log = ({ from, received, look, code, ms }) => {
  const { action, step = '-', key = '' } = received ?? {};
  const contract = /:([0-9a-f]{8})/.exec(key)?.[1] ?? '-';
  toLog(
    `${new Date().toISOString()} ${from} ${action?.type ?? look ?? '-'} ${step} ${contract} ${code} ${ms.toFixed(1)} ms`,
  );
};

/** The line that answers a message, and how long the runner took for it; a worker that refuses does not say. */
export interface Worked {
  line: string;
  workMs?: number | undefined;
}
export type Work = (received: Received) => Promise<Worked>;
/** The line for a text, a refusal's too. `way`: how it came, for the log; `from`: the client's address, where there is one. Never rejects. */
export type Desk = (text: string, way: string, from?: string) => Promise<string>;

/** `strangers` bounds how fast they can fill the store. */
export function desk(work: Work, log: Log, strangers?: Rate): Desk {
  return async (text, from) => {
    const start = performance.now();
    let received: Received | undefined;
    let line: string;
    let workMs: number | undefined;
    try {
      received = await receive(text);
      if (received.stranger && strangers && !strangers.take()) throw generic('busy');
      ({ line, workMs } = await work(received));
    } catch (error) {
      line = errorLine(error);
    }
    log({ from, received, code: codeOf(line) ?? 'ok', ms: performance.now() - start, workMs });
    return line;
  };
}

/** Codes of what is not the caller's fault. */
const OWN: ReadonlySet<ErrorCode> = new Set([...HOME_FAULTS, ...codesOf(69), ...codesOf(70), ...codesOf(73)]);

export function errorLine(error: unknown): string {
  const failure = failureOf(error);
  const meaning = ERRORS[failure.code][1];
  if (!OWN.has(failure.code) || failure.message === meaning) return printJson(errorObject(failure));
  note(`${failure.code}: ${failure.message}`);
  return printJson(errorObject({ code: failure.code, exit: failure.exit, message: meaning }));
}

/** The failure that a line tells, if it does. */
export const failureIn = (line: string): Failure | undefined =>
  line.startsWith('{"error":') ? (JSON.parse(line) as { error: Failure }).error : undefined;

/** Undefined for an answer; `waits` for one that another wallet has to complete first. */
export const codeOf = (line: string): ErrorCode | 'waits' | undefined =>
  failureIn(line)?.code ?? (WAITS.test(line) ? 'waits' : undefined);
const WAITS = /^\{"type":"[a-z-]+","version":1,"step":"waiting",/;
