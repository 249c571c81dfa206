/** watch and liquidity as programs: flags, streams, exit codes, a node that goes away, signals, a terminal. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { exitCredit } from '../../src/lib/ecash/credit.ts';
import { contractInput } from '../../src/lib/credit/transactions.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import type { PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { fakeNode } from '../chain/node.ts';
import { BIN, cleanEnv, hasTerminal, onTerminal } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';
import { FakeChain } from '../support/chain.ts';
import { opened, pair, payMessages, type Pair } from '../support/credit.ts';

const open: Pair[] = [];
afterEach(() => open.splice(0).forEach((both) => both.close()));

const SEED = 201;
async function scene() {
  const both = await pair(SEED);
  open.push(both);
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const chain = new FakeChain(5_176);
  chain.give(contractInput((await both.payee.record(id)) as PayeeCredit, 0));
  const { url } = await fakeNode(chain.answers());
  const env = { SPILLWAY_CHAIN: url, SPILLWAY_INSECURE_SEED: Buffer.alloc(32, SEED).toString('hex') };
  return { both, id, chain, env, home: both.payee.dir };
}
const lines = (text: string): any[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('watch', () => {
  it('looks once: events on stdout, a line each; log lines on stderr', async () => {
    const { id, env, home, chain } = await scene();
    const ran = await spillway(['watch', '--home', home, '--once'], { env });
    expect(ran.code, ran.stderr).toBe(0);
    expect(lines(ran.stdout)).toEqual([
      {
        type: 'watch',
        version: 1,
        network: 'regtest',
        tip: 5_176,
        event: 'exit',
        contract: id,
        role: 'payee',
        by: 'exit',
        txid: chain.mempool[0]!.txid,
      },
    ]);
    expect(ran.stderr).toMatch(new RegExp(`^\\S+Z watch ${id.slice(0, 8)} exit exit [0-9a-f]{64} at 5176\n$`));
    chain.mine(6);
    expect(lines((await spillway(['watch', '--home', home, '--once'], { env })).stdout)).toMatchObject([
      { event: 'settled', by: 'exit' },
    ]);
    const status = await spillway(['status', '--home', home, '--tip', '5182'], { env });
    expect(JSON.parse(status.stdout).notes).toEqual(['settled by exit']);
    const sums = await spillway(['liquidity', '--home', home], { env });
    expect(JSON.parse(sums.stdout)).toMatchObject({ contracts: 0, holds_sat: 0, settled_sat: 50_000, days: [] });
  });

  it('says that a refund has lost what was paid, as status and liquidity do, with exit code 3', async () => {
    const { both, id, env, home, chain } = await scene();
    const refund = ((await both.payer.record(id)) as PayerCredit).refund;
    expect(chain.accept([refund])).toBe(undefined);
    const said = async (command: string, argv: string[] = [], more: object = env) => {
      const ran = await spillway([command, '--home', home, ...argv], { env: more as typeof env });
      return [ran.code, lines(ran.stdout)] as const;
    };
    const sums = { holds_sat: 0, settled_sat: 0 };
    // In the mempool nothing is settled yet, and nothing lost.
    expect(await said('liquidity')).toMatchObject([0, [{ ...sums, pending_sat: 50_000, lost_sat: 0 }]]);
    expect(await said('status')).toMatchObject([0, [{ verdict: 'pending' }]]);
    chain.mine(6);
    const lost = { ...sums, pending_sat: 0, lost_sat: 50_000 };
    // The node alone tells, and what watch has marked does so without one.
    expect(await said('liquidity')).toMatchObject([3, [lost]]);
    expect(await said('status')).toMatchObject([3, [{ verdict: 'lost' }]]);
    const told = { event: 'lost', by: 'refund', txid: txidOfHex(refund), pays_sat: 0, lost_sat: 50_000 };
    expect(await said('watch', ['--once'])).toMatchObject([3, [told]]);
    expect(await said('watch', ['--once'])).toEqual([0, []]);
    const bare = { SPILLWAY_INSECURE_SEED: env.SPILLWAY_INSECURE_SEED };
    expect(await said('liquidity', [], bare)).toMatchObject([3, [lost]]);
    expect(await said('status', [], bare)).toMatchObject([
      3,
      [{ verdict: 'lost', notes: ['50000 sat are lost: settled by refund'] }],
    ]);
  });

  it('survives a node that goes away, and ends by SIGTERM with exit 0', async () => {
    const { env, home, chain } = await scene();
    chain.up = false;
    const child = spawn(process.execPath, [BIN, 'watch', '--home', home, '--every', '1'], { env: cleanEnv(env) });
    const ended = once(child, 'close');
    const events = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await events.next()).value as string);
    expect(await next()).toMatchObject({ type: 'watch', event: 'chain-unavailable' });
    chain.up = true;
    let event = await next();
    while (event.event === 'chain-unavailable') event = await next();
    expect(event).toMatchObject({ event: 'exit', tip: 5_176 });
    expect(await next()).toMatchObject({ event: 'in-mempool' });
    chain.mine(6);
    expect(await next()).toMatchObject({ event: 'settled', tip: 5_182 });
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  describe.skipIf(process.platform === 'win32')(
    'does what is due where nobody reads and nothing can be written',
    () => {
      const [NODE, FULL] = [process.execPath, '/dev/full'];
      /** Two exits are due. */
      async function two(script: string) {
        const { both, env, chain, home } = await scene();
        const id = await opened(both);
        await payMessages(both, id, 50_000n);
        chain.give(contractInput((await both.payee.record(id)) as PayeeCredit, 0));
        both.payee.home.close();
        const words = ['-c', script, NODE, BIN, 'watch', '--home', home, '--once'];
        const child = spawn('bash', words, { env: cleanEnv(env) });
        let [out, err] = ['', ''];
        child.stdout.on('data', (chunk) => (out += chunk));
        child.stderr.on('data', (chunk) => (err += chunk));
        const [code] = await once(child, 'close');
        return { code, out, err, sent: chain.mempool.length };
      }

      it('the reader of events is gone', async () => {
        const gone = await two('"$0" "$@" | true; exit ${PIPESTATUS[0]}');
        expect(gone).toMatchObject({ sent: 2, code: 73 });
        expect(gone.err).toMatch(/error\[cannot-write\]: stdout/);
      });
      it('the disk of events and log is full', async () => {
        expect(await two(`"$0" "$@" > ${FULL} 2> ${FULL}`)).toEqual({ sent: 2, code: 73, out: '', err: '' });
      });
      it('the reader of the log is gone', async () => {
        const deaf = await two('exec 3>&1; { "$0" "$@" 2>&1 >&3; echo $? >&3; } | true');
        expect(deaf.sent).toBe(2);
        const [exits, code] = [lines(deaf.out).slice(0, 2), lines(deaf.out).at(-1)];
        expect([exits, code]).toMatchObject([[{ event: 'exit' }, { event: 'exit' }], 0]);
      });
      it('a reader that comes later is told what was missed', async () => {
        const { env, home, chain } = await scene();
        const pipe = join(mkdtempSync(join(tmpdir(), 'spillway-pipe-')), 'events');
        execFileSync('mkfifo', [pipe]);
        // Opened for reading too, or the shell would wait for a reader.
        const words = ['-c', 'exec 9<>"$3"; exec > "$3" 9<&-; exec "$0" "$1" watch --home "$2" --every 1'];
        const child = spawn('bash', [...words, NODE, BIN, home, pipe], { env: cleanEnv(env) });
        let err = '';
        child.stderr.on('data', (chunk) => (err += chunk));
        while (!err.includes('events are told here')) await sleep(20);
        expect(chain.mempool.length).toBe(1);
        const told = createReadStream(pipe);
        const events = createInterface(told)[Symbol.asyncIterator]();
        expect(JSON.parse((await events.next()).value as string)).toMatchObject({ event: 'exit', tip: 5_176 });
        child.kill('SIGTERM');
        expect(await once(child, 'close')).toEqual([0, null]);
        told.destroy();
      });
      it('the disk of the home is full', async () => {
        const full = await two('ulimit -f 8; exec "$0" "$@"');
        expect(full).toMatchObject({ sent: 2, code: 3 });
        const said = { event: 'exit', code: expect.stringMatching(/cannot-write|store-unavailable/) };
        expect(lines(full.out)).toMatchObject([said, said]);
      });
    },
  );

  it('watches a bundle with no home; exit 3 where something due could not be done', async () => {
    const { both, id, env, chain } = await scene();
    const { text } = await both.payee.run(exitCredit, { input: { contract: id, export: true } });
    const bundle = join(mkdtempSync(join(tmpdir(), 'spillway-tower-')), 'exit.json');
    writeFileSync(bundle, text);
    const tower = () =>
      spillway(['watch', '--bundle', bundle, '--once'], { env: { SPILLWAY_CHAIN: env.SPILLWAY_CHAIN } });
    const sent = await tower();
    expect([sent.code, lines(sent.stdout)]).toMatchObject([0, [{ event: 'exit', contract: id }]]);
    chain.feerate = 50_000;
    const stuck = await tower();
    expect([stuck.code, lines(stuck.stdout)]).toMatchObject([3, [{ event: 'needs-bump' }]]);
  });

  it('wants a node, and one that answers where it looks once', async () => {
    const { env, home, chain } = await scene();
    const bare = { SPILLWAY_INSECURE_SEED: env.SPILLWAY_INSECURE_SEED };
    const without = await spillway(['watch', '--home', home, '--once'], { env: bare });
    expect(without).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/--chain URL expected/) });
    chain.up = false;
    const away = await spillway(['watch', '--home', home, '--once'], { env });
    expect(away).toMatchObject({ code: 69, stdout: '', stderr: expect.stringMatching(/error\[chain-unavailable\]/) });
  });
});

