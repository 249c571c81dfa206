/**
 * A hostile mint, and a stranger who names one: addresses of this machine and its network, by every way that leads there;
 * redirects, names whose answers change, answers without an end or that come a byte at a time.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Mint } from '@cashu/cashu-ts';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isPublic, askMint, type Lookup } from '../../src/lib/cashu/ask.ts';
import { mintQuote } from '../../src/lib/cashu/quotes.ts';
import { requestTo, WALLET_LIMITS, withMintErrors } from '../../src/lib/cashu/wallet.ts';
import { at } from '../support/mint.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
async function serves(answer: RequestListener): Promise<{ url: string; port: number; seen: () => number }> {
  let connections = 0;
  const server = createServer(answer).on('connection', () => (connections += 1));
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen: () => connections };
}
const CALL = { limit: { most: 1_000 }, timeoutMs: 2_000 };
const stranger = (url: string) => ({ url, named: false });
const found = (...lists: string[][]) => {
  const answers = lists.values();
  return vi.fn<Lookup>((_, __, done) =>
    done(
      null,
      answers.next().value!.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    ),
  );
};

describe('an address', () => {
  it.each([
    '8.8.8.8',
    '100.63.255.255',
    '172.32.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ])('that everybody reaches is %s', (address) => expect(isPublic(address)).toBe(true));

  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    'fc00::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '2001:0:1::',
    '2001:db8::1',
    '2002:7f00:1::',
    'mint.example',
  ])('that is private or none is %s', (address) => expect(isPublic(address)).toBe(false));
});

describe('a mint that a contract names, and nobody here', () => {
  it.each([
    ['127.0.0.1'],
    ['[::1]'],
    ['[::ffff:127.0.0.1]'],
    ['127.1'],
    ['2130706433'],
    ['0x7f.0.0.1'],
    ['0'],
    ['localhost'],
  ])('is not asked at %s: no connection is made', async (host) => {
    const { port, seen } = await serves((_, response) => response.end('{}'));
    await expect(mintQuote(stranger(`http://${host}:${port}`), 'q')).rejects.toMatchObject({ code: 'mint-private' });
    expect(seen()).toBe(0);
  });

  it('is not asked where one of its addresses is private, nor told which', async () => {
    const { port, seen } = await serves((_, response) => response.end('{}'));
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::ffff:7f00:1']]) {
      const refused = askMint(stranger(`http://mint.example:${port}`), '/v1/info', CALL, found(addresses));
      await expect(refused).rejects.toMatchObject({ code: 'mint-private' });
      await expect(refused).rejects.not.toThrow(/127|7f00/);
    }
    expect(seen()).toBe(0);
  });

  it('is looked up once, and connected to there: what its name says a moment later counts for nothing', async () => {
    const { port, seen } = await serves((_, response) => response.end('{}'));
    // Whoever asks again hears of a port of this machine that nobody listens at.
    const turning = found(['127.0.0.1'], ['127.0.0.2']);
    expect(await askMint(at(`http://mint.example:${port}`), '', CALL, turning)).toMatchObject({ ok: true });
    expect([turning.mock.calls.length, seen()]).toEqual([1, 1]);
    const closed = found(['127.0.0.1'], ['8.8.8.8']);
    const refused = askMint(stranger(`http://mint.example:${port}`), '', CALL, closed);
    await expect(refused).rejects.toMatchObject({ code: 'mint-private' });
    expect([closed.mock.calls.length, seen()]).toEqual([1, 1]);
  });

  it('takes no connection that is kept open to a mint that was named', async () => {
    const { url, seen } = await serves((_, response) => response.end('{}'));
    await askMint(at(url), '/a', CALL);
    await askMint(at(url), '/b', CALL);
    expect(seen()).toBe(1);
    await expect(askMint(stranger(url), '/c', CALL)).rejects.toMatchObject({ code: 'mint-private' });
  });
});

describe('an answer', () => {
  it.each([
    [200, true],
    [299, true],
    [300, false],
  ])('of status %i is what was asked for: %s', async (status, ok) => {
    const { url } = await serves((_, response) => response.writeHead(status).end('{}'));
    expect(await askMint(at(url), '', CALL)).toEqual({ ok, status, text: '{}' });
  });

  it('that leads elsewhere is none', async () => {
    const inner = await serves((_, response) => response.end('{"secret":1}'));
    const { url } = await serves((_, response) =>
      response.writeHead(302, { location: `${inner.url}/latest/meta-data` }).end(),
    );
    await expect(mintQuote(at(url), 'q')).rejects.toMatchObject({ code: 'mint-unavailable', message: /status 302/ });
    expect(inner.seen()).toBe(0);
  });

  it('without an end is left at its limit', async () => {
    let gone = false;
    const { url } = await serves((_, response) => {
      response.on('close', () => (gone = true)).on('drain', () => response.write('x'.repeat(10_000)));
      response.write('x'.repeat(100_000));
    });
    await expect(askMint(at(url), '', CALL)).rejects.toMatchObject({ message: /more than 1000 bytes/ });
    await expect.poll(() => gone).toBe(true);
  });

  it.each([
    ['its bytes', true],
    ['its head', false],
  ])('that comes a byte at a time, %s, has as long as any other', async (_, head) => {
    const timers: NodeJS.Timeout[] = [];
    const { url } = await serves((request, response) => {
      if (head) response.flushHeaders();
      const drip = () => (head ? response.write(' ') : request.socket.write('HTTP/1.1 100 Continue\r\n\r\n'));
      timers.push(setInterval(drip, 10));
      request.on('close', () => timers.forEach(clearInterval));
    });
    await expect(askMint(at(url), '', { ...CALL, timeoutMs: 120 })).rejects.toMatchObject({
      code: 'mint-unavailable',
      message: /not within 0.12 s/,
    });
    timers.forEach(clearInterval);
  });

  it('that breaks off is none; on a connection that the mint had closed the call is made once more', async () => {
    let breaks = true;
    const { url, seen } = await serves((_, response) => {
      response.setHeader('content-length', 2).write('{');
      if (breaks) response.destroy();
      else response.end('}');
    });
    await expect(askMint(at(url), '', CALL)).rejects.toMatchObject({ code: 'mint-unavailable' });
    expect(seen()).toBe(1);
    breaks = false;
    expect(await askMint(at(url), '', CALL)).toMatchObject({ text: '{}' });
    servers[0]!.closeIdleConnections();
    expect(await askMint(at(url), '', CALL)).toMatchObject({ text: '{}' });
  });
});

describe('the library', () => {
  const made = async (url: string) => new Mint(url, { customRequest: await requestTo(at(url)) });

  it('reads an answer of a mint to its limit and no further', async () => {
    const { url } = await serves((_, response) => response.end(' '.repeat(WALLET_LIMITS.answer.most + 1)));
    const mint = await made(url);
    await expect(withMintErrors(url, () => mint.getKeys())).rejects.toMatchObject({
      code: 'mint-unavailable',
      message: /more than 4000000 bytes/,
    });
  });

  it('asks the mint that it was made for, and no server whose address only begins like its own', async () => {
    const { url, seen } = await serves((_, response) => response.end('{}'));
    const ask = await requestTo(at(url.slice(0, -1)));
    await expect(ask({ endpoint: `${url}/v1/keys` })).rejects.toMatchObject({ code: 'mint-unavailable' });
    expect(seen()).toBe(0);
  });

  it('asks no mint at a private address that nobody named, and follows nobody elsewhere', async () => {
    const { url, seen } = await serves((_, response) => response.writeHead(307, { location: '/v1/keys' }).end());
    const mint = new Mint(url, { customRequest: await requestTo(stranger(url)) });
    await expect(withMintErrors(url, () => mint.getKeys())).rejects.toMatchObject({ code: 'mint-private' });
    expect(seen()).toBe(0);
    await expect(made(url).then((m) => withMintErrors(url, () => m.getKeys()))).rejects.toMatchObject({
      code: 'mint-unavailable',
    });
    expect(seen()).toBe(1);
  });

  it.each<[string, number, string, string]>([
    ['refuses with its code is mint-refused', 400, '{"code":20001,"detail":"Quote not paid"}', 'mint-refused'],
    ['fails with a code in its answer is mint-unavailable', 500, '{"code":1,"detail":"x"}', 'mint-unavailable'],
    ['says nothing that is JSON is mint-unavailable', 200, '<html>', 'mint-unavailable'],
  ])('whose mint %s', async (_, status, text, code) => {
    const { url } = await serves((_, response) => response.writeHead(status).end(text));
    const mint = await made(url);
    await expect(withMintErrors(url, () => mint.getKeys())).rejects.toMatchObject({ code });
  });
});
