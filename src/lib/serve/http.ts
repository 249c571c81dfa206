/**
 * Messages over HTTP: `POST /` with one message as `application/json`, answered by one; `GET /healthz`. A refusal is the
 * object of `--error-format json` with a status that fits its exit code.
 *
 * Whoever can reach the port can send: a message is believed for its seal, not for where it comes from. What a web page
 * sends is refused (Origin), and size, time and number are bounded. No TLS: put a proxy in front where the way is not
 * private.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MESSAGE_LIMIT } from '../cli/input.ts';
import { note } from '../cli/output.ts';
import { utf8 } from '../cli/sniff.ts';
import { printJson } from '../protocol/json.ts';
import { ERRORS, Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { codeOf, errorLine, failureIn, type Desk, type Log } from './desk.ts';
import type { Listener } from './listener.ts';

export interface Address {
  host: string;
  /** 0 picks one. */
  port: number;
}
export interface HttpOptions extends Address {
  desk: Desk;
  log: Log;
  /** What `GET /healthz` says. @throws Refusal where the server cannot serve */
  health(): Promise<object>;
  /** Connections at once; more are closed. */
  connections: number;
  /** Messages at once, waiting ones included; more get 503. */
  queue: number;
  /** How long a request may take to arrive. */
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
};

/** 200 for an answer, 202 for one that another wallet has to complete first, else as the refusal says. */
export function statusOf(line: string): number {
  const failure = failureIn(line);
  if (failure) return STATUS_OF_CODE[failure.code] ?? STATUS_OF_EXIT[failure.exit] ?? 500;
  return codeOf(line) === 'waits' ? 202 : 200;
}

/** Methods by path. */
const PATHS: Readonly<Record<string, readonly string[]>> = { '/': ['POST'], '/healthz': ['GET', 'HEAD'] };

/** Listens, and answers from now on. @throws Refusal `cannot-listen` */
export async function httpListener(options: HttpOptions): Promise<Listener> {
  const { host, port, timeoutMs } = options;
  let stopping = false;
  let running = 0;

  /** @throws Refusal */
  const message = async (request: IncomingMessage): Promise<string> => {
    const refusal = refusalOf(request.headers);
    const body = await bodyOf(request, timeoutMs); // read in any case, or its sender would not see the answer
    if (refusal) throw refusal;
    if (stopping) throw generic('stopping');
    if (running >= options.queue) throw generic('busy');
    running += 1;
    try {
      return await options.desk(utf8(body), 'http');
    } finally {
      running -= 1;
    }
  };

  const server = createServer(
    {
      headersTimeout: timeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: 5_000,
      maxHeaderSize: 8_192,
      connectionsCheckingInterval: 500,
    },
    async (request, response) => {
      const start = performance.now();
      let line: string;
      let logged = false;
      try {
        if (checkedPath(request) === '/') [line, logged] = [await message(request), true];
        else line = printJson({ ...(await options.health()) });
      } catch (error) {
        line = errorLine(error);
      }
      if (!logged) options.log({ from: 'http', code: codeOf(line) ?? 'ok', ms: performance.now() - start });
      // Whoever does not read its answer does not keep the connection.
      request.socket.setTimeout(timeoutMs);
      answer(request, response, line, stopping);
    },
  );
  server.maxConnections = options.connections;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const line = errorLine(generic(CLIENT_ERRORS[error.code ?? ''] ?? 'malformed'));
    options.log({ from: 'http', code: codeOf(line)!, ms: 0 });
    refuseRaw(socket, line);
  });
  await listening(server, host, port);
  if (!isLoopback(host)) note(`${host} can be reached from other machines: put a proxy with TLS in front`);

  const closed = new Promise<void>((done) => server.on('close', done));
  const { port: bound } = server.address() as AddressInfo;
  return {
    said: { http: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` },
    run: () => closed,
    stop() {
      stopping = true;
      server.close();
      server.closeIdleConnections();
    },
  };
}

/** A refusal in the words of the table. */
const generic = (code: ErrorCode): Refusal => new Refusal(code, ERRORS[code][1]);

/** What Node.js finds wrong before there is a request. */
const CLIENT_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'too-slow',
  HPE_HEADER_OVERFLOW: 'too-large',
};

const pathIn = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0]!;
const methodsOf = (path: string): readonly string[] => (Object.hasOwn(PATHS, path) ? PATHS[path]! : []);

/** @throws Refusal `unknown-path`, `wrong-method` */
function checkedPath(request: IncomingMessage): string {
  const path = pathIn(request);
  const methods = methodsOf(path);
  if (methods.length === 0) throw new Refusal('unknown-path', 'POST / or GET /healthz expected');
  if (!methods.includes(request.method ?? '')) throw new Refusal('wrong-method', `${methods.join(' or ')} expected`);
  return path;
}

/** What is wrong with the headers of a message. */
function refusalOf({
  origin,
  'content-type': type,
  'content-encoding': encoding,
}: IncomingMessage['headers']): Refusal | undefined {
  if (origin !== undefined) return generic('from-browser');
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(type ?? ''))
    return new Refusal('wrong-content-type', 'content-type: application/json expected');
  if (encoding !== undefined && encoding !== 'identity')
    return new Refusal('wrong-content-type', 'a content-encoding found, none expected');
  return undefined;
}

/** How much more than the limit is read and forgotten, so that the sender reads why it is refused. */
const PATIENCE = 8 * MESSAGE_LIMIT;

/** @throws Refusal `too-large`, `too-slow`, `malformed` where it breaks off */
function bodyOf(request: IncomingMessage, timeoutMs: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const tooLarge = () => new Refusal('too-large', `more than ${MESSAGE_LIMIT} bytes found`);
  const timer = setTimeout(() => reject(generic('too-slow')), timeoutMs);
  let parts: Uint8Array[] = [];
  let size = 0;
  request.on('data', (part: Uint8Array) => {
    size += part.length;
    if (size <= MESSAGE_LIMIT) parts.push(part);
    else parts = [];
    if (size > PATIENCE) reject(tooLarge());
  });
  request.on('end', () => (size > MESSAGE_LIMIT ? reject(tooLarge()) : resolve(Buffer.concat(parts))));
  request.on('error', () => reject(new Refusal('malformed', 'the request broke off')));
  return promise.finally(() => clearTimeout(timer));
}

function answer(request: IncomingMessage, response: ServerResponse, line: string, last: boolean): void {
  const status = statusOf(line);
  const body = `${line}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 503 && { 'retry-after': '1' }),
    ...(status === 405 && { allow: methodsOf(pathIn(request)).join(', ') }),
    // A body that was not read to its end is not waited for.
    ...((last || !request.complete) && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? '' : body);
}

/** For a connection on which no request is being answered; any other is closed. */
function refuseRaw(socket: Socket, line: string): void {
  if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
  const body = `${line}\n`;
  socket.end(
    [
      `HTTP/1.1 ${statusOf(line)} Refused`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      fail(new Refusal('cannot-listen', `${host} port ${port}: ${code ?? message}`)),
    );
    server.listen(port, host, done);
  });
}

export const isLoopback = (host: string): boolean => /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/.test(host);
