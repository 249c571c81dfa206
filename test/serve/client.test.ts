/** Whose address a request has: each rule by a table, and then over sockets, up to the desk. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { budgetOf, clientOf, proxiesIn, readSubnet, type IsProxy } from '../../src/lib/serve/client.ts';
import { httpListener } from '../../src/lib/serve/http.ts';
import { messagePath } from '../../src/lib/serve/http-paths.ts';
import type { Listener } from '../../src/lib/serve/listener.ts';

const named = (...texts: string[]): IsProxy => proxiesIn(texts.map((text) => readSubnet(text)!));
const PROXIES = named('10.0.0.1', '10.9.0.0/16', '2001:db8:ff::/48');
const PROXY = '10.0.0.1';

describe('the client of a request', () => {
  it.each<[string, string | undefined, string | undefined, string]>([
    ['that no proxy brought', '192.0.2.7', undefined, '192.0.2.7'],
    ['that no proxy brought, whatever it says', '192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['that a neighbour of the proxy brought', '10.0.0.2', '198.51.100.1', '10.0.0.2'],
    ['that a proxy brought', PROXY, '198.51.100.1', '198.51.100.1'],
    ['that a proxy brought over IPv6', '2001:db8:ff::9', '198.51.100.1', '198.51.100.1'],
    ['that a proxy brought to a socket of both families', '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['that says more in front', PROXY, '203.0.113.5, 198.51.100.1', '198.51.100.1'],
    ['that names a proxy in front', PROXY, '10.9.0.1, 198.51.100.1', '198.51.100.1'],
    ['that two proxies brought', PROXY, '203.0.113.5, 198.51.100.1, 10.9.255.255', '198.51.100.1'],
    ['that three proxies brought', PROXY, '198.51.100.1,2001:db8:ff:1::2,::ffff:10.9.0.1', '198.51.100.1'],
    ['that what is no proxy brought to one', PROXY, '198.51.100.1, 10.8.255.255', '10.8.255.255'],
    ['of a customer with IPv6', PROXY, '2001:DB8:0:0:0::1', '2001:db8::1'],
    ['of a customer with IPv4, written as IPv6', PROXY, '::FFFF:c633:6401', '198.51.100.1'],
    ['with its port', PROXY, '198.51.100.1:40001', '198.51.100.1'],
    ['in brackets', PROXY, '[2001:db8::1]', '2001:db8::1'],
    ['in brackets, with its port', PROXY, '[2001:db8::1]:443', '2001:db8::1'],
    ['on the same link', 'fe80::1%eth0', undefined, 'fe80::1'],
    ['that is gone', undefined, '198.51.100.1', 'gone'],
  ])('%s', (_, remote, forwarded, client) => {
    expect(clientOf(remote, forwarded, PROXIES)).toBe(client);
  });

  it.each([
    ['nothing', undefined],
    ['an empty word', ''],
    ['proxies alone', '10.9.0.1, 10.0.0.1'],
    ['no address', 'unknown'],
    ['a name that hides', '_hidden'],
    ['no address behind one', '198.51.100.1, unknown'],
    ['an empty word behind one', '198.51.100.1, '],
    ['no address between it and a proxy', '198.51.100.1, unknown, 10.9.0.1'],
    ['half an address', '198.51.100'],
    ['an address that is none', '198.51.100.256'],
    ['an address with a port that is none', '198.51.100.1:123456'],
    ['brackets that do not close', '[2001:db8::1'],
    ['brackets around nothing', '[]'],
    ['something behind brackets', '[2001:db8::1]x'],
    ['IPv6 with a port and no brackets', '2001:db8:1:2:3:4:5:6:443'],
    ['a network', '198.51.100.0/24'],
    ['what Forwarded says', 'for=198.51.100.1;proto=https'],
    ['10 kB of commas', ','.repeat(10_000)],
    ['10 kB of digits', '1'.repeat(10_000)],
  ])('is the proxy, where it says %s', (_, forwarded) => {
    expect(clientOf(PROXY, forwarded, PROXIES)).toBe(PROXY);
  });

  it('is said by the last of many headers', () => {
    expect(clientOf(PROXY, ['203.0.113.5', '203.0.113.6, 198.51.100.1'], PROXIES)).toBe('198.51.100.1');
  });

  it('is found in any text', () => {
    const word = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constantFrom('[', ']', ':', '%', '::ffff:', PROXY));
    fc.assert(
      fc.property(fc.array(word).map(String), word, (forwarded, remote) => {
        for (const peer of [PROXY, remote]) budgetOf(clientOf(peer, forwarded, PROXIES));
      }),
    );
  });
});

describe('a named proxy', () => {
  it.each<[string, string, string]>([
    ['192.0.2.1', '192.0.2.1', '192.0.2.2'],
    ['192.0.2.1/32', '192.0.2.1', '192.0.2.0'],
    ['192.0.2.130/25', '192.0.2.255', '192.0.2.127'],
    ['::ffff:192.0.2.0/120', '192.0.2.255', '192.0.3.0'],
    ['2001:db8::1', '2001:db8::1', '2001:db8::2'],
    ['2001:DB8::/127', '2001:db8::1', '2001:db8::2'],
    ['0.0.0.0/0', '192.0.2.1', '2001:db8::1'],
    ['::1/128', '::1', '127.0.0.1'],
  ])('%s has %s and not %s', (text, inside, outside) => {
    const isProxy = named('203.0.113.1', text);
    expect([isProxy(inside), isProxy(outside)]).toEqual([true, false]);
  });

  it('is none where none is named', () => expect(named()('127.0.0.1')).toBe(false));

  it.each([
    '',
    '/8',
    'localhost',
    '10.0.0.1/33',
    '10.0.0.1/',
    '10.0.0.1/-1',
    '10.0.0.1/8/8',
    '10.0.0',
    '::1/129',
    '[::1]',
    '10.0.0.1:80',
    'fe80::1%lo',
    ' 10.0.0.1',
  ])('is not %j', (text) => expect(readSubnet(text)).toBe(undefined));
});

describe('a budget', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['gone', 'gone'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::3:4:5:6', '2001:db8:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['1::2:3:4:5:6', '1:0:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['::192.0.2.7', '0:0:0:0::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ])('of %s is that of %s', (client, budget) => expect(budgetOf(client)).toBe(budget));
});

describe('over a socket', () => {
  const running: Listener[] = [];
  afterEach(() => running.splice(0).forEach((listener) => listener.stop()));

  /** From whom the desk hears a message that comes with such headers. */
  async function heard(isProxy: IsProxy, headers: readonly string[]): Promise<string | undefined> {
    const from: (string | undefined)[] = [];
    const desk = async (_text: string, _way: string, client?: string) => (from.push(client), '{}');
    const paths = { '/': messagePath({ desk, queue: 1, timeoutMs: 10_000 }) };
    const bounds = { connections: 1, queue: 1, timeoutMs: 10_000 };
    const address = { name: 'http', host: '127.0.0.1', port: 0 };
    const listener = await httpListener({ ...address, ...bounds, paths, isProxy, advice: '', log: () => {} });
    running.push(listener);
    const socket = connect(Number(new URL(String(listener.said['http'])).port), '127.0.0.1');
    const head = ['POST / HTTP/1.1', 'host: a', 'connection: close', 'content-type: application/json', ...headers];
    socket.write(`${head.join('\r\n')}\r\ncontent-length: 2\r\n\r\n[]`);
    for await (const _ of socket);
    expect(from).toHaveLength(1);
    return from[0];
  }

  it.each<[string, IsProxy, string[], string]>([
    ['its own', named(), ['x-forwarded-for: 198.51.100.1', 'forwarded: for=198.51.100.1'], '127.0.0.1'],
    ['the one that the proxy says', named('127.0.0.0/8'), ['x-forwarded-for: 198.51.100.1'], '198.51.100.1'],
    [
      'the last that the proxy says, of many',
      named('127.0.0.1'),
      Array.from({ length: 90 }, (_, i) => `X-Forwarded-For: 198.51.100.${i}`),
      '198.51.100.89',
    ],
    ['the proxy’s, which says another header', named('127.0.0.1'), ['forwarded: for=198.51.100.1'], '127.0.0.1'],
  ])('the desk hears %s', async (_, isProxy, headers, client) => {
    expect(await heard(isProxy, headers)).toBe(client);
  });
});
