/** A server behind nginx and Caddy, as their guide sets them up: what they pass, what they do not, and what their restart costs. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCredit } from '../../src/lib/credit/open.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { MESSAGE_LIMIT } from '../../src/lib/protocol/message.ts';
import { proxiesIn, readSubnet } from '../../src/lib/serve/client.ts';
import { desk } from '../../src/lib/serve/desk.ts';
import { httpListener } from '../../src/lib/serve/http.ts';
import { messagePath } from '../../src/lib/serve/http-paths.ts';
import type { Listener } from '../../src/lib/serve/listener.ts';
import { served, workHere } from '../../src/lib/serve/work.ts';
import { ownCoin, pair, type Pair } from '../support/credit.ts';
import { freePort } from '../support/port.ts';
import { KINDS, Proxy, type Kind } from '../support/proxy.ts';

describe.each(KINDS)('behind $name', (kind) => {
  describe.skipIf(kind.program === undefined)('a server', () => scenes(kind, 480 + 2 * KINDS.indexOf(kind)));
});

function scenes(kind: Kind, seed: number): void {
  let both: Pair;
  let port: number;
  let proxy: Proxy;
  let listener: Listener | undefined;
  /** By whom the desk was asked, which connections brought messages, what was asked besides, and what answers wait for. */
  const from: (string | undefined)[] = [];
  const reached: Socket[] = [];
  const looks: string[] = [];
  let gate = Promise.withResolvers<void>();

  async function listen(): Promise<void> {
    const offer = { policy: defaultPolicy('regtest'), ecash: undefined, mint: undefined };
    const answer = desk(workHere(served(both.payee.ports()), { 'open-credit': offer }, 256), () => {});
    const messages = messagePath({
      desk: async (text, way, client) => {
        from.push(client);
        const line = await answer(text, way);
        await gate.promise;
        return line;
      },
      queue: 256,
      timeoutMs: 10_000,
    });
    const look = (name: string) => ({ methods: ['GET'], answer: async () => (looks.push(name), '{}') });
    listener = await httpListener({
      name: 'http',
      host: '127.0.0.1',
      port,
      paths: {
        '/': {
          ...messages,
          answer: (request, ...more) => (reached.push(request.socket), messages.answer(request, ...more)),
        },
        '/healthz': look('/healthz'),
        '/metrics': look('/metrics'),
      },
      isProxy: proxiesIn([readSubnet('127.0.0.1')!]),
      advice: '',
      log: () => {},
      connections: 256,
      queue: 256,
      timeoutMs: 10_000,
    });
  }
  async function hangUp(): Promise<void> {
    const ended = listener!.run();
    listener!.stop();
    listener = undefined;
    await ended;
  }

  beforeAll(async () => {
    both = await pair(seed);
    port = await freePort();
    await listen();
    proxy = await Proxy.start(kind, port);
  });
  afterAll(async () => {
    await proxy.end();
    await hangUp();
    both.close();
  });
  beforeEach(() => {
    gate.resolve();
    from.length = looks.length = reached.length = 0;
  });
  const asked = async (): Promise<string> => (await both.payer.run(openCredit, { input: { as: 'payer' } })).text;
  const stepOf = (text: string): unknown => JSON.parse(text).step ?? JSON.parse(text).error.code;

  it('takes an opening, message by message, from the address of its client', async () => {
    const client = { localAddress: '127.0.0.2' };
    const offered = await proxy.post(await asked(), {}, client);
    expect([offered.status, stepOf(offered.text)]).toEqual([200, 'offered']);
    const utxo = [await ownCoin(both.payer, 900_000n)];
    const input = { utxo, amount: 800_000n, expires: { blocks: 4_320 } };
    const proposed = await both.payer.run(openCredit, { on: offered.text, input });
    const accepted = await proxy.post(proposed.text, {}, client);
    expect([accepted.status, stepOf(accepted.text)]).toEqual([200, 'accepted']);
    const ready = await both.payer.run(openCredit, { on: accepted.text });
    expect(ready.message['step']).toBe('ready');
    expect(await both.payee.record(ready.message['contract'].id)).toBeDefined();
    expect(from).toEqual(['127.0.0.2', '127.0.0.2']);
  });

  it('is asked over one connection by clients who come one after the other', async () => {
    for (let i = 0; i < 3; i++) await proxy.post('{}');
    expect([reached.length, new Set(reached).size]).toEqual([3, 1]);
  });

  it('hears nothing of the addresses that a client writes', async () => {
    const said = {
      'x-forwarded-for': '198.51.100.1, 127.0.0.1',
      forwarded: 'for=198.51.100.1',
      'x-real-ip': '198.51.100.1',
    };
    // The second comes from where the proxy is, whose word would be believed.
    for (const localAddress of ['127.0.0.3', '127.0.0.1'])
      expect((await proxy.post(await asked(), said, { localAddress })).status).toBe(200);
    expect(from).toEqual(['127.0.0.3', '127.0.0.1']);
  });

  it('refuses through it in its own words, with its own headers', async () => {
    const page = await proxy.post('{}', { origin: 'https://evil.example' });
    expect([page.status, stepOf(page.text)]).toEqual([403, 'from-browser']);
    const get = await proxy.ask('GET', '/');
    expect([get.status, stepOf(get.text), get.headers['allow']]).toEqual([405, 'wrong-method', 'POST']);
    expect(from).toEqual([]);
  });

  it.each(['/metrics', '/metrics?x', '//metrics', '/%6detrics', '/x/../metrics', '/healthz', '/index.html'])(
    'is not asked for %s',
    async (path) => {
      for (const method of ['GET', 'POST', 'HEAD']) expect((await proxy.ask(method, path)).status).toBe(404);
      expect([from, looks]).toEqual([[], []]);
    },
  );

  it('gets a message of the size that it takes, and not of a byte more', async () => {
    const most = ' '.repeat(MESSAGE_LIMIT);
    expect(stepOf((await proxy.post(most)).text)).toBe('malformed-json');
    expect([from.length, reached.length]).toEqual([1, 1]);
    const larger: [string, Record<string, string>][] = [
      [`${most} `, { 'content-length': String(MESSAGE_LIMIT + 1) }],
      [`${most} `, { 'transfer-encoding': 'chunked' }],
      [most.repeat(7), { 'transfer-encoding': 'chunked' }],
    ];
    for (const [text, headers] of larger) {
      const refused = await proxy.post(text, headers);
      expect([refused.status, stepOf(refused.text)]).toEqual([413, 'too-large']);
      await expect(both.payer.run(openCredit, { on: refused.text })).rejects.toMatchObject({ code: 'peer-refused' });
    }
    expect([from.length, reached.length]).toEqual([1, kind.holdsBodies ? 1 : 4]);
  });

  it.runIf(kind.holdsBodies)('gets a message only once it is whole', async () => {
    const text = await asked();
    const slow = proxy.connect();
    await once(slow, 'secureConnect');
    const head = ['POST / HTTP/1.1', 'host: mint.example', 'content-type: application/json', 'connection: close'];
    slow.write(`${head.join('\r\n')}\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, -1)}`);
    expect((await proxy.post(await asked())).status).toBe(200);
    expect(reached).toHaveLength(1);
    slow.write(text.slice(-1));
    let said = '';
    for await (const part of slow) said += String(part);
    expect(said).toMatch(/^HTTP\/1\.1 200 /);
    expect(from).toHaveLength(2);
  });

  it('is asked again after the proxy went down in the middle of an answer: the same bytes, one step', async () => {
    const text = await asked();
    const before = await both.payee.home.store.commits();
    gate = Promise.withResolvers();
    const lost = expect(proxy.post(text)).rejects.toThrow();
    await expect.poll(() => from.length).toBe(1);
    await proxy.cut();
    await lost;
    await expect(proxy.post(text)).rejects.toThrow('ECONNREFUSED');
    gate.resolve();
    await proxy.begin();
    const [again, third] = [await proxy.post(text), await proxy.post(text)];
    expect([again.status, stepOf(again.text), third.text]).toEqual([200, 'offered', again.text]);
    expect(await both.payee.home.store.commits()).toBe(before + 1);
    expect(from).toHaveLength(3);
  });

  it('answers what it has taken while the proxy stops as a service does', async () => {
    gate = Promise.withResolvers();
    const last = proxy.post(await asked());
    await expect.poll(() => from.length).toBe(1);
    const stopped = proxy.stop(kind.name === 'nginx' ? 'SIGQUIT' : 'SIGTERM');
    gate.resolve();
    expect((await last).status).toBe(200);
    await stopped;
    await proxy.begin();
  });

  it('is away for a while: busy, with Retry-After, and the same later is answered without a word to the proxy', async () => {
    const text = await asked();
    await hangUp();
    const away = await proxy.post(text);
    expect([away.status, away.headers['retry-after'], away.headers['content-type']]).toEqual([
      503,
      '1',
      'application/json',
    ]);
    await expect(both.payer.run(openCredit, { on: away.text })).rejects.toMatchObject({ code: 'busy' });
    expect(from).toEqual([]);
    await listen();
    expect(stepOf((await proxy.post(text)).text)).toBe('offered');
  });
}
