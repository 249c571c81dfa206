/**
 * The limits of a server: bodies, messages at once, lines that wait, requests of a mint, works side by side, strangers a minute;
 * how long a start waits, how often a worker is asked the same, and how old an answer of the node may be.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, vi } from 'vitest';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { GRPC_LIMITS, listen, type Handlers } from '../../src/lib/cdk/listen.ts';
import { CONNECTION_LIMITS, connectionsOf } from '../../src/lib/serve/connections.ts';
import { DESCRIPTOR, LOADER, PACKAGE, SERVICE } from '../../src/lib/cdk/proto.ts';
import * as grpc from '../../src/lib/cdk/grpc.ts';
import { HTTP_LIMITS, messagePath } from '../../src/lib/serve/http-paths.ts';
import { LANE_LIMITS, Lanes, MINT_LANE_LIMITS, MintLane } from '../../src/lib/serve/lanes.ts';
import { HELD_LIMITS, onceABlock } from '../../src/lib/serve/looks.ts';
import { onceStoreAnswers, PATIENCE_LIMITS } from '../../src/lib/serve/serve.ts';
import { Pool, WORKER_LIMITS } from '../../src/lib/serve/pool.ts';
import { Rate, RATE_LIMITS, Budgets, admissionOf, STRANGER_LIMITS } from '../../src/lib/serve/strangers.ts';
import { stdioListener, STDIO_LIMITS } from '../../src/lib/serve/stdio.ts';
import { limits } from '../support/limits.ts';
import { TestMint } from '../support/mint.ts';

/** What has begun once every promise had its turns. */
const settled = async () => {
  for (let i = 0; i < 20; i++) await turn();
};

describe('connections', () => {
  limits(CONNECTION_LIMITS, {
    address: {
      figures: [8],
      /** Is the last of so many let in? */
      takes(n: number) {
        const server = createServer();
        connectionsOf(server, 8, () => false);
        const sockets = Array.from({ length: n }, () =>
          Object.defineProperty(new Socket(), 'remoteAddress', { value: '2001:db8::1' }),
        );
        for (const socket of sockets) server.emit('connection', socket);
        const [last, ...others] = sockets.map(({ destroyed }) => !destroyed).reverse();
        expect(others.every(Boolean)).toBe(true);
        for (const socket of sockets) socket.destroy();
        return last!;
      },
      above: 'not taken',
    },
  });
});

describe('HTTP', () => {
  const request = () => {
    const body = new PassThrough();
    return Object.assign(body, { headers: { 'content-type': 'application/json' } }) as PassThrough & IncomingMessage;
  };
  /** How many of so many messages get 503: messages that have arrived and are worked on, or that still arrive. */
  async function busy(count: number, arrived: boolean): Promise<number> {
    const desk = Promise.withResolvers<string>();
    const path = messagePath({ desk: () => desk.promise, queue: 3, timeoutMs: 10_000 });
    const requests = Array.from({ length: count }, request);
    let refused = 0;
    const answers = requests.map((one) =>
      path
        .answer(one, () => false, 'a')
        .catch((error: Refusal) => {
          expect(error.code).toBe('busy');
          refused += 1;
        }),
    );
    for (const one of requests) one.write('[]');
    if (arrived) for (const one of requests) one.end();
    await settled();
    const found = refused;
    for (const one of requests) one.end();
    desk.resolve('{}');
    await Promise.all(answers);
    expect(refused).toBe(found);
    return found;
  }
  limits(HTTP_LIMITS, {
    body: {
      async takes(n: number) {
        const desk = vi.fn(async (text: string) => String(text.length));
        const one = request();
        const answered = messagePath({ desk, queue: 1, timeoutMs: 10_000 }).answer(one, () => false, 'a');
        // In three parts, the last of one byte.
        for (const part of [n - 100, 99, 1]) one.write(Buffer.alloc(part, 32));
        one.end();
        await answered.finally(() => expect(desk).toHaveBeenCalledTimes(n > HTTP_LIMITS.body.most ? 0 : 1));
      },
      above: 'too-large',
    },
    read: {
      /** Is its end awaited? */
      async takes(n: number) {
        const desk = vi.fn(async () => '{}');
        const one = request();
        const answered = messagePath({ desk, queue: 1, timeoutMs: 10_000 }).answer(one, () => false, 'a');
        let over = false;
        const refused = expect(answered.finally(() => (over = true))).rejects.toMatchObject({ code: 'too-large' });
        one.write(Buffer.alloc(n, 32));
        await turn();
        const early = over;
        one.end();
        await refused;
        expect(desk).not.toHaveBeenCalled();
        return !early;
      },
      above: 'not taken',
    },
    messages: [true, false].map((arrived) => ({
      takes: async (n: number) => (await busy(n, arrived)) === 0,
      figures: [3],
      above: 'not taken' as const,
    })),
  });
});

