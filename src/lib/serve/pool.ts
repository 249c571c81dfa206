/**
 * Worker processes that sign: each is `serve --stdio` of this program on the same home. A
 * contract's messages go to one worker, so they stay in order; answers match messages by number, in
 * any order (`stdio.ts`).
 *
 * A worker that ends is started again, and gets its unanswered messages again: one that it had
 * taken gets the stored reply. Where workers end three times without any answer, the first message
 * is refused with `worker-lost`. Workers end when their stdin does, and so with this process,
 * however it ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { note } from '../engine/log.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { ERRORS, Refusal } from '../protocol/refusal.ts';
import { NOT_FOR_WORKERS } from './flags.ts';
import { numbered, readNumbered } from './stdio.ts';

export interface PoolOptions {
  jobs: number;
  /** The program and its arguments. */
  command: readonly [string, ...string[]];
  /** Written to file descriptor 3 of each worker. */
  passphrase?: string | undefined;
}

export class Pool {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  /** Resolves once every worker is ready. @throws Refusal `worker-lost` */
  static async start(options: PoolOptions): Promise<Pool> {
    const workers = Array.from({ length: options.jobs }, (_, i) => new Worker(i + 1, options));
    const pool = new Pool(workers);
    try {
      await Promise.all(workers.map((worker) => worker.ready));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** The line that answers a message on one line. @throws Refusal `worker-lost` */
  ask(key: string, text: string): Promise<string> {
    return this.#workers[numberOf(key) % this.#workers.length]!.ask(text);
  }

  /** Ends the workers, each after its open requests. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

/** Keys end in digits of hashes or points, which are spread evenly. */
const numberOf = (key: string): number => Number.parseInt(key.slice(-8), 16) || 0;

interface PendingLine {
  text: string;
  done(line: string): void;
  fail(error: Refusal): void;
}

export const WORKER_LIMITS = {
  /** Successive workers that end without any answer, with the same first request. */
  tries: { unit: 'items', most: 3 },
} satisfies Limits;
const lost = (): Refusal => new Refusal('worker-lost', ERRORS['worker-lost'][1]);

class Worker {
  readonly #number: number;
  readonly #options: PoolOptions;
  readonly #ended: Promise<void>;
  /** Unanswered requests by number, the oldest first. */
  readonly #asked = new Map<number, PendingLine>();
  #next = 1;
  #stdin: Writable | undefined;
  #closing = false;
  /** Rejects where it never gets so far. */
  readonly ready: Promise<void>;

  constructor(number: number, options: PoolOptions) {
    this.#number = number;
    this.#options = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#ended = this.#live(resolve, reject);
  }

  ask(text: string): Promise<string> {
    return new Promise((done, fail) => {
      const number = this.#next++;
      this.#asked.set(number, { text, done, fail });
      this.#stdin?.write(`${numbered(number, text)}\n`);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#stdin?.end();
    await this.#ended;
  }

  /** Runs one worker process after another until the pool closes. */
  async #live(ready: () => void, failed: (error: Refusal) => void): Promise<void> {
    for (let idle = 0; ;) {
      let started = false;
      const how = await this.#process((line) => {
        if (!started) return ((started = true), ready());
        const answer = readNumbered(line);
        const asked = answer && this.#asked.get(answer.number);
        if (!asked) return;
        idle = -1;
        this.#asked.delete(answer.number);
        asked.done(answer.text);
      });
      if (this.#closing && this.#asked.size === 0) return;
      if (!started) failed(lost());
      note(`worker ${this.#number} ended (${how}), and is started again`);
      idle += 1;
      // The oldest request is the likely cause if workers keep ending before any answer.
      const [first] = this.#asked;
      if (!allows(WORKER_LIMITS.tries, idle + 1) && first) {
        this.#asked.delete(first[0]);
        first[1].fail(lost());
        idle = 0;
      }
      // Not at once for ever, where it cannot even start.
      await sleep(Math.min(50 * 2 ** idle, 5_000));
    }
  }

  /** One process from its start to its end; reports how it ended. */
  async #process(line: (text: string) => void): Promise<string> {
    const { command, passphrase } = this.#options;
    const [program, ...argv] = command;
    const child = spawn(program, argv, {
      stdio: ['pipe', 'pipe', 'inherit', passphrase === undefined ? 'ignore' : 'pipe'],
    });
    if (passphrase !== undefined) handOver(child, `${passphrase}\n`);
    const stdin = child.stdin!;
    stdin.on('error', () => {}); // it may be gone
    for (const [number, { text }] of this.#asked) stdin.write(`${numbered(number, text)}\n`);
    this.#stdin = stdin;
    if (this.#closing) stdin.end();
    // Text behind the last newline is half a reply of a killed worker, whose request is sent again.
    let rest = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      lines.forEach(line);
    });
    return new Promise((ended) => {
      child.on('error', ({ message }) => ended(message));
      child.on('close', (code, signal) => ended(signal ?? `exit ${code}`));
    }).then((how) => {
      this.#stdin = undefined;
      return how as string;
    });
  }
}

function handOver(child: ChildProcess, secret: string): void {
  const to = child.stdio[3] as Writable;
  to.on('error', () => {});
  to.end(secret);
}

/**
 * Returns the command of a worker: this very program with the flags of this run as they were
 * written, and others in their place.
 */
export function workerCommand(
  raw: readonly { type: string; flag?: string; input: string }[],
  own: Readonly<Record<string, string | number | undefined>>,
): [string, ...string[]] {
  const given = raw.filter(({ type, flag }) => type === 'flag' && !NOT_FOR_WORKERS.includes(flag!));
  const flags = [
    ...given.map(({ flag, input }) => [flag!, input] as const),
    ...Object.entries(own).filter(([, value]) => value !== undefined),
  ].map(([name, value]) => `--${name}=${value}`);
  return [process.execPath, ...process.execArgv, process.argv[1]!, 'serve', '--stdio', '--worker', ...flags];
}
