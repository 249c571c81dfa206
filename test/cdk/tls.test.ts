/** The listener of the payment backend: mutual TLS, bounded messages, callers that it turns away, a stop that ends. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { connect as secure } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { listen, type Handlers, type ListenOptions, type CdkLog } from '../../src/lib/cdk/listen.ts';
import { TestMint } from '../support/mint.ts';
import { until } from '../support/mint-home.ts';

let dir: string;
const at = (name: string): string => join(dir, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-batch'];

/** Names in certificates that say more than whose they are. */
const NAMES: Readonly<Record<string, string>> = { wild: '*.mint.example' };

/** An authority, and what it has signed. */
function authority(ca: string, ...names: string[]): void {
  openssl('req', '-x509', ...KEY, '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-days', '30', '-subj', `/CN=${ca}`);
  for (const name of names) {
    const subject = [
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:${NAMES[name] ?? `${name}.example`}`,
    ];
    openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, ...subject);
    const signed = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-copy_extensions', 'copy'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`, '-days', '30');
  }
}
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-tls-'));
  authority('ca', 'server', 'client', 'till', 'wild');
  authority('other', 'stranger');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const log: Parameters<CdkLog>[0][] = [];
const asked = vi.fn(async () => ({ unit: 'sat', custom: { credit: '{}' } }));
const handlers = { GetSettings: asked } as unknown as Handlers;
let server: Awaited<ReturnType<typeof listen>> | undefined;
const mints: TestMint[] = [];
afterEach(async () => {
  await Promise.all(mints.splice(0).map((mint) => mint.stop()));
  await server?.stop();
  server = undefined;
  log.length = 0;
  asked.mockClear();
});
async function start(change: Partial<ListenOptions> = {}): Promise<string> {
  server = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tlsDir: dir,
    client: 'client',
    network: 'mainnet',
    handlers,
    events: async () => () => {},
    log: (entry) => void log.push(entry),
    ...change,
  });
  return server.address;
}
function caller(address: string, ca = 'ca', name?: string): Promise<void> {
  const mint = new TestMint();
  mints.push(mint);
  const read = (file: string) => readFileSync(at(file));
  const own = name === undefined ? [] : ([read(`${name}.key`), read(`${name}.pem`)] as const);
  return mint.connect(address.replace('127.0.0.1', 'localhost'), credentials.createSsl(read(`${ca}.pem`), ...own));
}

describe('mutual TLS', () => {
  it.each(['client', 'client.example', 'CLIENT.example'])(
    'the mint is let in by its certificate, by the name %s',
    async (client) => {
      await caller(await start({ client }), 'ca', 'client');
      expect(log).toEqual([]);
    },
  );

  it('the mint is let in again by a session that it takes up', async () => {
    const port = Number((await start()).split(':')[1]);
    const [ca, key, cert] = ['ca.pem', 'client.key', 'client.pem'].map((name) => readFileSync(at(name)));
    /** Says what HTTP/2 begins with; resolves with the session once that is answered. */
    const open = (session?: Buffer): Promise<{ session: Buffer | undefined; reused: boolean }> =>
      new Promise((done, fail) => {
        const own = { ca, key, cert, session };
        const socket = secure({ ...own, host: '127.0.0.1', port, servername: 'localhost', ALPNProtocols: ['h2'] });
        let taken: Buffer | undefined;
        let reused = false;
        socket.on('session', (found) => (taken = found)).on('error', fail);
        socket.on('close', () => done({ session: taken, reused }));
        socket.on('data', () => {
          reused = socket.isSessionReused();
          socket.destroy();
        });
        socket.write(
          Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('000000040000000000', 'hex')]),
        );
      });
    const { session } = await open();
    expect(session).toBeDefined();
    expect((await open(session)).reused).toBe(true);
    expect(log).toEqual([]);
  });

  it.each([
    ['a till of the same authority', 'till', 'client'],
    ['the certificate of this server', 'server', 'client'],
    ['a pattern that would fit', 'wild', 'a.mint.example'],
    ['a longer name', 'client', 'clien'],
  ])('%s is turned away before it can ask, and the log says so', async (_, name, client) => {
    const address = await start({ client });
    await expect(caller(address, 'ca', name)).rejects.toThrow();
    await until(() => log.some(({ code }) => code === 'wrong-certificate'), 'a line of the log');
    expect(log.map(({ message }) => message).join()).toContain(client);
    expect(asked).not.toHaveBeenCalled();
  });

  it.each([undefined, '', '.example'])('without the one name of the mint (%s) it does not start', async (client) => {
    await expect(start({ client })).rejects.toMatchObject({ code: 'usage' });
  });

  it.each([
    ['without a certificate', undefined],
    ['with a certificate of another authority', 'stranger'],
  ])('a caller %s is turned away, and the log says so', async (_, name) => {
    const address = await start();
    await expect(caller(address, 'ca', name)).rejects.toThrow();
    await until(() => log.some(({ code }) => code === 'wrong-certificate'), 'a line of the log');
  });

  it('a caller that trusts another authority does not speak to it', async () => {
    await expect(caller(await start(), 'other', 'client')).rejects.toThrow();
  });

  it('a caller that says nothing is cut off', async () => {
    const address = await start();
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    socket.on('error', () => {});
    const closed = new Promise((done) => socket.on('close', done));
    await closed;
    expect(log.map(({ code }) => code)).toContain('wrong-certificate');
  });
});

describe('plaintext, on regtest and loopback', () => {
  const plain = { tlsDir: undefined, insecure: true, network: 'regtest' };

  it('a message that is too long is refused', async () => {
    const address = await start(plain);
    const mint = new TestMint();
    mints.push(mint);
    await mint.connect(address);
    await expect(
      mint.call('GetPaymentQuote', { request: 'x'.repeat(100_000), unit: 'sat', quoteId: 'm' }),
    ).rejects.toThrow(/larger than max/);
    await mint.call('GetSettings', {});
  });

  it('what a handler does not expect is told by its code, and no more', async () => {
    const address = await start({
      ...plain,
      handlers: {
        ...handlers,
        MakePayment: async () => {
          throw new TypeError('oops');
        },
      },
    });
    const mint = new TestMint();
    mints.push(mint);
    await mint.connect(address);
    await expect(mint.call('MakePayment', {})).rejects.toThrow('bug: ');
    expect(log.map(({ code }) => code)).toEqual(['bug']);
  });

  it('a stop ends connections that stay open', async () => {
    const address = await start(plain);
    const mint = new TestMint();
    mints.push(mint);
    await mint.connect(address);
    await server!.stop();
    server = undefined;
  });

  it('--cdk-tls-dir and --cdk-insecure together are refused', async () => {
    await expect(start({ insecure: true, network: 'regtest' })).rejects.toMatchObject({ code: 'usage' });
  });
});
