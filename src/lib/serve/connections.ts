/**
 * The connections of an HTTP server: one request at a time on each, none that is refused stays half open, and once the server
 * stops those end at once on which nothing is being answered. Not here: what a request is answered (`http.ts`).
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** So long may the reader of a refusal take before its connection is gone. */
const REFUSED_MS = 1_000;

export interface Connections {
  /**
   * To be asked before a request is looked at. false: an earlier one of its connection is not answered yet. Then this one is
   * left alone, nothing more is read, and the connection ends with that answer.
   */
  take(request: IncomingMessage, response: ServerResponse): boolean;
  /** Nothing more is answered on this connection. */
  isLast(socket: Socket): boolean;
  /** For what cannot be read as a request: `raw` where nothing is being answered and nothing was, else the answer that is under way, and then the end. */
  refuse(socket: Socket, raw: string): void;
  /** Ends all on which nothing is being answered. */
  stop(): void;
}

export function connectionsOf(server: Server): Connections {
  const open = new Set<Socket>();
  const answered = new Map<Socket, IncomingMessage>();
  const last = new WeakSet<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    take(request, response) {
      const { socket } = request;
      if (answered.has(socket)) {
        last.add(socket);
        socket.pause();
        return false;
      }
      answered.set(socket, request);
      response.once('close', () => answered.delete(socket));
      return true;
    },
    isLast: (socket) => last.has(socket),
    refuse(socket, raw) {
      if (answered.get(socket)?.complete) return void last.add(socket);
      if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
      socket.end(raw);
      setTimeout(() => socket.destroy(), REFUSED_MS).unref();
    },
    stop() {
      for (const socket of open) if (!answered.has(socket)) socket.destroy();
    },
  };
}
