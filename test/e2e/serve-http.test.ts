/**
 * `serve --http` through the built program: each refusal by its code and status, with nothing stored; slow, broken and
 * crowding clients; a graceful end.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { PayeeCredit } from '../../src/lib/credit/records.ts';
import { contractAddress, defaultPolicy } from '../../src/lib/credit/terms.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { HTTP_LIMITS } from '../../src/lib/serve/http-paths.ts';
import { fakeNode, PASSWORD, type Answers } from '../chain/node.ts';
import { freshDir, spillway } from '../cli/run.ts';
import { ownCoin, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { servedPair } from '../support/served.ts';
import { Server, type Replied } from '../support/server.ts';

const SEED = 230;
let both: Pair;
let id: string;
const { env, ends, serve, signed } = servedPair(SEED, (pair, contract) => {
  [both, id] = [pair, contract];
});
const commits = (): Promise<number> => both.payee.home.store.commits();
const paid = async (contract = id): Promise<bigint> => ((await both.payee.record(contract)) as PayeeCredit).paidSat;
const told = ({ status, message }: Replied): unknown[] => [message['error']?.code ?? message['step'], status];

/** A node that can be made to fail, or to answer late: once this is settled. */
let down = false;
let gate: Promise<unknown> | undefined;
let asked = 0;
const NODE: Answers = {
  getblockchaininfo: async () => {
    asked += 1;
    await gate;
    return down
      ? { error: { code: -28, message: 'Loading block index…' } }
      : '{"chain":"regtest","blocks":1000,"bestblockhash":"aa","mediantime":5,"initialblockdownload":false}';
  },
  gettxout: async () => {
    const { terms } = (await both.payee.record(id)) as PayeeCredit;
    const script = scriptOf(contractAddress(terms), 'regtest');
    return `{"bestblock":"aa","confirmations":9,"value":0.0${terms.capacity_sat / 100n},"scriptPubKey":{"hex":"${script}"},"coinbase":false}`;
  },
};
const chain = (url: string): Record<string, string> => ({ SPILLWAY_CHAIN: url, SPILLWAY_TIP: '' });

