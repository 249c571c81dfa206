/**
 * A Bitcoin node of one's own on regtest: Bitcoin Core, else btcd, behind one face.
 *
 * Whatever starts here ends with the process that started it, however that ends: a shell holds node and directory, waits
 * for the end of its stdin, and clears both away. Coins come from a wallet of the suite's own (one key, BIP86), because
 * btcd has none.
 * BITCOIND and BTCD name the programs, NODE_SUITE=bitcoind or =btcd forces one.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Address, OutScript } from '@scure/btc-signer';
import { p2tr } from '@scure/btc-signer/payment.js';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { pubSchnorr } from '@scure/btc-signer/utils.js';
import { prefixes } from '../../src/lib/bitcoin/network.ts';
import { freePort } from '../support/port.ts';

export type Kind = 'bitcoind' | 'btcd';
export interface Found {
  kind: Kind;
  path: string;
  version: string;
  major: number;
}

export const WANTED = 'no bitcoind >= 28 and no btcd found (BITCOIND, BTCD, PATH)';

/** The node to run on; undefined where there is none. @throws where NODE_SUITE, BITCOIND or BTCD name what is not there */
export function findNode(): Found | undefined {
  const forced = process.env['NODE_SUITE'];
  if (forced !== undefined && forced !== 'bitcoind' && forced !== 'btcd')
    throw new Error(`NODE_SUITE=${forced} found, bitcoind or btcd expected`);
  const found =
    (forced !== 'btcd' ? program('bitcoind', 'BITCOIND', 28) : undefined) ??
    (forced !== 'bitcoind' ? program('btcd', 'BTCD', 0) : undefined);
  if (!found && forced) throw new Error(`NODE_SUITE=${forced} found, and no such program`);
  return found;
}

function program(kind: Kind, variable: string, atLeast: number): Found | undefined {
  const path = process.env[variable] || kind;
  try {
    const said = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [, version, major] = /version v?((\d+)\.[\w.]+)/.exec(said) ?? [];
    if (version !== undefined && Number(major) >= atLeast) return { kind, path, version, major: Number(major) };
    if (process.env[variable]) throw new Error(`${variable} is no ${kind} >= ${atLeast}`);
  } catch (error) {
    if (process.env[variable]) throw error;
  }
  return undefined;
}

/** An entry of `listunspent`. */
export interface Coin {
  txid: string;
  vout: number;
  address: string;
  scriptPubKey: string;
  amount: number;
  confirmations: number;
}

export interface Tx {
  txid: string;
  inputs: { txid: string; vout: number }[];
  outputs: { sat: bigint; script: string }[];
}

/** Core relays no transaction below it, alone. Above the 1 sat/vB that a policy can ask for at least, below all else. */
const MIN_RELAY = '0.000015';
const FEE = 1_000n;
const MATURE = 100;
const REGTEST = prefixes('regtest');
/** A shell's text: runs a program until stdin ends, and then removes the directory that is its `$0`. */
export const SWEEPER = `"$@" >/dev/null 2>&1 & node=$!; cat >/dev/null; kill $node 2>/dev/null; wait $node; rm -rf "$0"`;

export const scriptOf = (address: string): string =>
  Buffer.from(OutScript.encode(Address(REGTEST).decode(address))).toString('hex');

export class RpcFailure extends Error {}

export class TestNode {
  readonly kind: Kind;
  readonly found: Found;
  readonly dir: string;
  readonly port: number;
  /** For SPILLWAY_CHAIN. */
  readonly url: string;
  /** `bitcoin-cli …` of this node, where it is Bitcoin Core. */
  readonly cli: string;
  /** Its cookie file, where it is Bitcoin Core: another one after each start. */
  readonly cookie: string;
  readonly #argv: readonly string[];
  #more: readonly string[] = [];
  /** The shells that hold it, one for each start. */
  readonly #shells: ChildProcess[] = [];
  readonly #key = randomBytes(32);
  readonly #payment = p2tr(pubSchnorr(this.#key), undefined, REGTEST);
  readonly #login = `suite:${randomBytes(12).toString('hex')}`;
  /** Of the suite's own wallet; `from` is the height at which a coin can be spent. */
  readonly #coins: { txid: string; vout: number; sat: bigint; from: number }[] = [];