describe('stdin', () => {
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((_, done?: unknown) => {
    (done as (() => void) | undefined)?.();
    return true;
  });
  afterAll(() => stdout.mockRestore());
  limits(STDIO_LIMITS, {
    lines: {
      async takes(n: number) {
        const answer = Promise.withResolvers<string>();
        const desk = vi.fn(() => answer.promise);
        const listener = stdioListener(desk, Readable.from([Buffer.from('[]\n'.repeat(n))]));
        const run = listener.run();
        await settled();
        const taken = desk.mock.calls.length;
        answer.resolve('{}');
        await run;
        expect(desk).toHaveBeenCalledTimes(n);
        return taken === n;
      },
      above: 'not taken',
    },
  });
});

const taken = (rate: Rate): boolean => {
  const has = rate.has();
  if (has) rate.take();
  return has;
};

describe('works and strangers', () => {
  limits(LANE_LIMITS, {
    works: {
      async takes(n: number) {
        const lanes = new Lanes();
        const end = Promise.withResolvers<void>();
        const work = vi.fn(() => end.promise);
        const all = Array.from({ length: n }, (_, i) => lanes.run(String(i), work));
        await settled();
        const running = work.mock.calls.length;
        end.resolve();
        await Promise.all(all);
        expect(work).toHaveBeenCalledTimes(n);
        return running === n;
      },
      above: 'not taken',
    },
  });
  limits(RATE_LIMITS, {
    saved: {
      /** However long nobody came. */
      takes(n: number) {
        let now = 0;
        const rate = new Rate(60, () => now);
        now = 3_600_000;
        return Array.from({ length: n }, () => taken(rate)).every(Boolean);
      },
      figures: [60],
      above: 'not taken',
    },
    one: {
      /** After so many seconds at one a second. */
      takes(n: number) {
        let now = 0;
        const rate = new Rate(60, () => now);
        for (let i = 0; i < 60; i++) rate.take();
        now = n * 1_000;
        return rate.has();
      },
      below: 'not taken',
    },
  });
  limits(STRANGER_LIMITS, {
    each: {
      takes: (n: number) => {
        const budgets = new Budgets(60, () => 0);
        return Array.from({ length: n }, () => budgets.take(['a'])).every(Boolean);
      },
      figures: [60],
      above: 'not taken',
    },
    remembered: {
      /** So many, one after the other, each of which has its share again when the last one comes. */
      takes(n: number) {
        let now = 0;
        const budgets = new Budgets(60, () => now);
        for (let i = 0; i < n; i++, now += 60_000) budgets.take([`n${i}`]);
        return budgets.size === n;
      },
      figures: [60],
      above: 'not taken',
    },
    known: {
      /** The first one is still known after so many. */
      async takes(n: number) {
        const load = vi.fn(async ([claim]: readonly string[]) => ({
          found: new Map([[claim, { kind: 'thing', record: {} }]]),
          nonces: [],
        }));
        const admission = admissionOf({ load } as never, new Budgets(1));
        const action = { kinds: {} } as never;
        for (let i = 0; i < n; i++) await admission.admits({ action, claim: `id:${i}` }, undefined);
        load.mockClear();
        await admission.admits({ action, claim: 'id:0' }, undefined);
        return load.mock.calls.length === 0;
      },
      above: 'not taken',
    },
  });
});

