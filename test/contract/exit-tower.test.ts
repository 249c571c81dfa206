/** Packages with whoever has neither home nor key: watched on a chain in memory, sent by `broadcast`, paid for by `bump`, read by `inspect`. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import Broadcast from '../../src/commands/tools/broadcast.ts';
import Bump from '../../src/commands/tools/bump.ts';
import Inspect from '../../src/commands/tools/inspect.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { finalHex, signKeyPath } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { exitPackage, type ExitPackage } from '../../src/lib/contract/exit-package.ts';
import { calendar } from '../../src/lib/engine/calendar.ts';
import { bundlePost } from '../../src/lib/engine/watch-bundle.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from '../support/chain.ts';
import { command } from '../support/command.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { txidOfHex, unsignedHex, withWitness, type Spent, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { walletKey } from '../support/wallet.ts';
import {
  asRead,
  creditExits,
  KEY,
  only,
  outputOf,
  plain,
  PLAIN,
  plainPsbt,
  statecoinExits,
  twoSteps,
  type Made,
} from '../support/exits.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));
const [exit] = await creditExits(131);
const [, second] = await statecoinExits(141);
const two = twoSteps();

const RULES = { confirmations: 6, feeBudgetSat: null };
const fileOf = (made: ExitPackage): string => {
  const file = join(mkdtempSync(join(tmpdir(), 'spillway-tower-')), 'package.json');
  writeFileSync(file, printJson(made));
  return file;
};
async function scene({ package: made, exit: { steps } }: Pick<Made, 'package' | 'exit'>, index = true) {
  const chain = new FakeChain(1_000);
  for (const coin of steps[0]!.spends) chain.give(coin);
  const { url } = await fakeNode(chain.answers(index));
  const rpc = new Rpc({ url });
  const source = factSource({ network: 'regtest', rpc });
  const file = fileOf(made);
  const post = bundlePost('regtest', [file]);
  const watch = async (by = post): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    await look(by, { rpc, source }, RULES, async (_, e) => void events.push(e));
    return events;
  };
  const planned = async () => (await calendar(post, { rpc, source }, RULES)).events;
  return { chain, url, file, watch, planned };
}
const first = plain([PLAIN], 99_000n);
/** A package of these transactions, each with the coins that it spends. */
function of(...all: readonly (readonly [hex: string, ...spends: Spent[]])[]): Pick<Made, 'package' | 'exit'> {
  const steps = all.map(([hex, ...spends]) => ({ hex, spends, by: null, why: 'leaves', bears: true }));
  const exit = { ...only(first, [PLAIN]), steps };
  return { exit, package: exitPackage('channel', exit, [], { tip: 1_000 }) };
}
const told = (events: readonly WatchEvent[]) => events.map(({ event }) => event);