describe('prune', () => {
  it('beside watch drops what was settled ninety days ago, unless told otherwise', async () => {
    const { env: node, home, chain } = await scene();
    const watch = async (day: number, ...argv: string[]) => {
      const env = { ...node, SPILLWAY_NOW: String(1_900_000_000 + day * 86_400) };
      return (await spillway(['watch', '--home', home, '--once', ...argv], { env })).stderr;
    };
    await watch(0, '--no-prune');
    chain.mine(6);
    await watch(0);
    chain.mine(90 * 144 - 1);
    expect(await watch(89)).not.toContain('credit=');
    chain.mine(1);
    expect(await watch(90)).toMatch(/ pruned .*credit=1\n/);
  });

  it('by itself, and beside watch: drops what was settled once it is as old and as deep as is asked for', async () => {
    const { id, env: node, home, chain } = await scene();
    const at = (day: number) => ({ env: { ...node, SPILLWAY_NOW: String(1_900_000_000 + day * 86_400) } });
    const watch = async (day: number, ...argv: string[]) =>
      spillway(['watch', '--home', home, '--once', ...argv], at(day));
    await watch(0, '--no-prune');
    chain.mine(6);
    await watch(0, '--keep', '1');
    const prune = async (day: number, ...argv: string[]) => {
      const ran = await spillway(['prune', '--home', home, '--keep', '1', ...argv], at(day));
      expect(ran.code, ran.stderr).toBe(0);
      return { ...JSON.parse(ran.stdout), told: ran.stderr };
    };
    chain.mine(143);
    expect(await prune(1)).toMatchObject({ records: {}, unseen: 0, told: '' });
    chain.mine(1);
    // A height that was given shows no coin.
    const given = { records: {}, unseen: 1, tip: 5_326, told: expect.stringMatching(/^note: 1 records are old/) };
    const { SPILLWAY_CHAIN: _, ...without } = at(1).env;
    const alone = await spillway(['prune', '--home', home, '--keep', '1', '--tip', '5326'], { env: without });
    expect({ ...JSON.parse(alone.stdout), told: alone.stderr }).toMatchObject(given);
    const would = await prune(1, '--dry-run');
    expect(would).toMatchObject({ type: 'prune', network: 'regtest', keep_days: 1, dry_run: true });
    expect(would).toMatchObject({ records: { credit: 1 }, tip: 5_326, told: '' });
    expect((await spillway(['status', '--home', home], at(1))).stdout).toContain(id);
    const { stderr } = await watch(1, '--keep', '1');
    expect(stderr.split(' watch ').slice(1)).toEqual(['pruned credit=1\n']);
    expect((await spillway(['status', '--home', home], at(1))).stdout).toBe('');
    const sums = await spillway(['liquidity', '--home', home], at(1));
    expect(JSON.parse(sums.stdout)).toMatchObject({ contracts: 0, settled_sat: 50_000 });
    const blind = await spillway(['prune', '--home', home], {
      env: { SPILLWAY_INSECURE_SEED: node.SPILLWAY_INSECURE_SEED },
    });
    expect([blind.code, blind.stdout, blind.stderr]).toEqual([2, '', expect.stringMatching(/no height to prune by/)]);
  });
});

