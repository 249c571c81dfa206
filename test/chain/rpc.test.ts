/** Calls of a node's RPC: amounts to the satoshi, answers of the wrong form, passwords, many calls in one request. */
import { createServer as createHttp } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Rpc, RpcError } from '../../src/lib/chain/rpc.ts';
import { fakeNode, PASSWORD, type Answers } from './node.ts';

const TXID = 'ab'.repeat(32);
const at = async (answers: Answers, timeoutMs?: number) => {
  const node = await fakeNode(answers);
  return { ...node, rpc: new Rpc({ url: node.url, ...(timeoutMs && { timeoutMs }) }) };
};
const output = (value: string) => `{"value":${value},"confirmations":3,"scriptPubKey":{"hex":"5120aa"}}`;

describe('amounts', () => {
  it.each([
    ['0.07999999', 7_999_999n],
    ['0.00000001', 1n],
    ['20999999.97690000', 2_099_999_997_690_000n],
    ['0.29', 29_000_000n],
    ['50', 5_000_000_000n],
    ['0.00000000', 0n],
    // as btcd writes them
    ['1e-8', 1n],
    ['5.46e-06', 546n],
    ['9.9e-7', 99n],
  ])('%s BTC', async (value, sat) => {
    const { rpc } = await at({ gettxout: output(value) });
    expect(await rpc.txOut({ txid: TXID, vout: 1 })).toEqual({ sat, script: '5120aa', confirmations: 3 });
  });

  it.each(['-0.1', '0.000000001', '21000000.00000001', '1e-9', '1e8'])('%s is none', async (value) => {
    const { rpc } = await at({ gettxout: output(value) });
    await expect(rpc.txOut({ txid: TXID, vout: 1 })).rejects.toMatchObject({ code: 'malformed' });
  });
});