describe('over HTTP', () => {
  it('answers the payee’s steps as the commands do, the same message with the same bytes', async () => {
    const server = await serve(['--http', '0']);
    expect(server.first).toEqual({
      type: 'serve',
      version: 1,
      network: 'regtest',
      http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    const on = (await signed()).message;
    const before = await paid();
    const reply = await server.post(on);
    expect(told(reply)).toEqual(['accepted', 200]);
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(await paid()).toBe(before + 1_000n);
    const stored = await commits();
    // Written otherwise, and asked for through the command.
    for (const again of [JSON.stringify(on, null, 2), Object.fromEntries(Object.entries(on).reverse())])
      expect((await server.post(again)).text).toBe(reply.text);
    expect((await both.payee.run(signUpdate, { on })).text).toBe(reply.text);
    expect(await commits()).toBe(stored);

    const close = await both.payer.run(closeCredit, { input: { contract: id } });
    expect(told(await server.post({ ...close.message, fee_sat: 7 }))).toEqual(['bad-seal', 422]);
    await both.payer.run(closeCredit, { input: { contract: id }, cancel: true });
  });

  it('lets one address take a quarter of what strangers may do, by what a named proxy says and by no other word', async () => {
    const server = await serve(['--http', '0', '--proxy', '127.0.0.1', '--offers', '8']);
    const asks = async (address: string): Promise<unknown> => {
      const { text } = await both.payer.run(openCredit, { input: { as: 'payer' } });
      return told(await server.post(text, { 'x-forwarded-for': address }))[0];
    };
    const one = ['192.0.2.7', '203.0.113.9, 192.0.2.7', '192.0.2.7:4711'];
    const answers: unknown[] = [];
    for (const address of one) answers.push(await asks(address));
    expect([answers, await asks('192.0.2.8')]).toEqual([['offered', 'offered', 'busy'], 'offered']);
    expect(await server.stop()).toBe(0);
  });

  it('offers what its flags say to a payer that asks, and takes the opening', async () => {
    const server = await serve(['--http', '0', '--min-amount', '700000', '--ecash', 'home']);
    const asked = await both.payer.run(openCredit, { input: { as: 'payer' } });
    const offered = await server.post(asked.message);
    expect(told(offered)).toEqual(['offered', 200]);
    const policy = { ...defaultPolicy('regtest'), min_amount_sat: 700_000 };
    expect(offered.message['offer']).toMatchObject({ policy: JSON.parse(printJson(policy)), ecash: 'home' });
    const utxo = [await ownCoin(both.payer, 900_000n)];
    const input = { utxo, amount: 800_000n, expires: { blocks: 4_320 } };
    const proposed = await both.payer.run(openCredit, { on: offered.text, input });
    const accepted = await server.post(proposed.message);
    expect(told(accepted)).toEqual(['accepted', 200]);
    expect((await both.payer.run(openCredit, { on: accepted.text })).message['step']).toBe('ready');
  });

  it('is asked by the payer, who pays without a person at the other end', async () => {
    const server = await serve(['--http', '0']);
    const before = await paid();
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 600n } });
    const requested = await server.post(asked.message);
    expect(told(requested)).toEqual(['requested', 200]);
    const signed = await both.payer.run(signUpdate, { on: requested.text });
    expect(told(await server.post(signed.message))).toEqual(['accepted', 200]);
    expect(await paid()).toBe(before + 600n);
  });

  it('writes one line of log for each request: no message, no secret', async () => {
    const server = await serve(['--http', '0']);
    const on = (await signed()).message;
    await server.post(on);
    await server.post(on, { origin: 'http://localhost' });
    await server.post({ ...on, type: 'a\u001b[2J\n' });
    await server.post({ ...on, amount_sat: 1 });
    await server.fetch('/healthz');
    expect(await server.stop()).toBe(0);
    const line = (words: string) => expect.stringMatching(new RegExp(`^\\d{4}-\\S+Z ${words} \\d+\\.\\d ms$`));
    expect(server.stderr.trimEnd().split('\n')).toEqual([
      line(`http sign-update signed ${id.slice(0, 8)} ok`),
      line('http - - - from-browser'),
      line('http - - - unknown-type'),
      line(`http sign-update signed ${id.slice(0, 8)} bad-seal`),
      line('http /healthz - - ok'),
    ]);
  });

  it('says at /healthz that store and chain answer, or 503', async () => {
    const server = await serve(['--http', '0']);
    expect((await server.fetch('/healthz')).message).toEqual({
      type: 'health',
      version: 1,
      network: 'regtest',
      tip: 1000,
      checks: { tip: 'given' },
    });
    expect(await server.fetch('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });

    const node = await fakeNode(NODE);
    const good = await serve(['--http', '0'], chain(node.url));
    expect((await good.fetch('/healthz')).message).toMatchObject({ tip: 1000, checks: { tip: 'chain' } });
    down = true;
    await sleep(1_100);
    const sick = await good.fetch('/healthz');
    down = false;
    expect(told(sick)).toEqual(['chain-unavailable', 503]);
    expect(sick.headers.get('retry-after')).toBe('1');
    // What the node says is nothing for a client.
    expect(sick.text).not.toContain('Loading');
    expect(good.stderr).toContain('note: chain-unavailable: getblockchaininfo: Loading block index…');
    expect(good.stderr + sick.text).not.toContain(PASSWORD);
  });
});

describe('refused, by code and status, with nothing stored', () => {
  let server: Server;
  let on: Message;
  let before: unknown;
  beforeAll(async () => {
    server = await Server.start(['--home', both.payee.dir, '--http', '0'], env());
    on = (await signed()).message;
    before = await both.payee.state();
  });
  afterAll(async () => {
    expect(await both.payee.state()).toEqual(before);
    expect(told(await server.post(on))).toEqual(['accepted', 200]);
    expect(await server.stop()).toBe(0);
  });
  const json = { 'content-type': 'application/json' };

  it.each([
    ['from a web page', { origin: 'https://evil.example' }, 'from-browser', 403],
    ['from a web page of this machine', { origin: 'null' }, 'from-browser', 403],
    ['as a form', { 'content-type': 'text/plain' }, 'wrong-content-type', 415],
    ['as no JSON in particular', { 'content-type': 'application/jsonp' }, 'wrong-content-type', 415],
    ['in another encoding', { 'content-type': 'application/json; charset=utf-16' }, 'wrong-content-type', 415],
    ['compressed', { 'content-encoding': 'gzip' }, 'wrong-content-type', 415],
  ])('a message %s', async (_, headers, code, status) => {
    expect(told(await server.post(on, headers))).toEqual([code, status]);
  });

  const BODIES: [string, () => Message | string | Uint8Array, string, number][] = [
    ['nothing', () => '', 'malformed-json', 400],
    ['null, which would be a start', () => 'null', 'malformed-message', 400],
    ['a list', () => '[]', 'malformed-message', 400],
    ['a truncated message', () => JSON.stringify(on).slice(0, -10), 'malformed-json', 400],
    ['bytes that are no UTF-8', () => new Uint8Array([0x7b, 0xff, 0x7d]), 'malformed-json', 400],
    ['two messages', () => `${JSON.stringify(on)}\n${JSON.stringify(on)}`, 'malformed-json', 400],
    ['another type', () => ({ ...on, type: 'init' }), 'unknown-type', 400],
    ['another step', () => ({ ...on, step: 'paid' }), 'unknown-step', 400],
    ['a field more', () => ({ ...on, contract_id: id }), 'malformed-message', 400],
    ['another network', () => ({ ...on, network: 'mainnet' }), 'wrong-network', 400],
    ['an altered amount', () => ({ ...on, amount_sat: 2 }), 'bad-seal', 422],
    ['another seal', () => ({ ...on, auth: '00'.repeat(64) }), 'bad-seal', 422],
    ['a contract of nobody here', () => alienOf(on), 'unknown-contract', 404],
    ['one byte too many', () => JSON.stringify(on).padEnd(1_000_001), 'too-large', 413],
    ['far too many bytes', () => ' '.repeat(5_000_000), 'too-large', 413],
  ];
  it.each(BODIES)('%s', async (_, body, code, status) => {
    expect(told(await server.post(body()))).toEqual([code, status]);
  });

  it('other methods and paths', async () => {
    const get = await server.fetch('/');
    expect([...told(get), get.headers.get('allow')]).toEqual(['wrong-method', 405, 'POST']);
    expect(told(await server.fetch('/', { method: 'OPTIONS' }))).toEqual(['wrong-method', 405]);
    expect(told(await server.fetch('/healthz', { method: 'POST', body: '{}', headers: json }))).toEqual([
      'wrong-method',
      405,
    ]);
    expect(told(await server.fetch('/constructor', { method: 'POST', body: '{}', headers: json }))).toEqual([
      'unknown-path',
      404,
    ]);
  });

  it('slow clients: nothing, half a header, half a body', async () => {
    const hasty = await serve(['--http', '0', '--timeout', '1']);
    const whole = JSON.stringify(on);
    const head = (length: number) =>
      `POST / HTTP/1.1\r\nhost: mint\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const [none, half, body] = await Promise.all([
      hasty.raw(''),
      hasty.raw('POST / HTTP/1.1\r\nhost: mint\r\ncontent-'),
      hasty.raw(head(whole.length) + whole.slice(0, -5)),
    ]);
    for (const said of [none, half, body]) expect(said).toMatch(/^HTTP\/1\.1 408 [^]*"too-slow"/);
  });

  it('what is no HTTP, headers without end, and a chunked body without end', async () => {
    expect(await server.raw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"malformed"/);
    expect(await server.raw(`GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 413 [^]*"too-large"/,
    );
    // No byte more than is read: whoever is still sending when the connection ends may not see the answer.
    const size = HTTP_LIMITS.read.most + 1;
    const head =
      'POST / HTTP/1.1\r\nhost: mint\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(await server.raw(`${head}${size.toString(16)}\r\n${' '.repeat(size)}`)).toMatch(
      /^HTTP\/1\.1 413 [^]*"too-large"/,
    );
  });
});

