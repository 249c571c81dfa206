/**
 * Connections of an HTTP server. Each carries one request at a time. Bytes sent before its answer
 * (pipelining, RFC 9112, 9.3.2) are not parsed, and the connection ends with the answer. One
 * address holds a share of the connections. When the server stops, those end at once on which
 * nothing is being answered.
 *
 * Not here: what a request is answered (`http.ts`).
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { allows, type Limits } from '../protocol/limit.ts';
import { budgetOf, clientOf, type IsProxy } from './client.ts';

export const CONNECTION_LIMITS = {
  /** Simultaneous connections of one address; more are closed. A named proxy has no limit. */
  address: { unit: 'items', most: (queue: number) => Math.ceil(queue / 4) },
} satisfies Limits;

/** Time for a client to read a refusal, in milliseconds. */
const REFUSED_MS = 1_000;

export interface Connections {
  /** Registers a request that must be answered, before its method, path and body are checked. */
  take(request: IncomingMessage, response: ServerResponse): void;
  /** Returns true if this is the last answer on the connection. */
  isLast(socket: Socket): boolean;
  /** Answers unreadable bytes with `raw`, unless the connection has had an answer. */
  refuse(socket: Socket, raw: string): void;
  /** Closes all idle connections. */
  stop(): void;
}

/** Request that is not answered yet. */
interface PendingRequest {
  request: IncomingMessage;
  response: ServerResponse;
  /** Bytes of the body that the parser still lacks; NaN without a Content-Length. */
  left: number;
}

export function connectionsOf(server: Server, queue: number, isProxy: IsProxy): Connections {
  const open = new Set<Socket>();
  const asked = new Map<Socket, PendingRequest>();
  const held = new Map<string, number>();
  const last = new WeakSet<Socket>();

  /** Counts a connection. Returns false where its address holds too many. */
  const admits = (socket: Socket): boolean => {
    const client = clientOf(socket.remoteAddress, undefined, () => false);
    if (isProxy(client)) return true;
    const address = budgetOf(client);
    const now = (held.get(address) ?? 0) + 1;
    if (!allows({ most: CONNECTION_LIMITS.address.most(queue) }, now)) return false;
    held.set(address, now);
    socket.once('close', () => {
      const rest = held.get(address)! - 1;
      if (rest > 0) held.set(address, rest);
      else held.delete(address);
    });
    return true;
  };

  /** Feeds the parser one request. Bytes behind it wait only while its answer is being sent. */
  const feed = (socket: Socket, chunk: Buffer, parse: (piece: Buffer) => void): void => {
    for (let rest = chunk; rest.length > 0;) {
      const now = asked.get(socket);
      if (now?.request.complete && !now.response.writableEnded) {
        last.add(socket);
        return void socket.pause();
      }
      // Node.js has paused the socket, because its peer does not read.
      if (now?.request.complete || socket.isPaused()) {
        socket.pause();
        return socket.unshift(rest);
      }
      const end = now?.left ? Math.min(now.left, rest.length) : pastEmptyLine(rest);
      if (now) now.left -= end;
      parse(rest.subarray(0, end));
      if (socket.destroyed) return;
      rest = rest.subarray(end);
    }
  };

  server.on('connection', (socket: Socket) => {
    if (!admits(socket)) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // Node.js parses all requests of a chunk at once, so it gets them one by one.
    const parsers = socket.listeners('data') as ((piece: Buffer) => void)[];
    for (const parse of parsers) socket.off('data', parse);
    socket.on('data', (chunk: Buffer) => feed(socket, chunk, (piece) => parsers.forEach((parse) => parse(piece))));
  });

  return {
    take(request, response) {
      const { socket } = request;
      asked.set(socket, { request, response, left: Number(request.headers['content-length'] ?? NaN) });
      response.once('close', () => {
        asked.delete(socket);
        if (!last.has(socket)) socket.resume();
      });
    },
    isLast: (socket) => last.has(socket),
    refuse(socket, raw) {
      if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
      socket.end(raw);
      setTimeout(() => socket.destroy(), REFUSED_MS).unref();
    },
    stop() {
      for (const socket of open) if (!asked.has(socket)) socket.destroy();
    },
  };
}

/**
 * Returns the length of the first lines up to and with an empty one; of all where there is none. A
 * head ends with an empty line, and so does a chunked body. No piece that is cut here holds the
 * ends of two requests.
 */
function pastEmptyLine(bytes: Buffer): number {
  for (let start = 0; ;) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1) return bytes.length;
    if (end === start || (end === start + 1 && bytes[start] === 0x0d)) return end + 1;
    start = end + 1;
  }
}
