/** Runs the built program as a user does: another process, bytes in, bytes and an exit code out. */
import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BIN = join(ROOT, 'bin/run.js');

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}
export interface Spawning {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  /** What file descriptor 3 holds. */
  fd3?: string;
}

/** Nothing of the environment of the tests gets in: no CI, no SPILLWAY_…, no NODE_ENV. */
export const cleanEnv = (env: Record<string, string> = {}): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: tmpdir(),
  ...env,
});

export async function start(
  command: string,
  argv: readonly string[],
  { stdin, env, cwd, fd3 }: Spawning = {},
): Promise<Ran> {
  const options: SpawnOptions = { env: cleanEnv(env), stdio: ['pipe', 'pipe', 'pipe', 'pipe'] };
  const child = spawn(command, argv, cwd === undefined ? options : { ...options, cwd });
  const handed = child.stdio[3] as NodeJS.WritableStream;
  for (const to of [child.stdin!, handed]) to.on('error', () => {}); // it may not read what it is given
  child.stdin!.end(stdin);
  handed.end(fd3 ?? '');
  const ended = new Promise<number | null>((done) => child.on('close', done));
  const [stdout, stderr, code] = await Promise.all([buffer(child.stdout!), buffer(child.stderr!), ended]);
  return { code, stdout: stdout.toString(), stderr: stderr.toString() };
}

export const spillway = (argv: readonly string[], spawning?: Spawning): Promise<Ran> =>
  start(process.execPath, [BIN, ...argv], spawning);

/** A line of bash in which `spillway` is the built program. */
export const bash = (line: string, spawning?: Spawning): Promise<Ran> =>
  start('bash', ['-c', `spillway() { "${process.execPath}" "${BIN}" "$@"; }; ${line}`], spawning);

export const freshDir = (): string => mkdtempSync(join(tmpdir(), 'spillway-test-'));

/**
 * Runs a line of bash under a terminal of its own, made by `script`. Each answer is typed once its question is there. What
 * the terminal shows is in stdout.
 */
export async function onTerminal(
  line: string,
  answers: readonly (readonly [question: string, answer: string])[] = [],
): Promise<Ran> {
  const file = join(freshDir(), 'line.sh');
  writeFileSync(file, line);
  const child = spawn('script', ['-qec', `bash ${file}`, '/dev/null'], { env: cleanEnv() });
  let [stdout, stderr] = ['', ''];
  const open = [...answers];
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    stdout += data;
    const [next] = open;
    if (!next || !stdout.includes(next[0])) return;
    open.shift();
    child.stdin.write(`${next[1]}\r`);
  });
  child.stderr.setEncoding('utf8').on('data', (data: string) => (stderr += data));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
export const hasTerminal = existsSync('/usr/bin/script');