/** The message for a contract that this home does not know. */
const alienOf = (on: Message): Message => ({ ...on, contract: { ...on['contract'], id: 'ab'.repeat(32) } });

describe('what waits for a person', () => {
  it('an offer to this home, and a request for its money: 403, nothing stored', async () => {
    const { payee, payer } = both;
    const server = ends(await Server.start(['--home', payer.dir, '--http', '0'], env({}, SEED + 1)));
    const before = await payer.state();
    const offer = await payee.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest') } });
    const asked = await payee.run(signUpdate, { input: { contract: id, amount: 7n } });
    expect(told(await server.post(offer.message))).toEqual(['not-served', 403]);
    expect(told(await server.post(asked.message))).toEqual(['not-agreed', 403]);
    // What its owner has answered by command is repeated.
    expect(await payer.state()).toEqual(before);
    const signed = await payer.run(signUpdate, { on: asked.message, amount: 7n });
    expect((await server.post(asked.message)).text).toBe(signed.text);
    await payee.run(signUpdate, { on: signed.message });
  });

  it('a close that costs more than --max-feerate', async () => {
    const server = await serve(['--http', '0', '--max-feerate', '1']);
    const close = await both.payer.run(closeCredit, { input: { contract: id } });
    expect(told(await server.post(close.message))).toEqual(['fee-too-high', 403]);
    await both.payer.run(closeCredit, { input: { contract: id }, cancel: true });
  });
});

