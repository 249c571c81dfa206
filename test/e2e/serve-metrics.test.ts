/**
 * `GET /metrics` of the built program, as Prometheus reads it: what was accepted and refused, also by workers and while
 * many scrape; who is told; a node and a store that go away; two servers on one store.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { PayeeCredit } from '../../src/lib/credit/records.ts';
import { deadlineHeight } from '../../src/lib/credit/checks.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { fakeNode, type Answers } from '../chain/node.ts';
import { freshDir } from '../cli/run.ts';
import { opened, type Pair } from '../support/credit.ts';
import { Scraped } from '../support/exposition.ts';
import { TestParty, type Message } from '../support/party.ts';
import { havePostgres, startPostgres } from '../support/postgres.ts';
import { servedPair } from '../support/served.ts';
import { Server } from '../support/server.ts';

const SEED = 272;
let both: Pair;
let id: string;
const {
  ends,
  env,
  serve: serveWith,
  signed,
} = servedPair(SEED, (pair, contract) => {
  [both, id] = [pair, contract];
});
const serve = (
  argv: readonly string[],
  more?: Record<string, string>,
  figures: readonly string[] = argv.includes('--metrics') ? [] : ['--metrics', '0'],
) => serveWith(['--http', '0', ...figures, ...argv], more);
const urlOf = (server: Server): string => `${(server.first['metrics'] as string | undefined) ?? server.url}/metrics`;
async function scrape(server: Server): Promise<Scraped> {
  const reply = await fetch(urlOf(server));
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return new Scraped(await reply.text());
}
const SIGNED = { type: 'sign-update', step: 'signed' };
const accepted = (found: Scraped): unknown => found.get('spillway_messages_total', { ...SIGNED, code: 'ok' });
/** Longer than one look answers for. */
const nextLook = (): Promise<void> => sleep(1_100);

describe.each([
  ['in one process', []],
  ['with two workers', ['--jobs', '2']],
] as const)('%s', (_, argv) => {
  it('counts what is accepted and refused, times it, and says how the home stands', async () => {
    const server = await serve(argv);
    const before = await scrape(server);
    const { paidSat, terms } = (await both.payee.record(id)) as PayeeCredit;
    expect([accepted(before), before.get('spillway_queue_seconds_count')]).toEqual([0, 0]);
    const on = (await signed()).message;
    for (let i = 0; i < 2; i++) expect((await server.post(on)).status).toBe(200);
    expect((await server.post({ ...on, amount_sat: 7 })).status).toBe(422);
    expect((await server.post(on, { origin: 'http://x' })).status).toBe(403);
    expect((await server.post('{')).status).toBe(400);
    expect((await server.fetch('/healthz')).status).toBe(200);
    await nextLook();
    const after = await scrape(server);
    const total = (type: string, step: string, code: string) =>
      after.get('spillway_messages_total', { type, step, code });
    expect(accepted(after)).toBe(2);
    expect(total('sign-update', 'signed', 'bad-seal')).toBe(1);
    expect([total('none', 'none', 'from-browser'), total('none', 'none', 'malformed-json')]).toEqual([1, 1]);
    expect(total('none', 'none', 'ok')).toBe(undefined);
    expect(after.get('spillway_signing_seconds_count', SIGNED)).toBe(2);
    expect(after.get('spillway_queue_seconds_count')).toBe(2);
    const seconds = after.get('spillway_signing_seconds_sum', SIGNED)!;
    expect(seconds).toBeGreaterThan(0.000_1);
    expect(seconds).toBeLessThan(60);
    expect(after.get('spillway_contracts', { role: 'payee', state: 'open' })).toBe(1);
    expect(after.get('spillway_holds_sats')).toBe(Number(paidSat) + 1_000);
    expect(after.get('spillway_next_deadline_blocks')).toBe(deadlineHeight(terms) - 1_000);
    expect([after.get('spillway_store_up'), after.get('spillway_chain_up')]).toEqual([1, 1]);
    expect(after.get('process_start_time_seconds')).toBeGreaterThan(1_500_000_000);
    expect(await server.stop()).toBe(0);
    expect(server.stderr).not.toContain('worker');
  });

  it('answers while fifty scrape at once, and misses nothing', async () => {
    const server = await serve(argv);
    const messages: Message[] = [];
    for (let i = 0; i < 5; i++) messages.push((await signed()).message);
    // Each takes up what the one before has left: the newest is the only one that still stands.
    const replies = [
      ...Array.from({ length: 50 }, () => scrape(server)),
      ...messages.map((on) => server.post(on).then(({ status }) => status)),
    ];
    const statuses = (await Promise.all(replies)).slice(50) as number[];
    const found = await scrape(server);
    const counts = found.families.get('spillway_messages_total')!.samples.filter(({ value }) => value > 0);
    expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(5);
    expect(accepted(found)).toBe(statuses.filter((status) => status === 200).length);
    expect(await server.stop()).toBe(0);
  });
});

