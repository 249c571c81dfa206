/**
 * HTTP listener with bounds on size, time and number. Each path states what it takes and answers
 * (`http-paths.ts`). A refusal is the object of `--error-format json` with a status that fits its
 * exit code.
 *
 * Whoever can reach the port can send. No TLS: put a proxy in front where the network is not
 * private.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { note } from '../engine/log.ts';
import { generic, HOME_FAULTS, Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { clientOf, isLoopback, type IsProxy } from './client.ts';
import { connectionsOf } from './connections.ts';
import { codeOf, errorLine, failureIn, type Log } from './desk.ts';
import type { Listener } from './listener.ts';

export interface Endpoint {
  host: string;
  /** 0 picks one. */
  port: number;
}
/** A document that is no line of JSON. */
export interface Page {
  type: string;
  text: string;
}
export interface HttpPath {
  methods: readonly string[];
  /** The path of messages, which are counted and logged where they are answered. */
  messages?: true;
  /** A line of JSON, or a page. `from`: the client's address (`client.ts`). @throws Refusal */
  answer(request: IncomingMessage, isStopping: () => boolean, from: string): Promise<string | Page>;
}
export type HttpPaths = Readonly<Record<string, HttpPath>>;
export interface HttpOptions extends Endpoint {
  /** Name in the first line on stdout. */
  name: string;
  paths: HttpPaths;
  /** Returns whether the X-Forwarded-For of this address is believed. */
  isProxy: IsProxy;
  /** Advice where other machines can reach it. */
  advice: string;
  log: Log;
  /** Connections at once; more are closed. */
  connections: number;
  /** Messages at once; one address holds connections for a quarter of them. */
  queue: number;
  /** Time that a request may take to arrive. */
  timeoutMs: number;
}

const STATUS_OF_EXIT: Readonly<Record<number, number>> = {
  2: 400,
  65: 400,
  66: 404,
  69: 503,
  70: 500,
  73: 500,
  75: 409,
  76: 422,
  77: 403,
};
const STATUS_OF_CODE: Partial<Record<ErrorCode, number>> = {
  'too-large': 413,
  'too-slow': 408,
  'wrong-content-type': 415,
  'wrong-method': 405,
  'wrong-token': 401,
  ...Object.fromEntries(HOME_FAULTS.map((code) => [code, 500])),
};

/**
 * Returns the HTTP status of a line: 200 for an answer, 202 if another wallet must complete it. A
 * refusal has the status of its code, else that of its exit code.
 */
export function httpStatus(line: string): number {
  const failure = failureIn(line);
  if (failure) return STATUS_OF_CODE[failure.code] ?? STATUS_OF_EXIT[failure.exit] ?? 500;
  return codeOf(line) === 'waits' ? 202 : 200;
}

/** Listens, and answers from now on. @throws Refusal `cannot-listen` */
export async function httpListener(options: HttpOptions): Promise<Listener> {
  const { name, host, port, timeoutMs, paths } = options;
  let stopping = false;

  const server = createServer(
    {
      headersTimeout: timeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: 5_000,
      maxHeaderSize: 8_192,
      connectionsCheckingInterval: 500,
    },
    async (request, response) => {
      connections.take(request, response);
      const start = performance.now();
      const asked = nameOf(request, paths);
      const path = asked === undefined ? undefined : paths[asked];
      let said: string | Page;
      let logged = false;
      try {
        const { remoteAddress } = request.socket;
        const from = clientOf(remoteAddress, request.headers['x-forwarded-for'], options.isProxy);
        said = await checked(request, path, paths).answer(request, () => stopping, from);
        logged = path?.messages === true;
      } catch (error) {
        said = errorLine(error);
      }
      if (!logged)
        options.log({
          from: 'http',
          code: (typeof said === 'string' && codeOf(said)) || 'ok',
          ms: performance.now() - start,
          ...(path && !path.messages && { look: asked }),
        });
      // Closes connections whose client does not read the answer.
      request.socket.setTimeout(timeoutMs);
      answer(request, response, said, path, stopping || connections.isLast(request.socket));
    },
  );
  const connections = connectionsOf(server, options.queue, options.isProxy);
  server.maxConnections = options.connections;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A client that has hung up gets no answer.
    if (error.code === 'ECONNRESET') return void socket.destroy();
    const line = errorLine(generic(CLIENT_ERRORS[error.code ?? ''] ?? 'malformed'));
    options.log({ from: 'http', code: codeOf(line)!, ms: 0 });
    connections.refuse(socket, rawRefusal(line));
  });
  await listening(server, host, port);
  if (!isLoopback(host)) note(`${host} can be reached from other machines: ${options.advice}`);

  const closed = new Promise<void>((done) => server.on('close', done));
  const { port: bound } = server.address() as AddressInfo;
  return {
    said: { [name]: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` },
    run: () => closed,
    stop() {
      stopping = true;
      server.close();
      connections.stop();
    },
  };
}

/** Codes of Node.js errors that precede a request. */
const CLIENT_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'too-slow',
  HPE_HEADER_OVERFLOW: 'too-large',
};

function nameOf({ url = '' }: IncomingMessage, paths: HttpPaths): string | undefined {
  const name = url.split('?', 1)[0]!;
  return Object.hasOwn(paths, name) ? name : undefined;
}

/** @throws Refusal `unknown-path`, `wrong-method` */
function checked({ method = '' }: IncomingMessage, path: HttpPath | undefined, paths: HttpPaths): HttpPath {
  const words = Object.entries(paths).map(([name, { methods }]) => `${methods[0]} ${name}`);
  if (!path) throw new Refusal('unknown-path', `${words.join(' or ')} expected`);
  if (!path.methods.includes(method)) throw new Refusal('wrong-method', `${path.methods.join(' or ')} expected`);
  return path;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  said: string | Page,
  path: HttpPath | undefined,
  last: boolean,
): void {
  const [status, { type, text }] =
    typeof said === 'string' ? [httpStatus(said), { type: 'application/json', text: `${said}\n` }] : [200, said];
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 503 && { 'retry-after': '1' }),
    ...(status === 405 && { allow: path?.methods.join(', ') }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    // A body that was not read to its end is not waited for.
    ...((last || !request.complete) && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? '' : text);
}

/** The bytes of a refusal where there is no request to answer. */
function rawRefusal(line: string): string {
  const body = `${line}\n`;
  return [
    `HTTP/1.1 ${httpStatus(line)} Refused`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      fail(new Refusal('cannot-listen', `${host} port ${port}: ${code ?? message}`)),
    );
    server.listen(port, host, done);
  });
}