describe('many at once', () => {
  it('the same message from ten clients: one takes the step, all read the same bytes', async () => {
    const server = await serve(['--http', '0']);
    const on = (await signed()).message;
    const before = await commits();
    const replies = await Promise.all(Array.from({ length: 10 }, () => server.post(on)));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(told(replies[0]!)).toEqual(['accepted', 200]);
    expect(await commits()).toBe(before + 1);
  });

  it('the same message to two servers on one home', async () => {
    const servers = [await serve(['--http', '0']), await serve(['--http', '0'])];
    const on = (await signed()).message;
    const before = await commits();
    const replies = await Promise.all([...servers, ...servers].map((server) => server.post(on)));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(await commits()).toBe(before + 1);
  });

  it('more than --queue: busy, 503 with Retry-After, and the same later is answered', async () => {
    const node = await fakeNode(NODE);
    const server = await serve(['--http', '0', '--queue', '2', '--proxy', '127.0.0.1'], chain(node.url));
    const on = (await signed()).message;
    const { promise, resolve: release } = Promise.withResolvers<void>();
    gate = promise;
    let refused = 0;
    const posts = Array.from({ length: 5 }, async () => {
      const reply = await server.post(on);
      // Two of them wait for the node until all others are refused.
      if (reply.status === 503 && ++refused === 3) release();
      return reply;
    });
    const replies = await Promise.all(posts);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 503, 503, 503]);
    const busy = replies.find(({ status }) => status === 503)!;
    expect([...told(busy), busy.headers.get('retry-after')]).toEqual(['busy', 503, '1']);
    expect(told(await server.post(on))).toEqual(['accepted', 200]);
  });

  it('more than --connections: closed, and open to the next when one goes', async () => {
    const server = await serve(['--http', '0', '--connections', '2', '--timeout', '5']);
    const idle = [server.raw('POST'), server.raw('POST')];
    expect(await server.raw('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('');
    expect((await Promise.all(idle)).join()).toContain('too-slow');
    expect((await server.fetch('/healthz')).status).toBe(200);
  });
});