describe('liquidity', () => {
  it('says in JSON what is held, and plans new contracts', async () => {
    const { env, home, id } = await scene();
    const bare = { SPILLWAY_INSECURE_SEED: env.SPILLWAY_INSECURE_SEED };
    const plain = await spillway(['liquidity', '--home', home], { env: bare });
    expect(JSON.parse(plain.stdout)).toMatchObject({
      type: 'liquidity',
      tip: null,
      contracts: 1,
      holds_sat: 50_000,
      days: [{ from_height: 5_040, exits: 1, paid_sat: 50_000 }],
      checks: { coins: 'not-checked' },
    });
    const argv = ['--plan', '1', '--new', '3', '--feerate', '40', '--min-blocks', '1008', '--max-blocks', '1300'];
    const planned = await spillway(['liquidity', '--home', home, '--tip', '4100', ...argv], { env: bare });
    expect(JSON.parse(planned.stdout).plan, planned.stderr).toEqual({
      most_a_day: 1,
      // Deadlines from 4964 to 5256: the day from 5040 is taken.
      new: [
        { expiry: 5_108, deadline_height: 4_964 },
        { expiry: 5_328, deadline_height: 5_184 },
      ],
      unplaced: 1,
      crowded: [],
      mass_exit: { feerate: '40', exits: 1, alone: 0, children: 1, child_fees_sat: 10_292, coins: [] },
    });
    expect(id).toBeTruthy();
    const blind = await spillway(['liquidity', '--home', home, '--plan', '1'], { env: bare });
    expect(blind).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/no height to plan from/) });
  });

  it.skipIf(!hasTerminal)('draws bars on a terminal', async () => {
    const { env, home } = await scene();
    const seed = `SPILLWAY_INSECURE_SEED=${env.SPILLWAY_INSECURE_SEED}`;
    const line = `${seed} ${process.execPath} ${BIN} liquidity --home ${home} --tip 4100 --plan 1 --new 1`;
    const { stdout } = await onTerminal(line);
    expect(stdout).toMatch(/holds +50000 sat/);
    expect(stdout).toMatch(/5040 +1 +50000 {2}█{40}/);
    expect(stdout).toContain('new: --expires ');
  });
});
