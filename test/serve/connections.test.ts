/** The connections of an HTTP server, by raw bytes: what is silent, broken or pipelined holds neither a place nor the end up. */
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { connectionsOf } from '../../src/lib/serve/connections.ts';
import { httpListener, type HttpPaths } from '../../src/lib/serve/http.ts';
import { messagePath } from '../../src/lib/serve/http-paths.ts';

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

/** A server whose desk answers when it is told to. */
async function served(
  more: { connections?: number; timeoutMs?: number; queue?: number; isProxy?: (address: string) => boolean } = {},
) {
  const { connections = 4, timeoutMs = 10_000, queue = 32, isProxy = () => false } = more;
  const taken: string[] = [];
  let answer = Promise.withResolvers<void>();
  const desk = async (text: string) => {
    taken.push(text);
    await answer.promise;
    return JSON.stringify({ took: text });
  };
  const paths: HttpPaths = {
    '/': messagePath({ desk, queue, timeoutMs }),
    '/healthz': { methods: ['GET'], answer: async () => '{"well":true}' },
  };
  const codes: string[] = [];
  const log = ({ code }: { code: string }) => void codes.push(code);
  const address = { host: '127.0.0.1', port: 0 };
  const options = { name: 'http', ...address, paths, isProxy, advice: '', log, connections, queue, timeoutMs };
  const listener = await httpListener(options);
  let over = false;
  const run = listener.run().then(() => (over = true));
  const sockets: Socket[] = [];
  ending.push(async () => {
    answer.resolve();
    sockets.forEach((socket) => socket.destroy());
    listener.stop();
    await run;
  });
  const port = Number(new URL(String(listener.said['http'])).port);
  const open = (bytes: string, ends = true) => {
    // `ends` false: a client that keeps its half open for ever.
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('end', () => void (ends && socket.end()));
    sockets.push(socket);
    let said = '';
    socket.on('data', (part) => (said += String(part)));
    socket.on('error', () => {});
    const closed = new Promise<string>((done) => socket.on('close', () => done(said)));
    if (bytes !== '') socket.write(bytes);
    return { socket, closed, said: () => said };
  };
  const release = () => (answer.resolve(), (answer = Promise.withResolvers()));
  return { open, listener, run, isOver: () => over, taken, codes, release, port };
}
const post = (body: string, length = body.length) =>
  `POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`;
const GET = 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n';
const LAST = `${GET.slice(0, -2)}connection: close\r\n\r\n`;
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(5);
};

