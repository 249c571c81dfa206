/** What the paths of a server refuse by headers, peer and moment, without a socket: the desk and the figures are not asked. */
import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import type { Desk } from '../../src/lib/serve/desk.ts';
import { messagePath, metricsPath } from '../../src/lib/serve/http-paths.ts';
import { METRICS_TYPE, type Metrics } from '../../src/lib/serve/metrics.ts';

type Headers = Record<string, string>;

describe('a message', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  function asked(headers: Headers, { stopping = false, timeoutMs = 10_000 } = {}) {
    const desk = vi.fn<Desk>(async (text) => `{"took":${text}}`);
    const body = Object.assign(new PassThrough(), { headers });
    const path = messagePath({ desk, queue: 2, timeoutMs });
    return { desk, body, answered: path.answer(body as unknown as IncomingMessage, () => stopping, '192.0.2.7') };
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
    const { desk, body, answered } = asked(headers);
    body.end('[1]');
    expect(await answered).toBe('{"took":[1]}');
    expect(desk.mock.calls).toEqual([['[1]', 'http', '192.0.2.7']]);
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

describe('figures', () => {
  const scrape = vi.fn(async () => 'figures');
  const TOKEN = 'correct-horse';
  const asked = (headers: Headers, token: string | undefined = TOKEN) => {
    const request = { socket: { remoteAddress: '127.0.0.1' }, headers: { host: 'localhost:9000', ...headers } };
    return metricsPath({ scrape } as unknown as Metrics, token).answer(
      request as unknown as IncomingMessage,
      () => false,
      '127.0.0.1',
    );
  };

  it.each<[string, Headers, string]>([
    ['this machine, or a forwarder on it, without the token', {}, 'wrong-token'],
    ['another token', { authorization: 'Bearer correct-hors' }, 'wrong-token'],
    ['a longer token', { authorization: 'Bearer correct-horse1' }, 'wrong-token'],
    ['two tokens', { authorization: `Bearer ${TOKEN} ${TOKEN}` }, 'wrong-token'],
    ['a token by another scheme', { authorization: `Basic ${TOKEN}` }, 'wrong-token'],
    ['no token', { authorization: 'Bearer ' }, 'wrong-token'],
    ['a web page that has it', { authorization: `Bearer ${TOKEN}`, origin: 'null' }, 'from-browser'],
  ])('are not told to %s', async (_, headers, code) => {
    scrape.mockClear();
    await expect(asked(headers)).rejects.toMatchObject({ code });
    expect(scrape).not.toHaveBeenCalled();
  });

  it('are told to whoever shows the token', async () => {
    for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN}`])
      expect(await asked({ authorization })).toEqual({ type: METRICS_TYPE, text: 'figures' });
  });

  it('are told to nobody on the port of messages where no token was given, whatever is shown', async () => {
    scrape.mockClear();
    const path = metricsPath({ scrape } as unknown as Metrics, undefined);
    for (const authorization of [undefined, 'Bearer undefined', 'Bearer none', 'Bearer '])
      await expect(
        path.answer({ headers: { authorization } } as unknown as IncomingMessage, () => false, '127.0.0.1'),
      ).rejects.toMatchObject({ code: 'wrong-token' });
    expect(scrape).not.toHaveBeenCalled();
  });

  it('are told to whoever reaches a port of their own, but no web page', async () => {
    const path = metricsPath({ scrape } as unknown as Metrics, 'none');
    const of = (headers: Headers) => path.answer({ headers } as unknown as IncomingMessage, () => false, '192.0.2.7');
    expect(await of({})).toEqual({ type: METRICS_TYPE, text: 'figures' });
    await expect(of({ origin: 'http://localhost' })).rejects.toMatchObject({ code: 'from-browser' });
  });
});