describe('a watched package', () => {
  it('of a backup is sent with its child at its height, not before, and settled', async () => {
    const { chain, watch } = await scene(second!);
    chain.mine(1_899 - chain.tip);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    const { steps } = second!.package;
    expect(await watch()).toMatchObject([{ event: 'exit', txid: steps[0]!.txid, child_fee_sat: 554n, feerate: '2' }]);
    expect(chain.mempool).toHaveLength(2);
    expect(told(await watch())).toEqual(['in-mempool']);
    chain.mine(6);
    expect(told(await watch())).toEqual(['settled']);
    expect(await watch()).toEqual([]);
  });
  it('of a payee goes out at once, alone where that is enough', async () => {
    const { chain, watch } = await scene(exit!);
    expect(told(await watch())).toEqual(['exit']);
    expect(chain.mempool).toHaveLength(1);
  });
  it('with two steps sends the second once the first has the confirmations that it waits for', async () => {
    const { chain, watch } = await scene(two);
    expect(told(await watch())).toEqual(['exit']);
    chain.mine(1);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(await watch()).toMatchObject([{ event: 'exit', txid: two.package.steps[1]!.txid }]);
    chain.mine(6);
    expect(told(await watch())).toEqual(['settled']);
  });
  for (const [pace, seconds, depth] of [
    ['quick', 200, 6],
    ['slow', 1_200, 1],
  ] as const)
    it(`with a step that waits for seconds sends it by the median time of ${pace} blocks, not by their count`, async () => {
      const second = plain([outputOf(first)], 98_000n, { sequence: (1 << 22) | 2 });
      const { chain, watch, planned } = await scene(of([first, PLAIN], [second, outputOf(first)]));
      chain.seconds = seconds;
      expect(await planned()).toMatchObject([{ txid: txidOfHex(first) }, { after_seconds: 1_024 }]);
      await watch();
      for (let n = 1; n < depth; n += 1) {
        chain.mine(1);
        expect(await watch()).toEqual([]);
      }
      chain.mine(1);
      expect(await watch()).toMatchObject([{ event: 'exit', txid: txidOfHex(second) }]);
    });
  it('with a lock by time goes out at the first median time past it, which its moment names, and not before', async () => {
    const from = 1_700_000_000 + 1_020 * 600;
    const locked = plain([PLAIN], 99_000n, { locktime: from - 1, sequence: 0xfffffffd });
    const { chain, watch, planned } = await scene(of([locked, PLAIN]));
    expect(await planned()).toMatchObject([{ txid: txidOfHex(locked), from_time: from }]);
    chain.mine(19);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(chain.medianTime()).toBe(from);
    expect(await watch()).toMatchObject([{ event: 'exit', txid: txidOfHex(locked) }]);
  });
  it('with three steps sends the third also where a node without an index no longer tells that the first is in a block', async () => {
    const second = plain([outputOf(first)], 98_000n, { sequence: 3 });
    const third = plain([outputOf(second)], 97_000n, { sequence: 600 });
    const { chain, watch, file } = await scene(
      of([first, PLAIN], [second, outputOf(first)], [third, outputOf(second)]),
      false,
    );
    await watch();
    chain.mine(3);
    await watch();
    chain.mine(600);
    expect(await watch(bundlePost('regtest', [file]))).toMatchObject([{ event: 'exit', txid: txidOfHex(third) }]);
    chain.mine(6);
    expect(told(await watch())).toEqual(['settled']);
  });
  it('counts the wait of a step from the coin that has it, whichever input that is', async () => {
    const old = { ...PLAIN, vout: 7 };
    const inputs = [
      { ...old, sequence: 0xfffffffd },
      { ...outputOf(first), sequence: 3 },
    ];
    const second = plain([], 190_000n, { inputs });
    const { chain, watch } = await scene(of([first, PLAIN], [second, old, outputOf(first)]));
    chain.give(old);
    await watch();
    chain.mine(2);
    expect(await watch()).toEqual([]);
    chain.mine(1);
    expect(await watch()).toMatchObject([{ event: 'exit', txid: txidOfHex(second) }]);
  });
  it('that pays more is sent, and not an older one of the same coin beside it', async () => {
    const [older, newer] = [60_000n, 99_000n].map((sat) => {
      const exit = only(plain([PLAIN], sat), [PLAIN]);
      return { exit, package: exitPackage('channel', exit, [], { tip: 1_000 }) };
    });
    for (const [one, other] of [
      [older!, newer!],
      [newer!, older!],
    ] as const) {
      const { chain, watch, file } = await scene(one);
      const post = bundlePost('regtest', [file, fileOf(other.package)]);
      expect(told(await watch(post))).toEqual(['exit']);
      expect(told(await watch(post))).toEqual(['in-mempool']);
      expect(chain.mempool.map(({ outputs }) => outputs[0]!.sat)).toEqual([99_000n]);
    }
  });
  it('made anew with a dearer child is sent with that, whichever file is read first', async () => {
    const parent = plain([PLAIN], 99_900n);
    const exit = only(parent, [PLAIN]);
    const [cheap, dear] = [99_600n, 90_000n].map((sat) => ({
      exit,
      package: exitPackage('channel', exit, [plainPsbt([outputOf(parent)], sat)], { tip: 1_000 }),
    }));
    for (const [one, other] of [
      [cheap!, dear!],
      [dear!, cheap!],
    ] as const) {
      const { chain, watch, file } = await scene(one);
      chain.feerate = 40_000;
      expect(await watch(bundlePost('regtest', [file, fileOf(other.package)]))).toMatchObject([
        { event: 'exit', child_fee_sat: 9_900n },
      ]);
    }
  });
  it('that says of the coin that another key holds it takes the place of none', async () => {
    const key = walletKey('p2tr', 6);
    const taken = { ...PLAIN, script: key.script };
    const template: Template = {
      version: 2,
      locktime: 0,
      inputs: [{ ...taken, sequence: 0xfffffffd }],
      outputs: [{ sat: 99_900n, script: KEY.script }],
    };
    const lie = withWitness(template, [signKeyPath(template, 0, key.secret, new Uint8Array(32))]);
    const { chain, watch, file } = await scene(of([first, PLAIN]));
    expect(told(await watch(bundlePost('regtest', [fileOf(of([lie, taken]).package), file])))).toContain('exit');
    expect(chain.mempool.map(({ txid }) => txid)).toContain(txidOfHex(first));
  });
  it('whose coin another transaction has taken says so, and is not settled', async () => {
    const { chain, watch } = await scene(exit!);
    const [spent] = exit!.exit.steps[0]!.spends;
    const inputs = [{ ...spent!, sequence: 0xfffffffd }];
    const theft = unsignedHex({ version: 2, locktime: 0, inputs, outputs: [{ sat: 900_000n, script: KEY.script }] });
    expect(chain.accept([theft])).toBeUndefined();
    chain.mine(6);
    expect(told(await watch())).toEqual(['spent-otherwise']);
    expect(told(await watch())).toEqual(['spent-otherwise']);
  });
  it('that was bent is refused with its file', async () => {
    const { file, watch } = await scene(two);
    const bent = asRead(two.package);
    bent.steps[0].spends_from[0].amount_sat += 1;
    writeFileSync(file, printJson(bent));
    await expect(watch()).rejects.toMatchObject({ code: 'transaction-differs' });
  });
});

