/** What the paths of a server refuse by headers, peer and moment, without a socket: the desk and the figures are not asked. */
import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { messagePath, metricsPath } from '../../src/lib/serve/http-paths.ts';
import { METRICS_TYPE, type Metrics } from '../../src/lib/serve/metrics.ts';

type Headers = Record<string, string>;

describe('a message', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  function asked(headers: Headers, { stopping = false, timeoutMs = 10_000 } = {}) {
    const desk = vi.fn(async (text: string) => `{"took":${text}}`);
    const body = Object.assign(new PassThrough(), { headers });
    const path = messagePath({ desk, queue: 2, timeoutMs });
    return { desk, body, answered: path.answer(body as unknown as IncomingMessage, () => stopping) };
  }

  it.each<[string, Headers, string]>([
    ['of a web page', { ...JSON_TYPE, origin: 'https://evil.example' }, 'from-browser'],
    ['of a page without an origin', { ...JSON_TYPE, origin: 'null' }, 'from-browser'],
    ['of no type', {}, 'wrong-content-type'],
    ['of a form', { 'content-type': 'text/plain' }, 'wrong-content-type'],
    ['of a type that begins like JSON', { 'content-type': 'application/jsonp' }, 'wrong-content-type'],
    ['in another encoding', { 'content-type': 'application/json; charset=utf-16' }, 'wrong-content-type'],
    ['that is compressed', { ...JSON_TYPE, 'content-encoding': 'gzip' }, 'wrong-content-type'],
  ])('%s is read to its end, and refused', async (_, headers, code) => {
    const { desk, body, answered } = asked(headers);
    body.write('[1');
    body.end(']');
    await expect(answered).rejects.toMatchObject({ code });
    expect(body.readableEnded).toBe(true);
    expect(desk).not.toHaveBeenCalled();
  });

  it.each<[string, Headers]>([
    ['JSON', JSON_TYPE],
    ['JSON in UTF-8', { 'content-type': 'Application/JSON; charset="UTF-8"' }],
    ['JSON that says that it is not compressed', { ...JSON_TYPE, 'content-encoding': 'identity' }],
  ])('of %s is taken', async (_, headers) => {
    const { body, answered } = asked(headers);
    body.end('[1]');
    expect(await answered).toBe('{"took":[1]}');
  });

  it('that has arrived only once the server stops is not begun', async () => {
    const { desk, body, answered } = asked(JSON_TYPE, { stopping: true });
    body.end('[1]');
    await expect(answered).rejects.toMatchObject({ code: 'stopping' });
    expect(desk).not.toHaveBeenCalled();
  });

  it.each<[string, (body: PassThrough) => unknown, string]>([
    ['stays away', () => {}, 'too-slow'],
    ['breaks off', (body) => body.destroy(new Error('aborted')), 'malformed'],
  ])('whose end %s is refused', async (_, then, code) => {
    const { desk, body, answered } = asked(JSON_TYPE, { timeoutMs: 30 });
    body.write('[1');
    then(body);
    await expect(answered).rejects.toMatchObject({ code });
    expect(desk).not.toHaveBeenCalled();
  });
});

describe('figures on the port of messages', () => {
  const scrape = vi.fn(async () => 'figures');
  const HERE = { address: '127.0.0.1', headers: { host: 'localhost:9000' } as Headers, version: '1.1' };
  const asked = (change: Partial<typeof HERE>, local = true) => {
    const { address, headers, version } = { ...HERE, ...change };
    const request = { socket: { remoteAddress: address }, headers, httpVersion: version };
    return metricsPath({ scrape } as unknown as Metrics, local).answer(
      request as unknown as IncomingMessage,
      () => false,
    );
  };

  it.each<[string, Partial<typeof HERE>, string]>([
    ['another machine', { address: '192.0.2.7' }, 'not-local'],
    ['a page that has bound its name to this machine', { headers: { host: 'evil.example' } }, 'not-local'],
    ['a client that names nobody', { headers: {} }, 'not-local'],
    ['a proxy by its header', { headers: { ...HERE.headers, via: '1.1 proxy' } }, 'not-local'],
    ['a proxy by the address of its client', { headers: { ...HERE.headers, 'x-forwarded-for': '::1' } }, 'not-local'],
    ['a proxy by its version', { version: '1.0' }, 'not-local'],
    ['a web page', { headers: { ...HERE.headers, origin: 'null' } }, 'from-browser'],
  ])('are not told to %s', async (_, change, code) => {
    scrape.mockClear();
    await expect(asked(change)).rejects.toMatchObject({ code });
    expect(scrape).not.toHaveBeenCalled();
  });

  it.each<[string, Partial<typeof HERE>, boolean]>([
    ['this machine', {}, true],
    ['this machine by its other addresses', { address: '::ffff:127.0.0.1', headers: { host: '[::1]:9000' } }, true],
    ['whoever reaches a port of their own', { address: '192.0.2.7', headers: { host: 'mint.example' } }, false],
  ])('are told to %s', async (_, change, local) => {
    expect(await asked(change, local)).toEqual({ type: METRICS_TYPE, text: 'figures' });
  });

  it('are told to no web page on a port of their own either', async () => {
    scrape.mockClear();
    await expect(asked({ headers: { origin: 'http://localhost' } }, false)).rejects.toMatchObject({
      code: 'from-browser',
    });
    expect(scrape).not.toHaveBeenCalled();
  });
});