describe('a connection that is refused', () => {
  it.each([
    ['says nothing', ''],
    ['says half a header', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-'],
  ])('where it %s, gives its place to another, though its client hangs on', async (_, bytes) => {
    const { open, codes } = await served({ connections: 2, timeoutMs: 600 });
    const held = [open(bytes, false), open(bytes, false)];
    await until(() => codes.length === 2);
    expect(codes).toEqual(['too-slow', 'too-slow']);
    await until(() => held.every(({ said }) => said().includes('408')));
    while (!(await open(LAST).closed).includes('well')) await sleep(50);
  });
});

describe('two requests on one connection', () => {
  it('without waiting: the first is answered, the second not looked at, and the connection ends', async () => {
    const { open, taken, release } = await served();
    const one = open(post('[1]') + post('[2]') + GET.repeat(2_000));
    await until(() => taken.length > 0);
    release();
    const said = await one.closed;
    expect(taken).toEqual(['[1]']);
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(said).toContain('connection: close');
  });

  it('in pieces of any size, bodies chunked or not: each is read as it was sent', async () => {
    const { open, taken, release } = await served();
    const chunked =
      post('').replace(/content-length: 0/, 'transfer-encoding: chunked') + '4\r\n[3,\n\r\n3\r\n\n3]\r\n0\r\n\r\n';
    for (const size of [1, 3, 7, 1_000]) {
      const one = open('');
      for (const [n, bytes] of [`\r\n${post('[1]')}`, chunked, post('[\n\n2]')].entries()) {
        for (let at = 0; at < bytes.length; at += size) {
          one.socket.write(bytes.slice(at, at + size));
          if (size < 1_000) await sleep(1);
        }
        await until(() => taken.length > n);
        release();
        await until(() => one.said().split('"took"').length > n + 1);
      }
      expect(taken.splice(0)).toEqual(['[1]', '[3,\n\n3]', '[\n\n2]']);
      one.socket.destroy();
    }
  });

  it('one after the other: both are answered', async () => {
    const { open, said } = await served().then((s) => ({ ...s, ...s.open(GET) }));
    await until(() => said().includes('well'));
    const second = open(GET);
    await until(() => second.said().includes('well'));
    second.socket.write(GET);
    await until(() => second.said().split('"well"').length === 3);
  });

  it('the second no request at all: the answer to the first is its own, and the end', async () => {
    const { open, taken, release, codes } = await served();
    const one = open(`${post('[1]')}RUBBISH\r\n\r\n`);
    await until(() => taken.length > 0);
    release();
    const said = await one.closed;
    expect(said).toContain('HTTP/1.1 200');
    expect(said).toContain('{"took":"[1]"}');
    expect(said).not.toContain('400');
    expect(codes).toEqual([]);
  });
});

describe('whoever sends without reading', () => {
  /** How many requests are parsed, and how many bytes are held, where nobody is answered. */
  async function flooded(sockets: number, request: string) {
    let parsed = 0;
    const server = createServer((asked, response) => {
      parsed += 1;
      connections.take(asked, response);
    });
    const connections = connectionsOf(server, 1_000, () => false);
    const open: Socket[] = [];
    server.on('connection', (socket: Socket) => open.push(socket));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const bytes = request.repeat(Math.ceil(1_000_000 / request.length));
    const clients = Array.from({ length: sockets }, () => connect(port, '127.0.0.1').on('error', () => {}));
    for (const client of clients) client.write(bytes);
    await until(() => open.length === sockets && open.every((socket) => socket.isPaused()));
    await sleep(100);
    const held = Math.max(...open.map(({ readableLength }) => readableLength));
    for (const socket of [...clients, ...open]) socket.destroy();
    await new Promise((done) => server.close(done));
    return { parsed, held };
  }

  it.each([
    ['short requests', GET],
    ['messages', post('[]')],
  ])('has one request of a connection parsed, and no more than two reads of it held: %s', async (_, request) => {
    const { parsed, held } = await flooded(8, request);
    expect(parsed).toBe(8);
    expect(held).toBeLessThanOrEqual(2 * 65_536);
  });
});

describe('one address', () => {
  it('holds connections for a quarter of the queue; the next is let in when one goes', async () => {
    const { open } = await served({ connections: 16, queue: 8 });
    const [first, second] = [open(GET), open(GET)];
    await until(() => first.said().includes('well') && second.said().includes('well'));
    expect(await open(GET).closed).toBe('');
    first.socket.destroy();
    for (let said = ''; !said.includes('well');) said = await open(LAST).closed;
  });

  it('of a named proxy holds as many as there are', async () => {
    const { open } = await served({ connections: 16, queue: 8, isProxy: (address) => address === '127.0.0.1' });
    const all = Array.from({ length: 10 }, () => open(GET));
    await until(() => all.every(({ said }) => said().includes('well')));
  });
});

describe('a request for what there is not', () => {
  it.each([
    ['another path', 'POST /constructor', 'unknown-path', 404, undefined],
    ['another method', 'GET /', 'wrong-method', 405, 'POST'],
    ['a message for the health', 'POST /healthz', 'wrong-method', 405, 'GET'],
  ])('by %s is refused, and said in the log', async (_, line, code, status, allow) => {
    const { open, taken, codes } = await served();
    const said = await open(`${line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`).closed;
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*"${code}"`));
    expect(/allow: (.*)\r/.exec(said)?.[1]).toBe(allow);
    expect([taken, codes]).toEqual([[], [code]]);
  });
});

describe('a body that breaks off', () => {
  it('is refused at once', async () => {
    const { open, taken } = await served();
    const bad =
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n';
    expect(await open(bad).closed).toContain('HTTP/1.1 400');
    expect(taken).toEqual([]);
  });

  it('or stays away takes the place of one message: so many may arrive at once as may wait', async () => {
    const { open, taken, release } = await served({ queue: 2, connections: 8, isProxy: () => true });
    const slow = [1, 2, 3].map(() => open(post('[', 900_000)));
    const isRefused = ({ said }: (typeof slow)[number]) => said().includes('HTTP/1.1 503');
    await until(() => slow.some(isRefused));
    const [one, other] = slow.filter((each) => !isRefused(each));
    expect(await open(post('[4]')).closed).toContain('"busy"');
    expect([one, other].map((each) => isRefused(each!))).toEqual([false, false]);
    one!.socket.destroy();
    for (let next = open(post('[5]')); taken.length === 0; await sleep(5))
      if (isRefused(next)) next = open(post('[5]'));
    release();
    expect(taken).toEqual(['[5]']);
  });
});

describe('a server that stops', () => {
  it.each([
    ['a silent connection', ''],
    ['half a request line', 'GET / HT'],
    ['half a header', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-'],
    ['an answered connection that is kept', GET],
  ])('waits for no %s', async (_, bytes) => {
    const { open, listener, run } = await served();
    const one = open(bytes);
    if (bytes === GET) await until(() => one.said().includes('well'));
    else await sleep(50);
    listener.stop();
    await run;
    await one.closed;
  });

  it('answers what it took, and ends then', async () => {
    const { open, listener, run, isOver, taken, release } = await served();
    const one = open(post('[1]'));
    await until(() => taken.length > 0);
    listener.stop();
    await sleep(50);
    expect(isOver()).toBe(false);
    release();
    expect(await one.closed).toContain('{"took":"[1]"}');
    await run;
  });
});
