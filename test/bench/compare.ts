/**
 * Two checkouts against each other, for a change that should make nothing slower:
 *
 *     node test/bench/compare.ts BEFORE AFTER [LINE...]
 *
 * Both are built and have their modules. What they have in common is the command line, so each line is a command, or a server
 * with a payer that plays in this process. The two take turns in each round. A line is the CPU time of all threads, the median
 * of BENCH_ROUNDS (15), and the ratio of both; 3 % more is over, and ends with exit 1. Linux alone tells of the servers.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { cpuOf, median } from './measure.ts';
import { Served } from './serve.ts';

const MOST = 1.03;
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 15);
const dir = mkdtempSync(join(tmpdir(), 'spillway-compare-'));
const used = join(dir, 'used');
const hook = join(dir, 'hook.cjs');
writeFileSync(
  hook,
  `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(used)}, JSON.stringify(process.cpuUsage())));\n`,
);
const fixture = (name: string): any =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures', name), 'utf8'));

/** A checkout, with homes of its own. */
class Side {
  readonly dir = mkdtempSync(join(dir, 'side-'));
  readonly run: string;
  /** Seconds of CPU of the last command. */
  cpu = 0;
  contract = '';
  readonly requests: string[] = [];

  constructor(checkout: string) {
    this.run = resolve(checkout, 'bin/run.js');
  }
  home = (who: string): string => join(this.dir, who);
  said(argv: readonly string[], input = ''): string {
    const env = {
      ...process.env,
      XDG_CACHE_HOME: this.dir,
      NODE_OPTIONS: `--require ${hook}`,
      SPILLWAY_TIP: '1000',
      SPILLWAY_INSECURE_SEED: '07'.repeat(32),
    };
    const ran = spawnSync(process.execPath, [this.run, ...argv], { input, env, encoding: 'utf8', maxBuffer: 1e9 });
    if (ran.status !== 0) throw new Error(`${this.run} ${argv.join(' ')}: exit ${ran.status}\n${ran.stderr}`);
    const { user, system } = JSON.parse(readFileSync(used, 'utf8')) as NodeJS.CpuUsage;
    this.cpu = (user + system) / 1e6;
    return ran.stdout;
  }
  #as = (who: string, argv: readonly string[], input = ''): string =>
    this.said([argv[0]!, '--home', this.home(who), ...argv.slice(1)], input);

  /** An open contract between two homes of this checkout, and requests over it from the largest down. */
  prepare(): void {
    for (const who of ['payee', 'payer']) this.#as(who, ['init', '--network', 'regtest']);
    const address = this.#as('payer', ['address']).trim();
    const coin = { txid: 'cc'.repeat(32), vout: 0, address, amount: 0.02, scriptPubKey: scriptOf(address, 'regtest') };
    writeFileSync(join(this.dir, 'coins.json'), JSON.stringify([{ ...coin, confirmations: 6 }]));
    const coins = ['--amount', '1200000', '--expires', '+4320', '--utxo', join(this.dir, 'coins.json')];
    const proposed = this.#as('payer', ['open-credit', ...coins], this.#as('payee', ['open-credit', '--as', 'payee']));
    const ready = this.#as('payer', ['open-credit'], this.#as('payee', ['open-credit'], proposed));
    this.contract = (JSON.parse(ready) as { contract: { id: string } }).contract.id;
    for (let i = rounds + 2; i > 0; i--) {
      const asks = ['sign-update', '--contract', this.contract, '--amount', String(1000 * i)];
      this.requests.push(this.#as('payee', asks));
    }
  }
}

type Line = (side: Side, round: number) => void;
const repeated = (line: unknown, times: number): string => `${JSON.stringify(line)}\n`.repeat(times);
const marker = (() => {
  const [{ tx, prev_txs: prev }] = fixture('assets/openassets.json').transactions;
  return repeated({ tx, prev }, 4_000);
})();
const COMMANDS: Record<string, Line> = {
  '--version': (side) => side.said(['--version']),
  status: (side) => side.said(['status', '--home', side.home('payee')]),
  'open-credit, an offer': (side) => side.said(['open-credit', '--home', side.home('payee'), '--as', 'payee']),
  'sign-update, the payer': (side, round) =>
    side.said(['sign-update', '--home', side.home('payer'), '--max', '1000000'], side.requests[round + 2]!),
  'decode-openassets, 4,000 transactions': (side) => side.said(['decode-openassets', '--batch'], marker),
};

/** A payee's home behind `serve --stdio`, and a payer with contracts that were opened over it. */
class Counter {
  readonly server: Served;
  readonly #payer: TestParty;
  readonly #ecash: boolean;
  readonly #ids: string[] = [];

