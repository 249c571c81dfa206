/**
 * Programs of the user that do a part (`--signer`, `--notify`): one JSON document in, one out, by
 * the shell.
 * Not here: when they are called (`engine/play.ts`, `cdk/notify.ts`), what they must answer (the
 * step that asks).
 */
import { spawn } from 'node:child_process';
import { parseJson, printJson, type Json } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { visible } from './log.ts';

export const PROGRAM_LIMITS = { answer: { unit: 'bytes', most: 1_000_000 } } satisfies Limits;
const TIMEOUT_MS = 30_000;

/**
 * Runs a program with a JSON document on stdin, and returns its output; null if it printed nothing.
 * @throws Refusal `outside-failed`
 */
export async function askProgram(command: string, body: object): Promise<Json> {
  const failed = (why: string) =>
    new Refusal('outside-failed', `${visible(command, 60)}: ${why}`, { hint: 'run it again' });
  const child = spawn(command, {
    shell: true,
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  // A program that does not read its input is judged by how it ends.
  child.stdin.on('error', () => {});
  child.stdin.end(`${printJson(body)}\n`);
  const parts: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (part: Buffer) => {
    size += part.length;
    if (!allows(PROGRAM_LIMITS.answer, size)) child.kill('SIGKILL');
    else parts.push(part);
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((done, fail) => {
    child.on('error', (error) => fail(failed(error.message)));
    child.on('close', (exit, by) => done([exit, by]));
  });
  if (!allows(PROGRAM_LIMITS.answer, size)) throw failed(`more than ${PROGRAM_LIMITS.answer.most} bytes found`);
  if (code !== 0)
    throw failed(signal ? `ended by ${signal}, after ${TIMEOUT_MS / 1000} seconds at most` : `exit ${code}`);
  const text = Buffer.concat(parts).toString('utf8').trim();
  if (text === '') return null;
  try {
    return parseJson(text);
  } catch (error) {
    throw failed((error as Error).message);
  }
}

/** @throws Refusal `usage` where no such program was named */
export const programsFrom =
  (flags: { signer?: string | undefined }) =>
  async (program: string, body: object): Promise<Json> => {
    const command = program === 'signer' ? flags.signer : undefined;
    if (command === undefined)
      throw new Refusal('usage', `this step needs the program that --${program} names`, {
        hint: `give --${program} COMMAND`,
      });
    return askProgram(command, body);
  };