describe('SIGTERM', () => {
  it.each([['SIGTERM'], ['SIGINT']] as const)(
    '%s in mid-request: it is answered, new ones are not, exit 0',
    async (signal) => {
      const node = await fakeNode(NODE);
      const server = await serve(['--http', '0'], chain(node.url));
      const on = (await signed()).message;
      await server.fetch('/healthz');
      const { promise, resolve: release } = Promise.withResolvers<void>();
      gate = promise;
      const before = asked;
      const slow = server.post(on);
      await expect.poll(() => asked).toBeGreaterThan(before);
      // Its headers are taken before the end begins, its body is not sent.
      const whole = JSON.stringify(on);
      const headers = { 'content-type': 'application/json', 'content-length': whole.length, expect: '100-continue' };
      const late = request(server.url, { method: 'POST', headers });
      late.flushHeaders();
      await once(late, 'continue');
      const ended = server.stop(signal);
      const another = () => server.fetch('/').then(told, ({ message }: Error) => message);
      await expect.poll(another).toBe('fetch failed');
      late.end(whole);
      const [answer] = (await once(late, 'response')) as [IncomingMessage];
      expect([answer.statusCode, await text(answer)]).toEqual([503, expect.stringContaining('"stopping"')]);
      release();
      expect(told(await slow)).toEqual(['accepted', 200]);
      expect(await ended).toBe(0);
    },
  );
});

describe('where it cannot begin', () => {
  const refused = (argv: readonly string[], more: Record<string, string> = {}): Promise<string> =>
    serve(argv, more).then(
      () => 'it serves',
      ({ message }: Error) => message,
    );

  it('without a listener, or with one that is no address', async () => {
    expect(await refused([])).toMatch(/^serve ended with 2: error\[usage\]: --stdio, --http /);
    for (const address of ['', 'x', '70000', '1.2.3.4:', '::1:80', '[::1]'])
      expect(await refused(['--http', address])).toMatch(
        /^serve ended with 2: error\[usage\]: --http: .* \[HOST:\]PORT expected/,
      );
  });
  it('with a proxy that has no address, or before nothing', async () => {
    for (const proxy of ['', 'localhost', '10.0.0.1,', '10.0.0.0/33'])
      expect(await refused(['--http', '0', '--proxy', proxy])).toMatch(
        /^serve ended with 2: error\[usage\]: --proxy: .* found, an IP address or ADDRESS\/BITS expected/,
      );
    expect(await refused(['--stdio', '--proxy', '10.0.0.1'])).toMatch(/^serve ended with 2: error\[usage\]: .*--http/);
  });
  it('without a node, but for a fixed height on regtest', async () => {
    expect(await refused(['--http', '0'], { SPILLWAY_TIP: '' })).toContain(
      'error[usage]: a node (--chain URL) expected',
    );
    const dir = freshDir();
    await spillway(['init', '--home', join(dir, 'home'), '--network', 'signet']);
    const argv = ['serve', '--home', join(dir, 'home'), '--http', '0', '--tip', '1000'];
    expect(await spillway(argv)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('on regtest only'),
    });
  });
  it('with a node that does not answer, or of another network', async () => {
    const node = await fakeNode({
      getblockchaininfo: '{"chain":"main","blocks":9,"bestblockhash":"aa","mediantime":5}',
    });
    expect(await refused(['--http', '0'], chain(node.url))).toContain('error[wrong-network]');
    expect(await refused(['--http', '0'], chain('http://127.0.0.1:1'))).toContain('error[chain-unavailable]');
  });
  it('where another server listens', async () => {
    const first = await serve(['--http', '0']);
    const { port } = new URL(first.url);
    expect(await refused(['--stdio', '--jobs', '1', '--http', port])).toContain('ended with 69: error[cannot-listen]');
    expect(await refused(['--http', port])).toMatch(
      /^serve ended with 69: error\[cannot-listen\]: 127\.0\.0\.1 port \d+: EADDRINUSE/,
    );
  });
  it('beyond loopback it says so, and serves', async () => {
    const server = await serve(['--http', '0.0.0.0:0']);
    expect(server.stderr).toContain('note: 0.0.0.0 can be reached from other machines');
    expect((await server.fetch('/healthz')).status).toBe(200);
  });
});