  private constructor(found: Found, port: number, conf: readonly string[]) {
    this.found = found;
    this.kind = found.kind;
    this.dir = mkdtempSync(join(tmpdir(), `spillway-${found.kind}-`));
    this.port = port;
    const [user, password] = this.#login.split(':');
    this.url = `http://${this.#login}@127.0.0.1:${this.port}`;
    this.cli = `${found.path.replace(/bitcoind$/, 'bitcoin-cli')} -regtest -datadir=${this.dir}`;
    this.cookie = join(this.dir, 'regtest', '.cookie');
    const file = join(this.dir, found.kind === 'btcd' ? 'btcd.conf' : 'bitcoin.conf');
    this.#argv =
      found.kind === 'btcd'
        ? [`--configfile=${file}`, `--datadir=${this.dir}/data`, `--logdir=${this.dir}/log`]
        : [`-datadir=${this.dir}`];
    writeFileSync(
      file,
      found.kind === 'btcd'
        ? `[Application Options]
regtest=1
notls=1
txindex=1
nolisten=1
rpcuser=${user}
rpcpass=${password}
rpclisten=127.0.0.1:${this.port}
miningaddr=${this.#payment.address}
`
        : `regtest=1
[regtest]
${conf.join('\n')}
server=1
listen=0
dnsseed=0
fallbackfee=0.0001
minrelaytxfee=${MIN_RELAY}
rpcauth=${user}:00$${createHmac('sha256', '00').update(password!).digest('hex')}
rpcport=${this.port}
rpcbind=127.0.0.1
rpcallowip=127.0.0.1
`,
    );
    this.#spawn();
  }

  #spawn(): void {
    const argv = ['-c', SWEEPER, this.dir, this.found.path, ...this.#argv, ...this.#more];
    this.#shells.push(spawn('bash', argv, { stdio: ['pipe', 'ignore', 'ignore'] }));
  }

