/**
 * The gRPC listener of the payment backend: mutual TLS with one caller, the mint, by the name in
 * its certificate; or plaintext on regtest and loopback. Messages are bounded. A refusal becomes a
 * status with the error code in front, and a log line.
 *
 * TLS ends here and not in the gRPC library, which would drop a caller with a wrong certificate
 * silently.
 */
import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createSecure, type TLSSocket } from 'node:tls';
import type { Metadata, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Limits } from '../protocol/limit.ts';
import { failureOf } from '../engine/failure.ts';
import { ERRORS, HOME_FAULTS, Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { isLoopback } from '../serve/client.ts';
import type { Endpoint } from '../serve/http.ts';
import {
  DESCRIPTOR,
  LOADER,
  PACKAGE,
  SERVICE,
  type Method,
  type PaymentReceived,
  type Replies,
  type Requests,
} from './proto.ts';

export const GRPC_LIMITS = {
  /** Longest request: a melt quote with an invoice of 1,024 bytes and the wallet's fields. */
  request: { unit: 'bytes', most: 64 * 1024 },
} satisfies Limits;
const HANDSHAKE_MS = 5_000;
const GRACE_MS = 2_000;

/** Log of the payment backend: what the mint hides from its wallets, by error code. */
export type CdkLog = (entry: { code: ErrorCode | 'info'; message: string }) => void;
export type Handlers = { [M in Method]: (request: Requests[M]) => Promise<Replies[M]> };
export interface ListenOptions {
  address: Endpoint;
  /** Folder with ca.pem, server.pem, server.key; undefined: plaintext on regtest and loopback. */
  tlsDir?: string | undefined;
  /** Name in the mint's certificate, with `tlsDir`: one authority may have signed for others. */
  client?: string | undefined;
  insecure?: boolean;
  log: CdkLog;
  network: string;
  handlers: Handlers;
  /** Called for each stream of events; resolves to the function that ends it. */
  events(show: (event: PaymentReceived) => void): Promise<() => void>;
}

export async function listen(options: ListenOptions): Promise<{ address: string; stop(): Promise<void> }> {
  const { log } = options;
  const { host, port } = options.address;
  const tls = tlsOf(options, host);
  const grpc = await import('./grpc.ts');
  const service = grpc.loadPackageDefinition(grpc.fromJSON(DESCRIPTOR as never, LOADER)) as any;
  const server = new grpc.Server({ 'grpc.max_receive_message_length': GRPC_LIMITS.request.most });
  const streams = new Set<ServerWritableStream<object, object>>();
  server.addService(service[PACKAGE][SERVICE].service, {
    ...Object.fromEntries(
      Object.entries(options.handlers).map(([name, handle]) => [name, unary(handle as Handler, log)]),
    ),
    WaitPaymentEvent: stream(options.events, log, streams),
  });
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const take = (socket: Socket): void => injector.injectConnection(socket.on('error', () => {}));
  const takeNamed = (socket: TLSSocket): void => {
    if (isNamed(socket.getPeerX509Certificate(), tls!.client)) return take(socket);
    log({
      code: 'wrong-certificate',
      message: `a caller is turned away: its certificate does not name ${tls!.client}`,
    });
    socket.destroy();
  };
  const door: Server = tls
    ? createSecure(
        {
          ...tls.files,
          requestCert: true,
          rejectUnauthorized: true,
          ALPNProtocols: ['h2'],
          handshakeTimeout: HANDSHAKE_MS,
        },
        takeNamed,
      )
    : createPlain(take);
  const sockets = new Set<Socket>();
  door.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  door.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    log({ code: 'wrong-certificate', message: `a caller is turned away: ${error.message}` });
    socket.destroy();
  });
  await new Promise<void>((done, fail) => {
    door.once('error', (error) => fail(new Refusal('cannot-listen', `${host} port ${port}: ${error.message}`)));
    door.listen(port, host, done);
  });
  const at = door.address() as AddressInfo;
  return {
    address: `${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`,
    async stop() {
      const closed = new Promise<void>((done) => door.close(() => done()));
      injector.drain(GRACE_MS);
      // A stream of events has no end of its own, and would keep its connection until the grace is over.
      for (const call of streams) call.end();
      const forced = setTimeout(() => sockets.forEach((socket) => socket.destroy()), GRACE_MS);
      await closed;
      clearTimeout(forced);
      server.forceShutdown();
    },
  };
}

type Handler = (request: object) => Promise<object>;

const unary =
  (handle: Handler, log: CdkLog) =>
  (call: ServerUnaryCall<object, object>, reply: sendUnaryData<object>): void => {
    handle(call.request).then(
      (answer) => reply(null, answer),
      (error: unknown) => {
        log(failureOf(error));
        reply(statusOf(error));
      },
    );
  };

const stream =
  (events: ListenOptions['events'], log: CdkLog, open: Set<ServerWritableStream<object, object>>) =>
  (call: ServerWritableStream<object, object>): void => {
    open.add(call);
    for (const over of ['cancelled', 'close', 'error'] as const) call.on(over, () => open.delete(call));
    events((paymentReceived) => call.write({ paymentReceived })).then(
      (end) => {
        for (const over of ['cancelled', 'close', 'error'] as const) call.on(over, end);
        if (call.cancelled) end();
      },
      (error: unknown) => {
        log(failureOf(error));
        call.destroy(statusOf(error));
      },
    );
  };

const INVALID_ARGUMENT = 3;
const UNAVAILABLE = 14;
const INTERNAL = 13;

/** The code in front, so that a log of the mint shows it too. */
function statusOf(error: unknown): Error & { code: number; details: string; metadata?: Metadata } {
  const { code, message } = failureOf(error);
  const exit = HOME_FAULTS.includes(code) ? 70 : ERRORS[code][0];
  const details = `${code}: ${message}`;
  return Object.assign(new Error(details), {
    code: exit === 70 ? INTERNAL : exit === 69 ? UNAVAILABLE : INVALID_ARGUMENT,
    details,
  });
}

/**
 * Returns whether a certificate has the name, among its names for hosts or as common name, and not
 * by a pattern.
 */
const isNamed = (certificate: X509Certificate | undefined, name: string): boolean =>
  certificate?.checkHost(name, { subject: 'always', wildcards: false }) !== undefined;

/** @throws Refusal `usage`, `insecure-mint`, `no-input` */
function tlsOf({ tlsDir, client, insecure, network }: ListenOptions, host: string) {
  if (tlsDir !== undefined && insecure)
    throw new Refusal('usage', '--cdk-tls-dir and --cdk-insecure found, one expected');
  if (tlsDir === undefined) {
    if (insecure && network === 'regtest' && isLoopback(host)) return undefined;
    throw new Refusal('insecure-mint', 'a payment backend without TLS found; whoever can call it can melt', {
      hint: '--cdk-tls-dir DIR with ca.pem, server.pem and server.key; --cdk-insecure on regtest and 127.0.0.1 only',
    });
  }
  // A name that begins with a dot would stand for all below it.
  if (client === undefined || /^(?:\.|$)/.test(client))
    throw new Refusal('usage', `--cdk-client NAME expected, the name in the certificate with which the mint calls`, {
      hint: 'openssl x509 -in client.pem -noout -subject -ext subjectAltName shows it',
    });
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(tlsDir, name));
    } catch (error) {
      throw new Refusal('no-input', `--cdk-tls-dir: ${(error as Error).message}`);
    }
  };
  return { client, files: { ca: read('ca.pem'), cert: read('server.pem'), key: read('server.key') } };
}