describe('calls', () => {
  it('read the state of the chain from Core and from btcd', async () => {
    const core = await at({
      getblockchaininfo:
        '{"chain":"main","blocks":9,"bestblockhash":"aa","time":7,"initialblockdownload":true,"difficulty":1.5e3}',
    });
    expect(await core.rpc.blockchainInfo()).toEqual({
      chain: 'main',
      blocks: 9,
      bestBlock: 'aa',
      initialDownload: true,
      time: 7,
    });
    const btcd = await at({
      getblockchaininfo: '{"chain":"regtest","blocks":2,"bestblockhash":"aa","mediantime":5}',
      getblockheader: '{"time":6}',
    });
    expect(await btcd.rpc.blockchainInfo()).toEqual({
      chain: 'regtest',
      blocks: 2,
      bestBlock: 'aa',
      initialDownload: false,
      time: undefined,
      medianTime: 5,
    });
    expect(await btcd.rpc.blockTime('aa')).toBe(6);
  });

  it.each(['true', 'false'])('tell whether a coin is of a coinbase: %s', async (coinbase) => {
    const { rpc } = await at({ gettxout: output('1').replace(/}$/, `,"coinbase":${coinbase}}`) });
    expect((await rpc.txOut({ txid: TXID, vout: 1 }))?.coinbase ?? false).toBe(coinbase === 'true');
  });

  it.each(['"true"', '1', '"false"'])(
    'refuse a coin whose coinbase is neither true nor false: %s',
    async (coinbase) => {
      const { rpc } = await at({ gettxout: output('1').replace(/}$/, `,"coinbase":${coinbase}}`) });
      await expect(rpc.txOut({ txid: TXID, vout: 1 })).rejects.toMatchObject({
        code: 'chain-unavailable',
        message: expect.stringContaining('true or false as coinbase expected'),
      });
    },
  );

  it('find no coin that is spent, also by the mempool', async () => {
    const { rpc, asked } = await at({ gettxout: 'null' });
    expect(await rpc.txOut({ txid: TXID, vout: 1 })).toBeUndefined();
    expect(asked).toEqual([{ method: 'gettxout', params: [TXID, 1, true] }]);
  });

  it('read a feerate exactly, and leave it open where the node has none', async () => {
    expect(await (await at({ estimatesmartfee: '{"feerate":0.00012345,"blocks":6}' })).rpc.feerate(6)).toBe(12345);
    expect(
      await (await at({ estimatesmartfee: '{"errors":["Insufficient data"],"blocks":0}' })).rpc.feerate(6),
    ).toBeUndefined();
    expect(await (await at({})).rpc.feerate(6)).toBeUndefined();
  });

  it('send, test, find and mine transactions, and scan for coins', async () => {
    const { rpc, asked } = await at({
      sendrawtransaction: `"${TXID}"`,
      getrawtransaction: ([txid]) =>
        txid === TXID ? '"00ff"' : { error: { code: -5, message: 'No such mempool or blockchain transaction' } },
      testmempoolaccept: `[{"txid":"aa","allowed":true},{"txid":"bb","allowed":false,"reject-reason":"dust"},{"txid":"cc"}]`,
      submitpackage: `{"package_msg":"transaction failed","tx-results":{"w1":{"txid":"aa"},"w2":{"txid":"bb","error":"dust"}},"replaced-transactions":[]}`,
      generatetoaddress: '["aa","bb"]',
      scantxoutset: `{"success":true,"height":7,"unspents":[{"txid":"${TXID}","vout":0,"scriptPubKey":"5120","desc":"tr([00000000/0]00)#00","amount":0.07999999,"coinbase":false,"height":5}],"total_amount":0.07999999}`,
    });
    expect(await rpc.sendTransaction('00')).toBe(TXID);
    expect(await rpc.transaction(TXID)).toBe('00ff');
    expect(await rpc.transaction('00')).toBeUndefined();
    expect(await rpc.testAccept(['00', '01', '02'])).toEqual([
      { txid: 'aa', allowed: true },
      { txid: 'bb', allowed: false, reason: 'dust' },
      { txid: 'cc', allowed: false },
    ]);
    expect(await rpc.submitPackage(['00', '01'])).toEqual({
      message: 'transaction failed',
      transactions: [{ txid: 'aa' }, { txid: 'bb', error: 'dust' }],
    });
    expect(await rpc.generate(2, 'bcrt1')).toEqual(['aa', 'bb']);
    expect(await rpc.scan([{ desc: 'tr(x/*)', range: [0, 9] }])).toEqual({
      height: 7,
      coins: [
        {
          txid: TXID,
          vout: 0,
          script: '5120',
          desc: 'tr([00000000/0]00)#00',
          sat: 7_999_999n,
          height: 5,
          coinbase: false,
        },
      ],
    });
    expect(asked.find(({ method }) => method === 'testmempoolaccept')!.params).toEqual([['00', '01', '02'], 0.1]);
    expect(asked.find(({ method }) => method === 'scantxoutset')!.params).toEqual([
      'start',
      [{ desc: 'tr(x/*)', range: [0, 9] }],
    ]);
  });

  it('refuse an answer of another form, and say which form was expected', async () => {
    const { rpc } = await at({
      getblockchaininfo: '{"chain":"main","blocks":"9","bestblockhash":"aa","initialblockdownload":false}',
      gettxout: '[]',
      sendrawtransaction: '5',
      testmempoolaccept: '{}',
      generatetoaddress: '0.5',
    });
    const calls: [Promise<unknown>, string][] = [
      [rpc.blockchainInfo(), 'a whole number blocks expected'],
      [rpc.txOut({ txid: TXID, vout: 0 }), 'an object expected'],
      [rpc.sendTransaction(''), 'a text expected'],
      [rpc.testAccept([]), 'a list expected'],
      [rpc.generate(1, ''), 'a list expected'],
    ];
    for (const [call, words] of calls)
      await expect(call).rejects.toMatchObject({ code: 'chain-unavailable', message: expect.stringContaining(words) });
  });

  it.each(['null', '7', '"text"', '0.5', 'true'])('refuse the answer %s where fields are expected', async (answer) => {
    const { rpc } = await at({ getblockchaininfo: answer });
    await expect(rpc.blockchainInfo()).rejects.toMatchObject({
      code: 'chain-unavailable',
      message: expect.stringContaining('an object expected'),
    });
  });
});

