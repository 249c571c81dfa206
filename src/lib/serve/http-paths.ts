/**
 * Paths of a server: `POST /` takes one message as `application/json`; `GET /healthz`; `GET
 * /metrics`. A message is believed for its seal, not for where it comes from; messages of a web
 * page are refused (Origin). Figures are served on the port of messages only to whoever shows the
 * token. By address nobody can be told from what a forwarder brings: a proxy, `ssh -R` or `kubectl
 * port-forward`.
 * Not here: listening (`http.ts`).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { MESSAGE_LIMIT } from '../protocol/message.ts';
import { utf8 } from '../engine/sniff.ts';
import { printJson } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { generic, Refusal } from '../protocol/refusal.ts';
import type { Desk } from './desk.ts';
import type { HttpPath } from './http.ts';
import { METRICS_TYPE, type Metrics } from './metrics.ts';

export const HTTP_LIMITS = {
  /** Size of a message. */
  body: { unit: 'bytes', most: MESSAGE_LIMIT },
  /** Size to which an oversized body is read and dropped, so that its sender gets the refusal. */
  read: { unit: 'bytes', most: 8 * MESSAGE_LIMIT },
  /** Messages that arrive at once, and messages that are worked on or wait. */
  messages: { unit: 'items', most: (queue: number) => queue },
} satisfies Limits;

export interface MessageOptions {
  desk: Desk;
  /** Messages at work or waiting, and as many arriving, `HTTP_LIMITS.body` each; more get 503. */
  queue: number;
  /** Time that a message may take to arrive. */
  timeoutMs: number;
}

export function messagePath({ desk, queue, timeoutMs }: MessageOptions): HttpPath {
  const isFull = (messages: number) => !allows({ most: HTTP_LIMITS.messages.most(queue) }, messages + 1);
  let arriving = 0;
  let running = 0;
  return {
    methods: ['POST'],
    messages: true,
    async answer(request, isStopping, from) {
      const refusal = refusalOf(request.headers);
      if (isFull(arriving)) throw generic('busy');
      arriving += 1;
      // Read in any case, or its sender would not see the answer.
      const body = await bodyOf(request, timeoutMs).finally(() => (arriving -= 1));
      if (refusal) throw refusal;
      if (isStopping()) throw generic('stopping');
      if (isFull(running)) throw generic('busy');
      running += 1;
      try {
        return await desk(utf8(body), 'http', from);
      } finally {
        running -= 1;
      }
    },
  };
}

/** @param health returns the state of the server. @throws Refusal if the server cannot serve */
export const healthPath = (health: () => Promise<object>): HttpPath => ({
  methods: ['GET', 'HEAD'],
  answer: async () => printJson({ ...(await health()) }),
});

/** @param token required token; 'none' for open access; undefined to refuse all */
export const metricsPath = ({ scrape }: Metrics, token: string | 'none' | undefined): HttpPath => ({
  methods: ['GET', 'HEAD'],
  async answer({ headers }) {
    if (headers.origin !== undefined) throw generic('from-browser');
    if (token !== 'none') checkToken(headers.authorization, token);
    return { type: METRICS_TYPE, text: await scrape() };
  },
});

/**
 * Checks a token, in the same time for one that is nearly right as for any other.
 * @throws Refusal `wrong-token`
 */
function checkToken(authorization: string | undefined, token: string | undefined): void {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  const shown = /^Bearer +([^ ]+)$/i.exec(authorization ?? '')?.[1];
  if (token !== undefined && shown !== undefined && timingSafeEqual(digest(shown), digest(token))) return;
  throw new Refusal(
    'wrong-token',
    token === undefined
      ? 'no figures are told on this port'
      : 'authorization: Bearer TOKEN with the token of the figures expected',
    {
      hint: '--metrics [HOST:]PORT gives the figures an address of their own, --metrics-token-file FILE a token',
    },
  );
}

/** Returns the refusal of a message for its headers. */
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

/** @throws Refusal `too-large`, `too-slow`, `malformed` where it breaks off */
function bodyOf(request: IncomingMessage, timeoutMs: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const tooLarge = () => new Refusal('too-large', `more than ${HTTP_LIMITS.body.most} bytes found`);
  const fits = () => allows(HTTP_LIMITS.body, size);
  const timer = setTimeout(() => reject(generic('too-slow')), timeoutMs);
  // One growing buffer, because many small chunks would cost memory.
  const body = new ArrayBuffer(0, { maxByteLength: HTTP_LIMITS.body.most });
  let size = 0;
  request.on('data', (part: Uint8Array) => {
    size += part.length;
    body.resize(fits() ? size : 0);
    if (fits()) new Uint8Array(body).set(part, size - part.length);
    if (!allows(HTTP_LIMITS.read, size)) reject(tooLarge());
  });
  request.on('end', () => (fits() ? resolve(new Uint8Array(body)) : reject(tooLarge())));
  request.on('error', () => reject(new Refusal('malformed', 'the request broke off')));
  return promise.finally(() => clearTimeout(timer));
}
