/**
 * nginx and Caddy as their guide sets them up: the configurations of `fixtures/proxy`, with another port, another server behind
 * and a certificate of our own. Not here: what they pass.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { ROOT } from '../cli/run.ts';
import { freePort } from './port.ts';

const NAME = 'mint.example';

export interface Kind {
  name: 'nginx' | 'Caddy';
  program: string | undefined;
  /** Ends it at once, whatever it is passing on. */
  cut: NodeJS.Signals;
  /** Reads a message to its end before it passes it on. */
  holdsBodies: boolean;
}

/** Where it is on the path, or where Debian puts it. */
function found(name: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  const program = dirs.map((dir) => join(dir, name)).find(isProgram);
  if (!program) process.stderr.write(`${name} is not installed (apt-get install ${name}): its tests do not run\n`);
  return program;
}
function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const KINDS: readonly Kind[] = [
  { name: 'nginx', program: found('nginx'), cut: 'SIGTERM', holdsBodies: true },
  { name: 'Caddy', program: found('caddy'), cut: 'SIGKILL', holdsBodies: false },
];

export interface Answered {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
}

export class Proxy {
  readonly #kind: Kind;
  readonly #dir = mkdtempSync(join(tmpdir(), 'spillway-proxy-'));
  readonly #behind: number;
  #port = 0;
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(kind: Kind, behind: number) {
    this.#kind = kind;
    this.#behind = behind;
  }

  /** Resolves once it listens. @param behind the port of the server */
  static async start(kind: Kind, behind: number): Promise<Proxy> {
    const proxy = new Proxy(kind, behind);
    proxy.#port = await freePort();
    proxy.#prepare();
    await proxy.begin();
    return proxy;
  }

  /** After it has ended, again, at the same port. */
  async begin(): Promise<void> {
    const argv = { nginx: ['-e', 'stderr', '-p', this.#dir, '-c', this.#at('main')], Caddy: this.#caddy('run') };
    const env = { HOME: this.#dir, PATH: process.env['PATH'] ?? '' };
    const child = spawn(this.#kind.program!, argv[this.#kind.name], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (data) => (this.#said += String(data)));
    this.#child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${this.#kind.name} ended with ${child.exitCode}: ${this.#said}`);
      const socket = this.connect();
      const begun = await once(socket, 'secureConnect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (begun) return;
      await sleep(20);
    }
  }

  /** Resolves once it has ended. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#child!, 'close');
    this.#child!.kill(signal);
    await ended;
  }
  cut(): Promise<void> {
    return this.stop(this.#kind.cut);
  }
  async end(): Promise<void> {
    if (this.#child!.exitCode === null && this.#child!.signalCode === null) await this.cut();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A client's connection, whose certificate is checked. */
  connect(): TLSSocket {
    return connect({ host: '127.0.0.1', port: this.#port, ca: this.#ca(), servername: NAME });
  }

  /** A request on a connection of its own. @throws where it breaks off */
  async ask(method: string, path: string, options: RequestOptions = {}, body?: string): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const headers = { host: NAME, ...(options.headers as Record<string, string>) };
    const to = { host: '127.0.0.1', port: this.#port, ca: this.#ca(), servername: NAME, agent: false };
    const asking = request({ ...options, ...to, method, path, headers }, async (response) => {
      let text = '';
      try {
        for await (const part of response) text += String(part);
        resolve({ status: response.statusCode!, headers: response.headers, text });
      } catch (error) {
        reject(error);
      }
    });
    asking.on('error', reject);
    asking.end(body);
    return promise;
  }

  /** As curl sends a message. */
  post(body: string, headers: Record<string, string> = {}, options: RequestOptions = {}): Promise<Answered> {
    return this.ask('POST', '/', { ...options, headers: { 'content-type': 'application/json', ...headers } }, body);
  }

  #at(name: string): string {
    return join(this.#dir, name);
  }
  #ca(): string {
    return readFileSync(this.#at('cert'), 'utf8');
  }
  #caddy(command: string): string[] {
    return [command, '--adapter', 'caddyfile', '--config', this.#at('main')];
  }

  #prepare(): void {
    chmodSync(this.#dir, 0o755); // nginx answers as another user
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', this.#at('key')];
    const names = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`];
    execFileSync('openssl', ['req', '-x509', '-batch', ...key, ...names, '-out', this.#at('cert')], {
      stdio: 'ignore',
    });
    const [cert, secret, port] = [this.#at('cert'), this.#at('key'), String(this.#port)];
    if (this.#kind.name === 'nginx') {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (of) => `${of}_temp_path ${this.#at(of)};`,
      );
      const http = `access_log off; ${temporary.join(' ')} include ${this.#at('site')};`;
      writeFileSync(
        this.#at('main'),
        `daemon off; worker_processes 1; pid ${this.#at('pid')};\nevents {} http { ${http} }\n`,
      );
      writeFileSync(
        this.#at('site'),
        changed('nginx.conf', [
          ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
          ['/etc/letsencrypt/live/mint.example/fullchain.pem', cert],
          ['/etc/letsencrypt/live/mint.example/privkey.pem', secret],
          ['server 127.0.0.1:8090', `server 127.0.0.1:${this.#behind}`],
        ]),
      );
    } else
      writeFileSync(
        this.#at('main'),
        changed('Caddyfile', [
          ['\n{\n', '\n{\n\tadmin off\n'],
          ['\nmint.example {', `\n${NAME}:${port} {\n\tbind 127.0.0.1\n\ttls ${cert} ${secret}`],
          ['reverse_proxy 127.0.0.1:8090', `reverse_proxy 127.0.0.1:${this.#behind}`],
        ]),
      );
  }
}

/** A configuration of the guide with something else in each of these places. */
function changed(name: string, places: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join(ROOT, 'fixtures/proxy', name), 'utf8');
  for (const [from, to] of places) {
    if (text.split(from).length !== 2) throw new Error(`${name} does not have ‘${from}’ once`);
    text = text.replace(from, to);
  }
  return text;
}