describe('a node that does not answer as it should', () => {
  it('has its own error passed on, with its number', async () => {
    const { rpc } = await at({
      sendrawtransaction: { error: { code: -26, message: 'min relay fee\u001b[2J not met\n' } },
    });
    const found = await rpc.sendTransaction('00').catch((error: unknown) => error);
    expect(found).toBeInstanceOf(RpcError);
    expect(found).toMatchObject({
      code: 'chain-unavailable',
      exit: 69,
      rpcCode: -26,
      message: 'sendrawtransaction: min relay fee [2J not met ',
    });
  });

  it.each([
    ['no JSON', { status: 503, body: 'Work queue depth exceeded' }, '(status 503): Work queue depth exceeded'],
    ['nothing', { status: 500, body: '' }, 'empty'],
    ['a page', { status: 200, body: `<html>${'x'.repeat(5000)}</html>` }, '<html>'],
    ['a list', { status: 200, body: '[]' }, 'no JSON-RPC'],
    ['null', { status: 200, body: 'null' }, 'no JSON-RPC'],
    ['a number', { status: 200, body: '7' }, 'no JSON-RPC'],
    ['a text', { status: 200, body: '"up"' }, 'no JSON-RPC'],
    ['a decimal', { status: 200, body: '7.5' }, 'without a result'],
    ['no result', { status: 200, body: '{"id":1}' }, 'without a result'],
    ['a redirect', { status: 302, body: '' }, 'getblockchaininfo'],
    ['forbidden', { status: 403, body: '' }, 'refuses this machine'],
  ])('is unavailable where it answers %s', async (_, answer, message) => {
    const { rpc } = await at({ getblockchaininfo: answer });
    const found = (await rpc.blockchainInfo().catch((error: unknown) => error)) as Error;
    expect(found).toMatchObject({ code: 'chain-unavailable', message: expect.stringContaining(message) });
    expect(found.message.length).toBeLessThan(320);
  });

  it.each([299, 300, 301, 400])('says %i characters of it, up to 300', async (length) => {
    const message = 'x'.repeat(length - 'ping: '.length);
    const { rpc } = await at({ ping: { error: { code: -1, message } } });
    const found = (await rpc.call('ping').catch((error: unknown) => error)) as Error;
    const whole = `ping: ${message}`;
    expect(found.message).toBe(length > 300 ? `${whole.slice(0, 300)}…` : whole);
  });

  it('has its time limit named where it answers nothing in time', async () => {
    const { rpc } = await at({ getblockchaininfo: 'never' }, 100);
    await expect(rpc.blockchainInfo()).rejects.toMatchObject({
      code: 'chain-unavailable',
      message: expect.stringContaining('within 0.1 s'),
    });
  });

  it('has its address named where nobody is there', async () => {
    const rpc = new Rpc({ url: 'http://127.0.0.1:9' });
    await expect(rpc.blockchainInfo()).rejects.toMatchObject({
      code: 'chain-unavailable',
      message: expect.stringMatching(/127\.0\.0\.1:9/),
    });
  });
});