  /**
   * Starts a node, and mines until the suite's wallet has coins.
   * @param conf of Bitcoin Core; by default it keeps an index, which `isMined` asks
   */
  static async start(found: Found, conf: readonly string[] = ['txindex=1']): Promise<TestNode> {
    const node = new TestNode(found, await freePort(), conf);
    try {
      await node.#ready();
      await node.mine(MATURE + 20);
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  async #ready(): Promise<void> {
    const until = Date.now() + 60_000;
    for (;;) {
      try {
        await this.rpc('getblockcount');
        return;
      } catch (error) {
        if (Date.now() > until) throw new Error(`${this.kind} does not answer: ${String(error)}\n${this.log()}`);
        await sleep(100);
      }
    }
  }

  /** Ends Bitcoin Core in order, as a machine does that goes down. Its directory stays. */
  async goDown(): Promise<void> {
    const pid = Number(readFileSync(join(this.dir, 'regtest', 'bitcoind.pid'), 'utf8'));
    await this.rpc('stop');
    while (isRunning(pid)) await sleep(50);
  }
  /** Starts it again, on the same port. */
  async comeBack(): Promise<void> {
    this.#spawn();
    await this.#ready();
  }

  /** Goes down and comes back with these arguments beside its own, such as `-minrelaytxfee=0.0002`. */
  async restarted(...more: string[]): Promise<void> {
    await this.goDown();
    this.#more = more;
    await this.comeBack();
  }

  /** Ends the node and removes its directory. */
  async stop(): Promise<void> {
    for (const shell of this.#shells.reverse()) {
      if (shell.exitCode !== null) continue;
      const ended = new Promise((done) => shell.once('exit', done));
      shell.stdin!.end();
      await ended;
    }
  }

  /** The last lines of its log. */
  log(): string {
    const file = join(this.dir, this.kind === 'btcd' ? 'log/regtest/btcd.log' : 'regtest/debug.log');
    try {
      return readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
    } catch {
      return 'no log';
    }
  }

  /** @throws RpcFailure with the node's words */
  async rpc<T = any>(method: string, ...params: unknown[]): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${this.port}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(this.#login).toString('base64')}` },
      body: JSON.stringify({ jsonrpc: '1.0', id: 1, method, params }),
    });
    const { result, error } = (await answer.json()) as { result: T; error: { code: number; message: string } | null };
    if (error) throw new RpcFailure(`${method}: ${error.message} (${error.code})`);
    return result;
  }

  /** What another program needs to ask it. */
  login(): { host: string; user: string; password: string } {
    const [user, password] = this.#login.split(':') as [string, string];
    return { host: `127.0.0.1:${this.port}`, user, password };
  }

  height(): Promise<number> {
    return this.rpc('getblockcount');
  }

  /** Mines to the suite's own wallet. @returns the blocks' hashes */
  async mine(n = 1): Promise<string[]> {
    const hashes = await (this.kind === 'btcd'
      ? this.rpc<string[]>('generate', n)
      : this.rpc<string[]>('generatetoaddress', n, this.#payment.address));
    for (const hash of hashes) {
      const { tx, height } = await this.rpc('getblock', hash, 1);
      const { outputs } = await this.tx(tx[0], hash);
      this.#coins.push({ txid: tx[0], vout: 0, sat: outputs[0]!.sat, from: height + MATURE });
    }
    return hashes;
  }

  /** Mines until the tip is there. */
  async mineTo(height: number): Promise<void> {
    const missing = height - (await this.height());
    if (missing > 0) await this.mine(missing);
  }

  /** @param block where it is, for a node without an index */
  async tx(txid: string, block?: string): Promise<Tx> {
    const where = block !== undefined && this.kind === 'bitcoind' ? [0, block] : [];
    const tx = parse(await this.rpc<string>('getrawtransaction', txid, ...where));
    const each = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i));
    return {
      txid,
      inputs: each(tx.inputsLength, (i) => {
        const { txid: spent, index } = tx.getInput(i);
        return { txid: Buffer.from(spent!).toString('hex'), vout: index! };
      }),
      outputs: each(tx.outputsLength, (i) => {
        const { amount, script } = tx.getOutput(i);
        return { sat: amount!, script: Buffer.from(script!).toString('hex') };
      }),
    };
  }

  /** Is the transaction in a block? */
  async isMined(txid: string): Promise<boolean> {
    try {
      return ((await this.rpc('getrawtransaction', txid, 1)).confirmations ?? 0) > 0;
    } catch (error) {
      if (error instanceof RpcFailure) return false;
      throw error;
    }
  }

  /** Pays from the suite's wallet, mines a block, and gives the coin. */
  async fund(address: string, sat: bigint): Promise<Coin> {
    const { txid, hex } = await this.#make(address, sat);
    await this.rpc('sendrawtransaction', hex);
    await this.mine();
    return coin(txid, address, sat);
  }

  /** A coin of the suite's own wallet, confirmed, that `sign` spends. */
  async ownCoin(sat: bigint): Promise<Coin> {
    return this.fund(this.#payment.address!, sat);
  }

  /** Signs the inputs of a PSBT that spend coins of the suite's own wallet, known by their script as Core knows its own. */
  sign(psbt: string): { hex: string; txid: string; psbt: string } {
    const tx = Transaction.fromPSBT(Buffer.from(psbt, 'base64'));
    const own = Array.from({ length: tx.inputsLength }, (_, i) => i).filter((i) =>
      Buffer.from(this.#payment.script).equals(tx.getInput(i).witnessUtxo!.script),
    );
    for (const i of own) {
      tx.updateInput(i, { tapInternalKey: pubSchnorr(this.#key) }, true);
      tx.signIdx(this.#key, i);
    }
    const signed = Buffer.from(tx.toPSBT(0)).toString('base64');
    for (const i of own) tx.finalizeIdx(i);
    return { hex: tx.hex, txid: tx.id, psbt: signed };
  }

  /** A transaction that spends one coin of the suite's own wallet, as an unsigned PSBT. */
  spend(from: Coin, address: string, sat: bigint): string {
    const tx = new Transaction({ version: 2 });
    this.#spend(tx, from.txid, from.vout, satOf(from.amount));
    tx.addOutputAddress(address, sat, REGTEST);
    return Buffer.from(tx.toPSBT(0)).toString('base64');
  }

  #spend(tx: Transaction, txid: string, vout: number, sat: bigint): void {
    tx.addInput({
      txid,
      index: vout,
      sequence: 0xfffffffd,
      witnessUtxo: { amount: sat, script: this.#payment.script },
      tapInternalKey: pubSchnorr(this.#key),
    });
  }

  async #make(address: string, sat: bigint): Promise<{ txid: string; hex: string }> {
    const next = (await this.height()) + 1;
    const at = this.#coins.findIndex((c) => c.from <= next && c.sat > sat + 2n * FEE);
    if (at < 0) throw new Error('no coin of the suite is mature and large enough');
    const [from] = this.#coins.splice(at, 1);
    const tx = new Transaction({ version: 2 });
    this.#spend(tx, from!.txid, from!.vout, from!.sat);
    tx.addOutputAddress(address, sat, REGTEST);
    tx.addOutputAddress(this.#payment.address!, from!.sat - sat - FEE, REGTEST);
    tx.sign(this.#key);
    tx.finalize();
    this.#coins.push({ txid: tx.id, vout: 1, sat: from!.sat - sat - FEE, from: next + 1 });
    return { txid: tx.id, hex: tx.hex };
  }
}

const parse = (hex: string): Transaction =>
  Transaction.fromRaw(Buffer.from(hex, 'hex'), {
    allowUnknownOutputs: true,
    allowUnknownInputs: true,
    disableScriptCheck: true,
  });

/** A zombie that nobody has waited for has ended too. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export const satOf = (btc: number): bigint => BigInt(Math.round(btc * 1e8));

const coin = (txid: string, address: string, sat: bigint): Coin => ({
  txid,
  vout: 0,
  address,
  scriptPubKey: scriptOf(address),
  amount: Number(sat) / 1e8,
  confirmations: 1,
});
