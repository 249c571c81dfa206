/**
 * The homes around a running mint as their owners have them: directories, each step a command line of the built program, the
 * operator's home served by a process of its own that can be killed. In process: `mint-home.ts`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { BIN, cleanEnv, freshDir, spillway } from '../cli/run.ts';
import { warm } from './host.ts';
import { until } from './mint-home.ts';

export type Who = 'mint' | 'user' | 'merchant';
export type Message = Record<string, any>;

export class Shop {
  readonly dir = freshDir();
  /** Where the mint is. */
  url = '';
  tip = 1_000;
  /** All that the server has said on stderr. */
  log = '';
  http = '';
  cdk = '';
  #server: ChildProcess | undefined;
  #coins = 0;

  static async make(): Promise<Shop> {
    const shop = new Shop();
    for (const who of ['mint', 'user', 'merchant'] as const) await shop.said(who, ['init', '--network', 'regtest']);
    return shop;
  }
  path = (name: string): string => join(this.dir, name);

  async run(who: Who, argv: readonly string[], stdin = '', env: Record<string, string> = {}) {
    return spillway(argv, { stdin, env: { ...this.#env(who), ...env }, cwd: this.dir });
  }
  #env(who: Who): Record<string, string> {
    const mint = this.url === '' ? {} : { SPILLWAY_PRIVATE_MINT: this.url };
    return { SPILLWAY_HOME: this.path(who), SPILLWAY_TIP: String(this.tip), ...mint };
  }
  /** A run that succeeds. */
  async said(who: Who, argv: readonly string[], stdin = ''): Promise<string> {
    const { code, stdout, stderr } = await warm(argv, { stdin, env: this.#env(who), cwd: this.dir });
    if (code !== 0) throw new Error(`${who}: ${argv.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Starts the operator's server; `stopAt`: it dies at that point, as by a crash. */
  async serve(stopAt?: string, address = '127.0.0.1:0'): Promise<void> {
    const argv = ['serve', '--http', '0', '--cdk', address, '--mint', this.url, '--cdk-insecure'];
    const env = { SPILLWAY_HOME: this.path('mint'), SPILLWAY_TIP: String(this.tip) };
    const stopped = stopAt === undefined ? {} : { SPILLWAY_STOP_AT: stopAt };
    const child = spawn(process.execPath, [BIN, ...argv], { env: cleanEnv({ ...env, ...stopped }), cwd: this.dir });
    this.#server = child;
    child.stderr.on('data', (part: Buffer) => (this.log += part.toString()));
    const first = await new Promise<string>((done, fail) => {
      createInterface(child.stdout).once('line', done);
      child.once('exit', (code) => fail(new Error(`the server ended with ${code}: ${this.log}`)));
    });
    ({ http: this.http, cdk: this.cdk } = JSON.parse(first));
  }
  proved = (): Promise<void> => until(() => this.log.includes("is this home's"), 'the proof of the mint');
  /** Resolves once it has ended. */
  async gone(): Promise<void> {
    const child = this.#server;
    if (child && child.exitCode === null && child.signalCode === null)
      await new Promise((done) => child.once('exit', done));
  }
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#server?.kill(signal);
    await this.gone();
    this.log = '';
  }

  /** What the server answers to a message; the answer is a refusal where it is one. */
  async post(body: string): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(this.http, { method: 'POST', body, headers })).text();
  }

  async #coin(who: Who, sat: number): Promise<string> {
    const address = (await this.said(who, ['address'])).trim();
    const file = this.path(`coins-${++this.#coins}.json`);
    const coin = {
      txid: this.#coins.toString(16).padStart(64, 'c'),
      vout: 0,
      address,
      amount: '@',
      scriptPubKey: scriptOf(address, 'regtest'),
      confirmations: 6,
    };
    const amount = `${Math.floor(sat / 1e8)}.${String(sat % 1e8).padStart(8, '0')}`;
    writeFileSync(file, `[${JSON.stringify(coin).replace('"@"', amount)}]\n`);
    return file;
  }
  async #open(payee: Who, payer: Who, offer: readonly string[], amount: number): Promise<string> {
    const coins = await this.#coin(payer, amount + 100_000);
    const offered = await this.said(payee, ['open-credit', '--as', 'payee', '--mint', this.url, ...offer]);
    const funds = ['open-credit', '--amount', String(amount), '--expires', '+4320', '--utxo', coins];
    const proposed = await this.said(payer, funds, offered);
    const accepted = await this.said(payee, ['open-credit'], proposed);
    return JSON.parse(await this.said(payer, ['open-credit'], accepted)).contract.id;
  }
  forward = (amount = 1_200_000): Promise<string> => this.#open('mint', 'user', ['--ecash', 'cdk'], amount);
  reverse = (amount = 1_000_000): Promise<string> => this.#open('merchant', 'mint', [], amount);
  async roll(contract: string, payee: Who, payer: Who, amount: number): Promise<Message> {
    const coins = await this.#coin(payer, amount);
    const offered = await this.said(payee, ['rollover', '--contract', contract]);
    const proposed = await this.said(
      payer,
      ['rollover', '--expires', '+4320', '--amount', String(amount), '--utxo', coins],
      offered,
    );
    const accepted = await this.said(payee, ['rollover'], proposed);
    const signed = await this.said(payer, ['rollover'], accepted);
    return JSON.parse(await this.said(payee, ['rollover'], signed));
  }

  async bind(contract: string, ...more: string[]): Promise<string> {
    const made = await this.said('user', ['ecash-quote', '--mint', this.url, '--contract', contract, ...more]);
    return JSON.parse(await this.said('user', ['ecash-quote'], await this.post(made))).quote;
  }
  /** One payment of the customer, through the server; or by processes of the operator, where nothing serves. */
  async pay(contract: string, amount: number, through = (text: string) => this.post(text)): Promise<Message> {
    const asked = await this.said('user', ['sign-update', '--contract', contract, '--amount', String(amount)]);
    const signed = await this.said('user', ['sign-update', '--max-inflight', '10000000'], await through(asked));
    return JSON.parse(await through(signed));
  }
  byHand = (text: string): Promise<string> => this.said('mint', ['sign-update'], text);
  mintToken = (contract: string): Promise<string> => this.said('user', ['ecash-mint', '--contract', contract]);
  invoice = async (contract: string, amount: number): Promise<string> =>
    (await this.said('merchant', ['credit-invoice', '--contract', contract, '--amount', String(amount)])).trim();
  /** A wallet pays an invoice with a token in a file; the rest is in the file afterwards. */
  async melt(invoice: string, file: string) {
    const rest = `${file}.rest`;
    const argv = ['ecash-melt', '--mint', this.url, '--token-file', file, '--invoice', invoice, '--change-out', rest];
    const ran = await this.run('user', argv);
    if (ran.code === 0 && existsSync(this.path(rest))) {
      cpSync(this.path(rest), this.path(file));
      rmSync(this.path(rest));
    }
    return ran;
  }
  async owed(contract: string): Promise<Message> {
    const queried = await this.said('merchant', ['credit-invoice', '--contract', contract, '--check']);
    return JSON.parse(await this.said('merchant', ['credit-invoice'], await this.post(queried)));
  }
  async settle(contract: string, amount: number): Promise<Message> {
    const requested = await this.said('merchant', ['sign-update', '--contract', contract, '--amount', String(amount)]);
    return JSON.parse(await this.said('merchant', ['sign-update'], await this.post(requested)));
  }
  async figures(quote: string): Promise<Message> {
    return (await fetch(`${this.url}/v1/mint/quote/credit/${quote}`)).json() as Promise<Message>;
  }
  /** Waits until the mint counts so much. */
  arrived = (quote: string, paid: number): Promise<void> =>
    until(async () => (await this.figures(quote))['amount_paid'] === paid, `${paid} sat on ${quote}`);

  /** Copies a directory away, to be put back as an older copy. */
  copy(name: string): () => void {
    const kept = this.path(`${name}.copy`);
    cpSync(this.path(name), kept, { recursive: true, preserveTimestamps: true });
    return () => {
      rmSync(this.path(name), { recursive: true });
      cpSync(kept, this.path(name), { recursive: true, preserveTimestamps: true });
    };
  }
  read = (name: string): string => readFileSync(this.path(name), 'utf8');
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