describe('the password', () => {
  it('is decoded, sent, and in no error', async () => {
    const leak = `you sent ${PASSWORD}, user:${PASSWORD}, ${Buffer.from(`user:${PASSWORD}`).toString('base64')}, ${encodeURIComponent(PASSWORD)}`;
    const node = await fakeNode({
      ok: 'true',
      error: { error: { code: -1, message: leak } },
      plain: { status: 500, body: leak },
      cut: { status: 500, body: 'x'.repeat(300 - 40) + leak },
      slow: 'never',
    });
    const wrong = await fakeNode({}, 'another');
    const rpc = new Rpc({ url: node.url, timeoutMs: 100 });
    expect(await rpc.call('ok')).toBe(true);
    const errors = await Promise.all(
      [
        ...['error', 'plain', 'cut', 'slow'].map((method) => rpc.call(method)),
        new Rpc({ url: wrong.url }).call('ok'),
        new Rpc({ url: node.url.replace(/:\d+$/, ':9') }).call('ok'),
      ].map((call) =>
        call.then(
          () => expect.unreachable(),
          (error: unknown) => error as Error,
        ),
      ),
    );
    const shown = [
      ...errors.map((error) => inspect(error, { depth: 9, showHidden: true })),
      inspect(rpc, { depth: 9 }),
      JSON.stringify(rpc),
    ].join('\n');
    expect(shown).not.toContain('p@ss');
    expect(shown).not.toContain('p%40ss');
    expect(shown).not.toContain(Buffer.from(`user:${PASSWORD}`).toString('base64').slice(0, 12));
    expect(errors[4]).toMatchObject({
      code: 'chain-unavailable',
      message: expect.stringContaining('(401)'),
      hint: expect.stringContaining('--chain-cookie'),
    });
  });

  it.each([
    '',
    'localhost:8332',
    'https://user:p@ss@h',
    'ftp://user:p@ss@h',
    'http://user:p@ss%zz@h:1',
    'http://user:p@ss@h:99999',
  ])('%j is no address', (url) => {
    const found = (() => {
      try {
        return new Rpc({ url });
      } catch (error) {
        return error as Error;
      }
    })();
    expect(found).toMatchObject({ code: 'usage' });
    expect(inspect(found)).not.toContain('p@ss');
  });

  it('may come from a cookie file, read anew when the node has another', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'spillway-cookie-'));
    try {
      const node = await fakeNode({ ok: 'true' });
      const cookie = join(dir, '.cookie');
      const rpc = new Rpc({ url: `http://127.0.0.1:${node.port}`, cookie });
      await expect(rpc.call('ok')).rejects.toMatchObject({ code: 'no-input', exit: 66 });
      writeFileSync(cookie, 'user:old');
      await expect(rpc.call('ok')).rejects.toMatchObject({ code: 'chain-unavailable' });
      writeFileSync(cookie, `user:${PASSWORD}\n`);
      expect(await rpc.call('ok')).toBe(true);
      expect(() => new Rpc({ url: node.url, cookie })).toThrow(expect.objectContaining({ code: 'usage' }));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('calls of one moment', () => {
  const coins = ['"a"', '"b"', 'null', '"d"'];
  const answers: Answers = {
    get: ([n]) => (n === 1 ? { error: { code: -5, message: 'not found' } } : coins[Number(n)]!),
    odd: { status: 200, body: '' },
    slow: 'never',
  };
  const all = (rpc: Rpc, ...methods: string[]) =>
    Promise.allSettled(methods.map((method, n) => rpc.call(method, n))).then((said) =>
      said.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as RpcError))),
    );

  it('go in one request, and each has its own answer or error', async () => {
    const { rpc, requests, asked } = await at(answers);
    const many = rpc.together();
    const [a, b, c, d] = await all(many, 'get', 'get', 'get', 'get');
    expect([a, c, d]).toEqual(['a', null, 'd']);
    expect(b).toMatchObject({ rpcCode: -5, message: 'get: not found' });
    expect(requests).toEqual([4]);
    expect(await many.call('get', 3)).toBe('d');
    await all(rpc, 'get', 'get');
    expect(requests).toEqual([4, 1, 1, 1]);
    expect(asked[0]).toEqual({ method: 'get', params: [0] });
    requests.length = 0;
    await Promise.all(Array.from({ length: 401 }, () => many.call('get', 0)));
    expect(requests).toEqual([200, 200, 1]);
  });

  it('are made one by one where they have no answer together', async () => {
    const { rpc, requests } = await at(answers);
    const [a, b, c] = await all(rpc.together(), 'get', 'odd', 'get');
    expect([a, c]).toEqual(['a', null]);
    expect(b).toMatchObject({ code: 'chain-unavailable' });
    expect(requests).toEqual([3, 1, 1, 1]);
  });

  it('have their answers by number, in whichever order they come, and those that have none are made again', async () => {
    const numbers: number[] = [];
    const server = createHttp(async (request, response) => {
      const read = JSON.parse(await text(request)) as
        { id: number; params: number[] } | { id: number; params: number[] }[];
      numbers.push([read].flat().length);
      const said = [read].flat().map(({ id, params }) => ({ id, result: params[0], error: null }));
      response.end(JSON.stringify(Array.isArray(read) ? [null, ...said.slice(1).reverse(), { id: 'x' }] : said[0]));
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    onTestFinished(() => (server.closeAllConnections(), void server.close()));
    const { port } = server.address() as AddressInfo;
    const rpc = new Rpc({ url: `http://127.0.0.1:${port}` }).together();
    expect(await all(rpc, 'm', 'm', 'm')).toEqual([0, 1, 2]);
    expect(numbers).toEqual([3, 1]);
    // One alone is no list.
    expect(await rpc.call('m', 7)).toBe(7);
    expect(numbers).toEqual([3, 1, 1]);
  });

  it('all fail, and are not made one by one, where the node is away, refuses the login or takes too long', async () => {
    const { rpc, requests } = await at(answers, 100);
    for (const one of await all(rpc.together(), 'get', 'slow', 'get'))
      expect(one).toMatchObject({ code: 'chain-unavailable', message: expect.stringContaining('within 0.1 s') });
    expect(requests).toEqual([3]);
    const wrong = await fakeNode(answers, 'another');
    for (const one of await all(new Rpc({ url: wrong.url }).together(), 'get', 'get'))
      expect(one).toMatchObject({
        message: expect.stringContaining('(401)'),
        hint: expect.stringContaining('--chain-cookie'),
      });
    expect(wrong.requests).toEqual([2]);
    for (const one of await all(new Rpc({ url: 'http://127.0.0.1:1' }).together(), 'get', 'get'))
      expect(one).toMatchObject({ code: 'chain-unavailable' });
    const cookie = join(tmpdir(), 'no-such-cookie');
    for (const one of await all(new Rpc({ url: 'http://127.0.0.1:1', cookie }).together(), 'get', 'get'))
      expect(one).toMatchObject({ code: 'no-input' });
  });

  it('made one by one end with the first that shows the node away', async () => {
    const { rpc, requests } = await at(
      { ...answers, slow: () => (requests.length > 1 ? 'never' : { status: 200, body: '' }) },
      100,
    );
    const [a, b, c] = await all(rpc.together(), 'get', 'slow', 'get');
    expect(a).toBe('a');
    for (const one of [b, c]) expect(one).toMatchObject({ message: expect.stringContaining('within 0.1 s') });
    expect(requests).toEqual([3, 1, 1]);
  });
});

describe('a connection that the node has closed', () => {
  /** Closes the first so many connections when a call comes; what came, by connection. */
  async function closing(first: number) {
    const came: number[] = [];
    const server = createServer((socket) => {
      const n = came.push(0) - 1;
      socket.on('data', () => {
        came[n]! += 1;
        const body = '{"result":[],"error":null,"id":1}';
        if (n < first) socket.destroy();
        else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      });
      socket.on('error', () => {});
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    return { came, rpc: new Rpc({ url: `http://127.0.0.1:${port}` }) };
  }

  it('is no fault of the call: it is made once more, on a fresh one', async () => {
    const { came, rpc } = await closing(1);
    expect(await rpc.call('getpeerinfo')).toEqual([]);
    expect(came).toEqual([1, 1]);
  });

  it('again and again is a node that is away', async () => {
    const { came, rpc } = await closing(9);
    await expect(rpc.call('getpeerinfo')).rejects.toMatchObject({ code: 'chain-unavailable' });
    expect(came).toEqual([1, 1]);
  });

  it('again and again on calls of one moment: they are not made one by one', async () => {
    const { came, rpc } = await closing(99);
    const many = rpc.together();
    for (const said of await Promise.allSettled([many.call('getpeerinfo'), many.call('getnetworkinfo')]))
      expect(said).toMatchObject({ reason: { code: 'chain-unavailable' } });
    expect(came).toEqual([1, 1]);
  });

  it('is not asked twice for what counts twice', async () => {
    const { came, rpc } = await closing(9);
    await expect(rpc.generate(1, 'bcrt1')).rejects.toMatchObject({ code: 'chain-unavailable' });
    expect(came).toEqual([1]);
  });
});