it('counts nobody who hangs up without a word', async () => {
  const server = await serve([]);
  const { port } = new URL(server.url);
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }),
  );
  await server.fetch('/healthz');
  expect((await scrape(server)).get('spillway_messages_total', { type: 'none', step: 'none', code: 'malformed' })).toBe(
    undefined,
  );
});

describe('who is told', () => {
  const refused = async (server: Server, headers: Record<string, string>): Promise<unknown> => {
    const reply = await server.fetch('/metrics', { headers });
    return [reply.message['error']?.code, reply.status];
  };
  it('on the port of messages: nobody without a token, also through a forwarder that writes its own Host', async () => {
    const server = await serve(['--jobs', '1'], {}, []);
    const { port } = new URL(server.url);
    const raw = (...headers: string[]) =>
      server.raw(`GET /metrics HTTP/1.1\r\n${[...headers, 'connection: close'].join('\r\n')}\r\n\r\n`);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'mint.example'])
      expect(await raw(`host: ${host}`)).toMatch(/^HTTP\/1\.1 401 [^]*www-authenticate: Bearer[^]*"wrong-token"/);
    expect(await refused(server, { authorization: 'Bearer undefined' })).toEqual(['wrong-token', 401]);
    expect(await refused(server, { origin: 'null' })).toEqual(['from-browser', 403]);
  });

  it('with --metrics-token-file: whoever shows the token, on either port; never from a file that others may read', async () => {
    const file = join(freshDir(), 'token');
    writeFileSync(file, 'correct-horse\n', { mode: 0o600 });
    const with_ = { authorization: 'Bearer correct-horse' };
    for (const apart of [[], ['--metrics', '0']]) {
      const server = await serve(['--metrics-token-file', file], {}, apart);
      expect((await fetch(urlOf(server))).status).toBe(401);
      expect((await fetch(urlOf(server), { headers: { authorization: 'Bearer correct-horsf' } })).status).toBe(401);
      expect(await (await fetch(urlOf(server), { headers: with_ })).text()).toContain('\nspillway_store_up 1\n');
      expect(server.stderr).not.toContain('correct');
      expect(await server.stop()).toBe(0);
    }
    chmodSync(file, 0o640);
    await expect(serve(['--metrics-token-file', file])).rejects.toThrow('error[secret-exposed]');
  });

  it('as everywhere: HEAD without the text, no other method', async () => {
    const server = await serve([]);
    const head = await fetch(urlOf(server), { method: 'HEAD' });
    expect([head.status, await head.text(), Number(head.headers.get('content-length')) > 1_000]).toEqual([
      200,
      '',
      true,
    ]);
    const post = await fetch(urlOf(server), { method: 'POST', body: '{}' });
    const { error } = (await post.json()) as Message;
    expect([error.code, post.status, post.headers.get('allow')]).toEqual(['wrong-method', 405, 'GET, HEAD']);
  });

  it('at an address of its own: whoever reaches it, and nobody on the port of messages', async () => {
    const server = await serve(['--metrics', '0']);
    expect(server.first['metrics']).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(server.first['metrics']).not.toBe(server.url);
    const forwarded = await fetch(urlOf(server), { headers: { 'x-forwarded-for': '1.2.3.4' } });
    expect(new Scraped(await forwarded.text()).get('spillway_store_up')).toBe(1);
    expect(await refused(server, {})).toEqual(['unknown-path', 404]);
    const other = async (path: string, init: RequestInit) => {
      const reply = await fetch(`${server.first['metrics'] as string}${path}`, init);
      return [((await reply.json()) as Message)['error'].code, reply.status];
    };
    expect(await other('/metrics', { headers: { origin: 'http://x' } })).toEqual(['from-browser', 403]);
    expect(await other('/', { method: 'POST', body: JSON.stringify((await signed()).message) })).toEqual([
      'unknown-path',
      404,
    ]);
    expect(await server.stop()).toBe(0);
  });

  it('beyond loopback with a word of warning; never without --http', async () => {
    const server = await serve(['--metrics', '0.0.0.0:0']);
    expect(server.stderr).toBe(
      'note: 0.0.0.0 can be reached from other machines: whoever reaches it reads the figures of this home\n',
    );
    const { port } = new URL(server.url);
    await expect(serve(['--metrics', port])).rejects.toThrow('error[cannot-listen]');
    const stdio = ['--home', both.payee.dir, '--stdio', '--metrics', '0'];
    await expect(Server.start(stdio, env())).rejects.toThrow(/ended with 2: error\[usage\]: .*--http/);
  });
});