describe('a start', () => {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  afterAll(() => stderr.mockRestore());
  limits(PATIENCE_LIMITS, {
    start: {
      /** The first try takes so long that the second begins then, after 100 ms. */
      async takes(n: number) {
        let time = 7;
        const clock = { now: () => time, sleep: async (pause: number) => void (time += pause) };
        const start = vi.fn(async () => {
          if (start.mock.calls.length > 1) return;
          time += n - 100;
          throw new Refusal('store-unavailable', 'down');
        });
        await onceStoreAnswers(start, () => false, clock).finally(() =>
          expect(start).toHaveBeenCalledTimes(n > PATIENCE_LIMITS.start.most ? 1 : 2),
        );
      },
      above: 'store-unavailable',
    },
  });
});

describe('messages that wait for mints', () => {
  /** So many at once, each for a mint of its own or all for one. */
  const wait = async (n: number, mint: (i: number) => string): Promise<void> => {
    const lane = new MintLane(12);
    const answer = Promise.withResolvers<void>();
    const all = Array.from({ length: n }, (_, i) => lane.run(mint(i), () => answer.promise));
    answer.resolve();
    await Promise.all(all);
  };
  limits(MINT_LANE_LIMITS, {
    waiting: { takes: (n: number) => wait(n, String), above: 'busy', figures: [12] },
    mint: { takes: (n: number) => wait(n, () => 'one'), above: 'busy', figures: [12] },
  });
});

describe('a worker', () => {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  afterAll(() => stderr.mockRestore());
  limits(WORKER_LIMITS, {
    tries: {
      /** It ends over its first message until it has been asked so often. */
      async takes(n: number) {
        const log = join(mkdtempSync(join(tmpdir(), 'spillway-tries-')), 'asked');
        const program = `
          const { appendFileSync, readFileSync } = require('node:fs');
          console.log('ready');
          process.stdin.once('data', () => {
            appendFileSync(${JSON.stringify(log)}, '.');
            if (readFileSync(${JSON.stringify(log)}).length < ${n}) process.exit(1);
            console.log('1 answer');
          });`;
        const pool = await Pool.start({ jobs: 1, command: [process.execPath, '-e', program] });
        try {
          expect(await pool.ask('00', 'message')).toBe('answer');
        } finally {
          await pool.close();
          expect(readFileSync(log, 'utf8')).toHaveLength(Math.min(n, WORKER_LIMITS.tries.most));
        }
      },
      above: 'worker-lost',
    },
  });
});

describe('what was found in a look at all coins', () => {
  limits(HELD_LIMITS, {
    age: {
      /** Is it told again, without another look? */
      async takes(n: number) {
        let now = 7;
        const look = vi.fn(async () => 'found');
        const held = onceABlock(
          look,
          () => {},
          () => now,
        );
        await held(1);
        now += n;
        look.mockClear();
        expect(await held(1)).toBe('found');
        return look.mock.calls.length === 0;
      },
      above: 'not taken',
    },
  });
});

describe('gRPC', () => {
  const ending: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ending.splice(0)) await end();
  });
  const service = grpc.loadPackageDefinition(grpc.fromJSON(DESCRIPTOR as never, LOADER)) as any;
  const { requestSerialize } = service[PACKAGE][SERVICE].service.GetPaymentQuote;
  const asking = (length: number) => ({ request: 'x'.repeat(length), unit: 'sat', quoteId: 'm' });
  limits(GRPC_LIMITS, {
    request: {
      async takes(n: number) {
        const GetPaymentQuote = vi.fn(async () => {
          throw new TypeError('it came');
        });
        const server = await listen({
          address: { host: '127.0.0.1', port: 0 },
          insecure: true,
          network: 'regtest',
          handlers: {
            GetPaymentQuote,
            GetSettings: async () => ({ unit: 'sat', custom: { credit: '{}' } }),
          } as unknown as Handlers,
          events: async () => () => {},
          log: () => {},
        });
        const mint = new TestMint();
        ending.push(
          () => mint.stop(),
          () => server.stop(),
        );
        await mint.connect(server.address);
        const rest = (requestSerialize(asking(n - 50)) as Uint8Array).length - (n - 50);
        const request = asking(n - rest);
        expect((requestSerialize(request) as Uint8Array).length).toBe(n);
        const came = await mint.call('GetPaymentQuote', request).catch((error: Error) => error.message);
        expect(came).toMatch(n > GRPC_LIMITS.request.most ? /larger than max/ : /bug: /);
        return GetPaymentQuote.mock.calls.length === 1;
      },
      above: 'not taken',
    },
  });
});
