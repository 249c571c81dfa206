/** `serve` as a process of the built program, and what clients send to it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { BIN, cleanEnv } from '../cli/run.ts';
import type { Message } from './party.ts';

export interface Replied {
  status: number;
  headers: Headers;
  text: string;
  message: Message;
}

export class Server {
  readonly child: ChildProcess;
  /** The first line on stdout. */
  first: Message = {};
  stderr = '';
  readonly ended: Promise<number | null>;
  readonly #lines: Interface;
  readonly #next: AsyncIterator<string>;

  private constructor(argv: readonly string[], env: Record<string, string>, fd3: string | undefined) {
    this.child = spawn(process.execPath, [BIN, 'serve', ...argv], {
      env: cleanEnv(env),
      stdio: ['pipe', 'pipe', 'pipe', fd3 === undefined ? 'ignore' : 'pipe'],
    });
    if (fd3 !== undefined) (this.child.stdio[3] as NodeJS.WritableStream).end(fd3);
    this.child.stdin!.on('error', () => {}); // it may be gone
    this.child.stderr!.setEncoding('utf8').on('data', (data: string) => (this.stderr += data));
    this.ended = new Promise((done) => this.child.on('close', done));
    this.#lines = createInterface({ input: this.child.stdout!, crlfDelay: Infinity });
    this.#next = this.#lines[Symbol.asyncIterator]();
  }

  /** Resolves once it serves. @throws its stderr, where it does not */
  static async start(argv: readonly string[], env: Record<string, string>, fd3?: string): Promise<Server> {
    const server = Server.begin(argv, env, fd3);
    await server.serves();
    return server;
  }
  /** A process that may have to wait before it serves. */
  static begin = (argv: readonly string[], env: Record<string, string>, fd3?: string): Server =>
    new Server(argv, env, fd3);
  async serves(): Promise<void> {
    const first = await this.line();
    if (first === undefined) throw new Error(`serve ended with ${await this.ended}: ${this.stderr}`);
    this.first = JSON.parse(first) as Message;
  }

  get url(): string {
    return this.first['http'] as string;
  }

  /** The next line on stdout. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#next.next();
    return done ? undefined : value;
  }

  write(...lines: string[]): void {
    this.child.stdin!.write(lines.map((line) => `${line}\n`).join(''));
  }

  post(body: Message | string | Uint8Array, headers: Record<string, string> = {}): Promise<Replied> {
    const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    return this.fetch('/', {
      method: 'POST',
      body: bytes as string,
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  async fetch(path: string, init?: RequestInit): Promise<Replied> {
    const response = await fetch(`${this.url}${path}`, init);
    const body = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text: body.trimEnd(),
      message: body === '' ? {} : (JSON.parse(body) as Message),
    };
  }

  /** Sends bytes on a connection of their own; what comes back until it is closed. */
  async raw(bytes: string): Promise<string> {
    const socket = connect(Number(new URL(this.url).port), '127.0.0.1');
    let said = '';
    const closed = new Promise<void>((done) => socket.on('error', () => done()).on('close', () => done()));
    socket.setEncoding('utf8').on('data', (data: string) => (said += data));
    socket.write(bytes);
    await closed;
    return said;
  }

  /** The processes that sign for it. */
  workers(): number[] {
    const { pid } = this.child;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  }

  /** Its exit code, after a signal. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}