  private constructor(server: Served, payer: TestParty, ecash: boolean) {
    [this.server, this.#payer, this.#ecash] = [server, payer, ecash];
  }
  static async open(side: Side, ecash: boolean): Promise<Counter> {
    const home = side.home(`served-${ecash}`);
    side.said(['init', '--home', home, '--network', 'regtest']);
    if (ecash) side.said(['ecash-keyset', '--home', home]);
    const counter = new Counter(
      new Served(side.run, home, 7, ecash ? ['--ecash', 'home'] : []),
      await TestParty.make(),
      ecash,
    );
    await counter.server.line();
    for (let i = 0; i < 16; i++) counter.#ids.push(await counter.#opened());
    return counter;
  }
  async #ask(text: string): Promise<string> {
    const [reply] = (await this.server.answers([text])).replies;
    if (reply!.startsWith('{"error"')) throw new Error(reply);
    return reply!;
  }
  async #opened(): Promise<string> {
    const asked = await this.#payer.run(openCredit, { input: { as: 'payer' } });
    const utxo = [await ownCoin(this.#payer, 1_300_000n)];
    const input = { utxo, amount: 1_200_000n, expires: { blocks: 4320 } };
    const proposed = await this.#payer.run(openCredit, { on: await this.#ask(asked.text), input });
    const ready = await this.#payer.run(openCredit, { on: await this.#ask(proposed.text) });
    return (ready.message['contract'] as { id: string }).id;
  }
  /** One payment over each contract. Resolves to seconds of the server's CPU. */
  async pay(): Promise<number> {
    const before = cpuOf(this.server.child.pid!);
    const input = this.#ecash ? { ecash: true, maxInflight: 1_000_000_000n } : {};
    for (const contract of this.#ids) {
      const asked = await this.#payer.run(signUpdate, { input: { contract, amount: 1_000n } });
      const signed = await this.#payer.run(signUpdate, { on: await this.#ask(asked.text), input });
      await this.#ask(signed.text);
    }
    return cpuOf(this.server.child.pid!) - before;
  }
  async end(): Promise<void> {
    await this.server.end();
    this.#payer.close();
  }
}

const SERVERS: Record<string, boolean> = { 'serve, 16 payments': false, 'serve, 16 payments, ecash on': true };

/** Prints a line. @returns whether AFTER takes no more than is allowed */
function told(what: string, before: readonly number[], after: readonly number[]): boolean {
  const [was, is] = [median(before), median(after)];
  const held = is / was <= MOST;
  const ms = (seconds: number): string => (1_000 * seconds).toFixed(1);
  console.log(`${held ? 'ok  ' : 'OVER'}  ${what}: ${ms(was)} → ${ms(is)} ms of CPU, × ${(is / was).toFixed(3)}`);
  return held;
}

const [before, after, ...wanted] = process.argv.slice(2);
if (before === undefined || after === undefined) throw new Error('two checkouts expected: BEFORE AFTER [LINE...]');
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.some((part) => name.includes(part));
const sides = [new Side(before), new Side(after)] as const;
let held = true;
try {
  for (const side of sides) side.prepare();
  for (const [name, line] of Object.entries(COMMANDS).filter(([name]) => isWanted(name))) {
    const times = sides.map(() => [] as number[]);
    for (let round = -2; round < rounds; round++)
      for (const [i, side] of sides.entries()) {
        line(side, round);
        if (round >= 0) times[i]!.push(side.cpu);
      }
    held = told(name, times[0]!, times[1]!) && held;
  }
  for (const [name, ecash] of Object.entries(SERVERS).filter(([name]) => isWanted(name))) {
    const counters = [await Counter.open(sides[0], ecash), await Counter.open(sides[1], ecash)];
    const times = sides.map(() => [] as number[]);
    for (let round = -10; round < rounds; round++)
      for (const [i, counter] of counters.entries()) {
        const cpu = await counter.pay();
        if (round >= 0) times[i]!.push(cpu);
      }
    for (const counter of counters) await counter.end();
    held = told(name, times[0]!, times[1]!) && held;
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = held ? 0 : 1;
