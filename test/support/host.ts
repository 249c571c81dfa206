/**
 * The built program in one process, started at first use, that runs command lines in turn: for steps that lead up to what
 * is tested, and for what a command answers. A test about processes (kills, crowds, pipes, descriptors, what one run
 * leaves in memory) starts one for each run: `../cli/run.ts`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnv, spillway, type Ran, type Spawning } from '../cli/run.ts';

interface Waiting {
  resolve(ran: Ran): void;
  reject(reason: Error): void;
}

class Host {
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = [];

  constructor(ended: () => void) {
    // The cache that the program's own starts use in tests.
    this.#child = fork(join(import.meta.dirname, 'host.cjs'), [join(tmpdir(), '.cache/spillway')], {
      env: cleanEnv(),
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (ran) => this.#waiting.shift()!.resolve(ran as Ran));
    this.#child.on('exit', (code, signal) => {
      ended();
      for (const { reject } of this.#waiting) reject(new Error(`the host of command lines ended: ${code ?? signal}`));
    });
    // It ends with this process and does not keep it.
    this.#child.unref();
    this.#child.channel!.unref();
  }

  run(argv: readonly string[], { stdin = '', env = {}, cwd = process.cwd() }: Spawning): Promise<Ran> {
    this.#child.channel!.ref();
    const ran = new Promise<Ran>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.send({ argv, env: cleanEnv(env), cwd, stdin: Buffer.from(stdin as string) });
    });
    return ran.finally(() => this.#waiting.length === 0 && this.#child.channel?.unref());
  }
}

let host: Host | undefined;

/** Runs a command line as `spillway` of `../cli/run.ts` does, in the host; with a descriptor 3, in a process of its own. */
export function warm(argv: readonly string[], spawning: Spawning = {}): Promise<Ran> {
  if (spawning.fd3 !== undefined) return spillway(argv, spawning);
  host ??= new Host(() => (host = undefined));
  return host.run(argv, spawning);
}
