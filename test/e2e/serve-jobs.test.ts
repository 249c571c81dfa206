/**
 * `serve --stdio` and `--jobs` through the built program: order, lines that are broken, a reader that stops; workers that are
 * killed at every labelled store point and at random; an encrypted home.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { PayeeCredit } from '../../src/lib/credit/records.ts';
import { freshDir } from '../cli/run.ts';
import { opened, openedMint, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { DAY, pruneAt } from '../support/prune.ts';
import { servedPair } from '../support/served.ts';
import { rotating } from '../support/rotate.ts';
import { Server } from '../support/server.ts';
import { openOwn, World } from '../support/spillway.ts';

const SEED = 232;
const CONTRACTS = Number(process.env['SPILLWAY_CONTRACTS'] ?? 60);
let both: Pair;
let id: string;
const { ends, serve, signed } = servedPair(SEED, (pair, contract) => {
  [both, id] = [pair, contract];
});
const paid = async (contract = id): Promise<bigint> => ((await both.payee.record(contract)) as PayeeCredit).paidSat;
const told = (line: string | undefined): unknown => {
  const { error, step } = JSON.parse(line!) as Message;
  return error?.code ?? step;
};

describe('over stdio', () => {
  it('answers each line in its order, whatever becomes of it, and ends with its input', async () => {
    const server = await serve(['--stdio']);
    expect(server.first).toEqual({ type: 'serve', version: 1, network: 'regtest', stdio: true });
    const on = (await signed()).text;
    server.write('', 'null', on, '{"type":"sign-update"', on.replace(/.$/, ' '.repeat(1_000_001)), on);
    const lines = [];
    for (let i = 0; i < 6; i++) lines.push(await server.line());
    expect(lines.map(told)).toEqual([
      'malformed-json',
      'malformed-message',
      'accepted',
      'malformed-json',
      'too-large',
      'accepted',
    ]);
    expect(lines[5]).toBe(lines[2]);
    // The last line is cut: the connection that brought it broke.
    server.child.stdin!.end(on.slice(0, -20));
    expect(told(await server.line())).toBe('malformed-json');
    expect([await server.line(), await server.ended]).toEqual([undefined, 0]);
  });

  it('gives up at its expiry what nobody funded, and answers on where nobody reads its log', async () => {
    const bogus = await opened(both);
    const server = await serve(['--stdio', '--tip', '5320']);
    while (!server.stderr.includes(`contract ${bogus} lapsed`)) await sleep(50);
    expect((await both.payee.home.store.list('credit', 'cancelled')).length).toBe(1);
    expect((await both.payee.record(id))?.state).not.toBe('cancelled');
    server.child.stderr!.destroy();
    const on = (await signed()).text;
    server.write(on, on, on);
    for (let i = 0; i < 3; i++) expect(await server.line()).toBeTruthy();
    server.child.stdin!.end();
    expect([await server.line(), await server.ended]).toEqual([undefined, 0]);
  });

  it.each([
    [2, []],
    [3, ['--jobs', '1']],
  ])('prunes beside its work with --keep, once, and says what went: %i days later, %j', async (days, argv) => {
    const { payee } = both;
    for (let i = 0; i < 2; i++) {
      const { message } = await payee.run(openCredit, { input: { as: 'payee' } });
      await payee.run(openCredit, { on: message, cancel: true });
    }
    const over = async () => (await payee.home.store.list('credit', 'cancelled')).length;
    const before = await over();
    // How far the store had come by then.
    const { tip, now } = payee.chain;
    Object.assign(payee.chain, { tip: 800, now: Math.floor(Date.now() / 1000) - days * DAY });
    await pruneAt(payee, { days: 1 });
    Object.assign(payee.chain, { tip, now });
    const server = await serve(['--stdio', '--keep', '1', ...argv]);
    await expect.poll(() => server.stderr).toContain('pruned ');
    const on = (await signed()).text;
    server.write(on);
    expect(told(await server.line())).toBe('accepted');
    server.child.stdin!.end();
    expect(await server.ended).toBe(0);
    expect(server.stderr.match(/pruned .*$/gm)).toEqual([expect.stringContaining(` credit=${before}`)]);
    expect([before >= 2, await over()]).toEqual([true, 0]);
  });

  it('reads no further than a window while nobody reads its replies', async () => {
    const server = await serve(['--stdio']);
    const on = (await signed()).text;
    let written = 0;
    const stdin = server.child.stdin!;
    server.child.stdout!.pause();
    // Lines are let in until the pipes are full: then nothing moves.
    for (let still = 0; still < 10 && written < 100_000; still = stdin.writableNeedDrain ? still + 1 : 0) {
      if (!stdin.writableNeedDrain) written += Number(stdin.write(`${on}\n`) || 1);
      else await sleep(100);
    }
    expect(written).toBeLessThan(2_000);
    expect(await paid()).toBeGreaterThan(0n);
    server.child.stdout!.resume();
    stdin.end();
    for (let i = 0; i < written; i++) expect(told(await server.line())).toBe('accepted');
    expect([await server.line(), await server.ended]).toEqual([undefined, 0]);
  });

  it('with --http beside it, it goes on after its input ends', async () => {
    const server = await serve(['--stdio', '--http', '0']);
    expect(Object.keys(server.first)).toEqual(['type', 'version', 'network', 'http', 'stdio']);
    const on = (await signed()).text;
    server.write(on);
    const line = await server.line();
    server.child.stdin!.end();
    await sleep(200);
    expect((await server.post(on)).text).toBe(line);
    expect(await server.stop()).toBe(0);
  });

  it('SIGTERM: what was taken is answered, exit 0', async () => {
    const server = await serve(['--stdio', '--jobs', '1']);
    server.write((await signed()).text);
    expect(told(await server.line())).toBe('accepted');
    expect(await server.stop()).toBe(0);
  });
});

const KILLED = /note: worker \d ended \(SIGKILL\), and is started again\n/g;

describe('with workers', () => {
  it(`${CONTRACTS} contracts interleaved over two workers, one killed again and again: all in order, nothing lost`, async () => {
    const ids: string[] = [];
    for (let i = 0; i < CONTRACTS; i++) ids.push(await opened(both));
    const updates = [];
    for (const contract of ids) updates.push((await signed(contract)).text);
    const closes: string[] = [];
    // A close is signed only once the update before it is accepted.
    const closing = ids.slice(0, 40);
    for (const contract of closing) closes.push((await both.payer.run(closeCredit, { input: { contract } })).text);
    // Without a node nobody knows that they are funded.
    const server = await serve(['--stdio', '--jobs', '2', '--offers', '1000']);
    expect(server.workers()).toHaveLength(2);
    server.write(...updates, ...closes);
    let kills = 0;
    for (const [step, contracts] of [
      ['accepted', ids],
      ['signed', closing],
    ] as const)
      for (const [i, contract] of contracts.entries()) {
        const line = await server.line();
        expect([told(line), (JSON.parse(line!) as Message)['contract'].id]).toEqual([step, contract]);
        if (step === 'accepted' && i % 60 === 15 && kills < 3) {
          process.kill(server.workers()[0]!, 'SIGKILL');
          kills += 1;
          await expect.poll(() => server.stderr.match(KILLED)).toHaveLength(kills);
          await expect.poll(() => server.workers()).toHaveLength(2);
        }
      }
    server.child.stdin!.end();
    expect([await server.line(), await server.ended]).toEqual([undefined, 0]);
    expect(kills).toBeGreaterThan(0);
    for (const contract of ids) expect(await paid(contract)).toBe(1_000n);
    for (const contract of closing) expect(await both.payee.record(contract)).toMatchObject({ state: 'closing' });
    expect(server.stderr.match(/ (?:accepted|signed|proposed) [0-9a-f]{8} ok /g)).toHaveLength(
      ids.length + closing.length,
    );
  });

  const LABELS = ['before-commit', 'in-commit', 'before-tide', 'after-commit', 'before-print'] as const;
  it.each(rotating(LABELS, 2))('a worker that is killed %s', async (label) => {
    const on = (await signed()).text;
    const [had, commits] = [await paid(), await both.payee.home.store.commits()];
    const server = await serve(['--http', '0', '--jobs', '1'], { SPILLWAY_STOP_AT: label });
    const reply = await server.post(on);
    const committed = LABELS.indexOf(label) >= LABELS.indexOf('before-tide');
    if (committed) {
      // Asked again, the next worker prints what is stored.
      expect([reply.status, told(reply.text)]).toEqual([200, 'accepted']);
    } else {
      expect([reply.status, told(reply.text), reply.headers.get('retry-after')]).toEqual([503, 'worker-lost', '1']);
      expect(await both.payee.home.store.commits()).toBe(commits);
    }
    expect((await server.fetch('/healthz')).status).toBe(200);
    expect(await server.stop()).toBe(0);
    const healthy = await serve(['--http', '0', '--jobs', '1']);
    const again = await healthy.post(on);
    expect([again.status, told(again.text)]).toEqual([200, 'accepted']);
    if (committed) expect(again.text).toBe(reply.text);
    expect([await paid(), await both.payee.home.store.commits()]).toEqual([had + 1_000n, commits + 1]);
  });

  it('end with the server, also where it is killed', async () => {
    const server = await serve(['--http', '0', '--jobs', '2']);
    const workers = server.workers();
    expect(await server.stop('SIGKILL')).toBe(null);
    const alive = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await expect.poll(() => workers.filter(alive)).toEqual([]);
  });

  it('do not mind signals that are meant for the server: Ctrl-C goes to all of them', async () => {
    const server = await serve(['--http', '0', '--jobs', '1']);
    for (const pid of server.workers()) process.kill(pid, 'SIGINT');
    const reply = server.post((await signed()).text);
    for (const pid of server.workers()) process.kill(pid, 'SIGTERM');
    expect(told((await reply).text)).toBe('accepted');
    expect(await server.stop('SIGINT')).toBe(0);
    expect(server.stderr).not.toContain('worker');
  });
});

describe('ecash', () => {
  it('is issued for a payment, by a worker, and arrives', async () => {
    const contract = await openedMint(both);
    const server = await serve(['--stdio', '--jobs', '1']);
    const answer = async (message: Message): Promise<string> => {
      server.write(JSON.stringify(message));
      return (await server.line())!;
    };
    const asked = await both.payer.run(signUpdate, { input: { contract, amount: 2_100n } });
    const signed = await both.payer.run(signUpdate, { on: await answer(asked.message), input: { ecash: true } });
    const received = await both.payer.run(signUpdate, { on: await answer(signed.message) });
    expect(received.message).toMatchObject({ step: 'received', token: expect.stringMatching(/^cashuB/) });
    expect(await server.stop()).toBe(0);
    expect(server.stderr).not.toContain(received.message['token']);
  });

  it('of another mint: it is told each total, also by a server that starts after a payment', async () => {
    const contract = await opened(both, { offer: { ecash: 'notify' } });
    const told = join(freshDir(), 'told');
    const notify = ['--notify', `cat >> ${told}`];
    await both.payee.run(signUpdate, { on: (await signed(contract)).text });
    const server = await serve(['--stdio', '--jobs', '1', ...notify]);
    const totals = (): unknown[] =>
      existsSync(told)
        ? readFileSync(told, 'utf8')
            .trim()
            .split('\n')
            .map((line) => (JSON.parse(line) as Message)['paid_sat'])
        : [];
    await expect.poll(totals).toEqual([1_000]);
    server.write((await signed(contract, 500n)).text);
    await expect.poll(totals).toEqual([1_000, 1_500]);
    expect(await server.stop()).toBe(0);
  });
});

describe('an encrypted home', () => {
  it('is opened once, and its workers get the passphrase by descriptor only', async () => {
    const world = await World.make();
    const passphrase = 'correct horse battery';
    const file = join(world.dir, 'passphrase');
    writeFileSync(file, passphrase, { mode: 0o600 });
    const home = join(world.dir, 'locked');
    const locked = ['--home', home, '--passphrase-file', file];
    await world.said('payee', ['init', '--network', 'regtest', '--encrypt', ...locked]);
    const story = openOwn(await world.coin(1_300_000));
    const offer = story.next().value as { argv: string[] };
    const offered = await world.said('payee', [...offer.argv, ...locked]);
    const proposed = await world.take(story.next(offered).value as never);

    const env = { SPILLWAY_TIP: '1000' };
    await expect(Server.start(['--home', home, '--http', '0', '--passphrase-fd', '3'], env, 'wrong\n')).rejects.toThrow(
      /ended with 77: error\[wrong-passphrase\]/,
    );
    const server = await Server.start(
      ['--home', home, '--http', '0', '--jobs', '1', '--passphrase-fd', '3'],
      env,
      `${passphrase}\n`,
    );
    ends(server);
    expect(told((await server.post(proposed)).text)).toBe('accepted');
    for (const pid of [server.child.pid!, ...server.workers()])
      for (const what of ['cmdline', 'environ'])
        expect(readFileSync(`/proc/${pid}/${what}`, 'utf8')).not.toContain('correct horse');
    expect(readdirSync(home)).not.toContain('passphrase');
    process.kill(server.workers()[0]!, 'SIGKILL');
    await sleep(200);
    expect(told((await server.post(proposed)).text)).toBe('accepted');
    expect(await server.stop()).toBe(0);
    world.remove();
  });
});