describe('what goes away', () => {
  it('a node: 0, its figures gone and the scrape answered; and back again', async () => {
    let down = false;
    let asked = 0;
    const NODE: Answers = {
      getblockchaininfo: () =>
        down
          ? { error: { code: -28, message: 'Loading block index…' } }
          : '{"chain":"regtest","blocks":1000,"bestblockhash":"aa","mediantime":5,"initialblockdownload":false}',
      gettxout: () => {
        asked += 1;
        return '{"bestblock":"aa","confirmations":9,"value":0.012,"scriptPubKey":{"hex":"51"},"coinbase":false}';
      },
    };
    const node = await fakeNode(NODE);
    const server = await serve([], { SPILLWAY_CHAIN: node.url, SPILLWAY_TIP: '' });
    const good = await scrape(server);
    expect([good.get('spillway_chain_up'), good.get('spillway_tip_height')]).toEqual([1, 1_000]);
    expect(good.get('spillway_holds_sats')).toBeGreaterThan(0);
    const coins = asked;
    expect(coins).toBeGreaterThan(0);
    down = true;
    await nextLook();
    const bad = await scrape(server);
    expect([bad.get('spillway_chain_up'), bad.get('spillway_store_up')]).toEqual([0, 1]);
    expect([bad.get('spillway_tip_height'), bad.get('spillway_holds_sats')]).toEqual([undefined, undefined]);
    expect(bad.get('spillway_contracts', { role: 'payee', state: 'open' })).toBe(1);
    down = false;
    await nextLook();
    expect((await scrape(server)).get('spillway_holds_sats')).toBe(good.get('spillway_holds_sats'));
    // No block has come: no coin is looked at again.
    expect(asked).toBe(coins);
    expect(server.stderr).toContain('note: metrics: chain-unavailable: getblockchaininfo: Loading block index…');
  });

  it.runIf(havePostgres)('a store; and two servers on it say the same of it, each its own counts', async () => {
    const cluster = await startPostgres();
    try {
      const payee = await TestParty.make(undefined, await cluster.database());
      const payer = await TestParty.make();
      const contract = await opened({ payee, payer, close: () => {} });
      const asked = await payer.run(signUpdate, { input: { contract, amount: 5_000n } });
      const argv = ['--home', payee.dir, '--http', '0', '--metrics', '0'];
      const servers = [await Server.start(argv, ENV_TIP), await Server.start(argv, ENV_TIP)] as const;
      servers.forEach(ends);
      const requested = await servers[0].post(asked.message);
      const update = await payer.run(signUpdate, { on: requested.text });
      expect((await servers[1].post(update.message)).status).toBe(200);
      await nextLook();
      const [first, second] = [await scrape(servers[0]), await scrape(servers[1])];
      for (const found of [first, second]) {
        expect(found.get('spillway_holds_sats')).toBe(5_000);
        expect(found.get('spillway_contracts', { role: 'payee', state: 'open' })).toBe(1);
      }
      expect([accepted(first), accepted(second)]).toEqual([0, 1]);
      payee.close();
      await cluster.stop('immediate');
      await nextLook();
      const down = await scrape(servers[0]);
      expect([down.get('spillway_store_up'), down.get('spillway_holds_sats')]).toEqual([0, undefined]);
      payer.close();
    } finally {
      await cluster.end();
    }
  });
});
const ENV_TIP = { SPILLWAY_TIP: '1000' };

const havePromtool = spawnSync('promtool', ['--version']).status === 0;
describe.runIf(havePromtool)('promtool', () => {
  it('finds nothing to say of the names and the form', async () => {
    const server = await serve([]);
    await server.post((await signed()).message);
    const input = await (await fetch(urlOf(server))).text();
    expect(execFileSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })).toBe('');
  });
});