describe('commands', () => {
  const send = ({ file, url }: { file: string; url: string }) => {
    vi.stubEnv('SPILLWAY_CHAIN', url);
    return command(Broadcast, [file]);
  };
  afterEach(() => void vi.unstubAllEnvs());

  it('broadcast sends a backup with its child, and of two steps those that are valid', async () => {
    const one = await scene(second!);
    one.chain.mine(1_900 - one.chain.tip);
    const ran = await send(one);
    expect([ran.exit, JSON.parse(ran.stdout).txids]).toEqual([0, [second!.package.steps[0]!.txid, expect.any(String)]]);
    expect(one.chain.mempool).toHaveLength(2);
    const later = await scene(two);
    const both = await send(later);
    expect([both.exit, JSON.parse(both.stdout).txids, later.chain.mempool.length]).toEqual([
      0,
      two.package.steps.map(({ txid }) => txid),
      2,
    ]);
  });
  it('broadcast goes on where it stopped, also where a node no longer knows the first step', async () => {
    const second = plain([outputOf(first)], 98_000n);
    const third = plain([outputOf(second)], 97_000n);
    const all = await scene(of([first, PLAIN], [second, outputOf(first)], [third, outputOf(second)]));
    for (const hex of [first, second]) {
      expect(all.chain.accept([hex])).toBeUndefined();
      all.chain.mine(1);
    }
    expect(all.chain.accept([first])).toBe('bad-txns-inputs-missingorspent');
    for (const mempool of [[txidOfHex(third)], []]) {
      const ran = await send(all);
      expect([ran.exit, JSON.parse(ran.stdout).txids]).toEqual([0, [first, second, third].map(txidOfHex)]);
      expect(all.chain.mempool.map(({ txid }) => txid)).toEqual(mempool);
      all.chain.mine(1);
    }
  });
  it('bump pays for the step that is stuck, else for the next one, and says when all are in a block', async () => {
    const home = await TestParty.make();
    closing.push(() => home.close());
    const [one, two] = [await ownCoin(home, 50_000n), await ownCoin(home, 40_000n)];
    const first = plain([PLAIN], 0n, { outputs: [one, { sat: 49_700n, script: KEY.script }] });
    const second = plain([outputOf(first, 1)], 0n, { outputs: [two, { sat: 9_400n, script: KEY.script }] });
    const third = plain([outputOf(second, 1)], 0n, { outputs: [{ ...one, sat: 9_100n }] });
    const steps = [
      [first, PLAIN],
      [second, outputOf(first, 1)],
      [third, outputOf(second, 1)],
    ] as const;
    const { chain, url, file } = await scene(of(...steps));
    const words = ['--home', home.dir, '--feerate', '20', '--allow-fee', file];
    const bumped = async () => {
      const { code, stdout } = await command(Bump, words);
      return code ?? JSON.parse(stdout).txids[0];
    };
    expect(await bumped()).toBe(txidOfHex(first));
    vi.stubEnv('SPILLWAY_CHAIN', url);
    expect(await bumped()).toBe(txidOfHex(first));
    expect(chain.accept([first])).toBeUndefined();
    chain.feerate = 20_000;
    expect(await bumped()).toBe(txidOfHex(first));
    chain.feerate = 0;
    chain.mine(1);
    expect(await bumped()).toBe(txidOfHex(second));
    expect(chain.accept([second])).toBeUndefined();
    chain.feerate = 20_000;
    chain.mine(1);
    const { stdout } = await command(Bump, words);
    const { txids, package: txs } = JSON.parse(stdout);
    expect(txids[0]).toBe(txidOfHex(second));
    expect(chain.accept(txs)).toBeUndefined();
    chain.mine(1);
    expect([chain.mempool, await bumped()]).toEqual([[], txidOfHex(third)]);
    expect(chain.accept([third])).toBeUndefined();
    chain.feerate = 0;
    chain.mine(1);
    expect(await bumped()).toBe('nothing-to-bump');
  });
  it('broadcast and bump know a last step by its child, where that has spent all of it', async () => {
    const home = await TestParty.make();
    closing.push(() => home.close());
    const own = await ownCoin(home, 50_000n);
    const first = plain([PLAIN], 0n, { outputs: [{ sat: 99_000n, script: KEY.script }] });
    const second = plain([outputOf(first)], 0n, { outputs: [{ sat: 98_000n, script: KEY.script }] });
    const child = plainPsbt([outputOf(second)], 0n, { outputs: [{ ...own, sat: 97_000n }] });
    const steps = [only(first, [PLAIN]).steps[0]!, only(second, [outputOf(first)]).steps[0]!];
    const made = exitPackage('htlc', { ...only(first, [PLAIN]), steps }, [null, child], { tip: 1_000 });
    const { chain, file, url } = await scene({ package: made, exit: { ...only(first, [PLAIN]), steps } });
    for (const hex of [first, second, finalHex(child).hex]) expect(chain.accept([hex])).toBeUndefined();
    chain.mine(1);
    expect(chain.mempool).toEqual([]);
    const ran = await send({ file, url });
    expect([ran.exit, chain.mempool]).toEqual([0, []]);
    const { code } = await command(Bump, ['--home', home.dir, '--feerate', '20', '--allow-fee', file]);
    expect(code).toBe('nothing-to-bump');
  });
  it('inspect says what it does, when, by when and what it costs', async () => {
    const { stdout } = await command(Inspect, [fileOf(second!.package)]);
    expect(stdout).toContain('from block 1901 on, by block 1999');
    expect(stdout).toMatch(/check: package +all that follows from its transactions holds/);
    expect(stdout).toContain(
      'leaving alone         2 transactions of 277 vB in all, 554 sat at 2 sat/vB, 901 blocks; pays from 884 sat on',
    );
    const bent = asRead(second!.package);
    bent.quote.fee_sat -= 1;
    const wrong = await command(Inspect, [fileOf(bent)]);
    expect([wrong.code, wrong.stdout]).toEqual(['transaction-differs', '']);
  });
});
