/** Two homes in a directory, and pipelines of the built program between them, run by bash with pipefail. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BIN, freshDir, start, type Ran } from '../cli/run.ts';
import { satOf, scriptOf, type Coin, type TestNode } from './node.ts';

/** Short terms, so that little mining is needed. */
export const POLICY = '--min-blocks 30 --freeze 20 --margin 10';

const PRELUDE = `
spillway() { "${process.execPath}" "${BIN}" "$@"; }
# open SAT EXPIRES [FLAGS of the offer]: the four steps of an opening, funded from coins.json
open() {
  spillway open-credit --home mint --as payee ${POLICY} "\${@:3}" \\
    | spillway open-credit --home user --amount "$1" --expires "$2" --utxo coins.json \\
    | spillway open-credit --home mint \\
    | spillway open-credit --home user
}
# pay ID SAT: one payment
pay() {
  spillway sign-update --home mint --contract "$1" --amount "$2" \\
    | spillway sign-update --home user --amount "$2" \\
    | spillway sign-update --home mint
}
`;

/** A printed document, with what the suites read of it. */
export type Printed = Record<string, any>;

export class Pipes {
  readonly dir = freshDir();
  readonly node: TestNode;
  /** What the user's home was given from outside, in all. */
  readonly funded: Coin[] = [];
  /** Scripts that pay the mint. */
  readonly payees = new Set<string>();

  constructor(node: TestNode) {
    this.node = node;
  }

  /** Runs a line of bash, with the built program as `spillway`. */
  run(line: string, env: Record<string, string> = {}): Promise<Ran> {
    return start('bash', ['-o', 'pipefail', '-c', `${PRELUDE}\n${line}`], {
      cwd: this.dir,
      env: { SPILLWAY_CHAIN: this.node.url, ...env },
    });
  }

  /** Runs a pipeline that succeeds, and reads what it prints. */
  async json(line: string, code = 0): Promise<Printed> {
    const ran = await this.run(line);
    expect(ran, `${line}\n${ran.stderr}`).toMatchObject({ code });
    const printed = JSON.parse(ran.stdout) as Printed;
    for (const { payee_address: payee } of [printed['contract'], printed['next_contract']].filter(
      (c) => c?.payee_address,
    ))
      this.payees.add(scriptOf(payee));
    return printed;
  }

  async text(line: string): Promise<string> {
    const ran = await this.run(line);
    expect(ran, `${line}\n${ran.stderr}`).toMatchObject({ code: 0 });
    return ran.stdout.trim();
  }

  /** Runs a line that is refused: named error, exit code, nothing on stdout. */
  async refused(line: string, code: number, ...errors: string[]): Promise<Ran> {
    const ran = await this.run(line);
    expect(ran, `${line}\n${ran.stderr}`).toMatchObject({ code, stdout: '' });
    expect(errors).toContain(/^error\[(.+?)\]/m.exec(ran.stderr)?.[1]);
    return ran;
  }

  async homes(): Promise<void> {
    await this.text('spillway init --home mint --network regtest; spillway init --home user --network regtest');
  }

  /** Gives the user a coin, and writes coins.json: what `spillway coins` lists, or, where the node cannot search, that coin. */
  async giveCoin(sat: bigint): Promise<Coin> {
    const coin = await this.node.fund(await this.text('spillway address --home user'), sat);
    this.funded.push(coin);
    this.write('coins.json', [coin]);
    if (this.node.kind === 'bitcoind') await this.text('spillway coins --home user > coins.json');
    return coin;
  }

  /** Opens a contract, funds it on the chain, and waits for one block. */
  async open(sat: number, expires: string, flags = ''): Promise<{ id: string; expiry: number; contract: Printed }> {
    await this.giveCoin(BigInt(sat) + 10_000n);
    const { contract } = await this.json(`open ${sat} ${expires} ${flags} | tee ready.json`);
    await this.broadcast('ready.json');
    await this.node.mine();
    return { id: contract.id, expiry: contract.expiry, contract };
  }

  pay(id: string, sat: number): Promise<Printed> {
    return this.json(`pay ${id} ${sat}`);
  }

  /** Sends the transaction of a document in a file. */
  async broadcast(file: string): Promise<string> {
    return (await this.json(`spillway broadcast ${file}`))['txid'];
  }

  /** Sends it, and sees it in the next block. */
  async confirm(file: string): Promise<string> {
    const txid = await this.broadcast(file);
    await this.node.mine();
    expect(await this.node.isMined(txid)).toBe(true);
    return txid;
  }

  read(file: string): Printed {
    return JSON.parse(readFileSync(join(this.dir, file), 'utf8'));
  }
  write(file: string, value: unknown): void {
    writeFileSync(join(this.dir, file), `${JSON.stringify(value)}\n`);
  }
  has(file: string): boolean {
    return existsSync(join(this.dir, file));
  }

  /**
   * Follows the coins that the user was given through every block since: what was paid in fees, and what is left to
   * whom. A transaction that mixes in coins from elsewhere is an error.
   */
  async ledger(): Promise<{ funded: bigint; fees: bigint; mint: bigint; user: bigint; transactions: string[] }> {
    const { node } = this;
    const at = (o: { txid: string; vout: number }): string => `${o.txid}:${o.vout}`;
    const coins = new Map(this.funded.map((c) => [at(c), { sat: satOf(c.amount), script: c.scriptPubKey }]));
    const sum = (all: Iterable<{ sat: bigint }>): bigint => [...all].reduce((total, { sat }) => total + sat, 0n);
    const funded = sum(coins.values());
    let fees = 0n;
    const transactions: string[] = [];
    const tip = await node.height();
    for (let height = 1; height <= tip; height++) {
      const { tx: txids } = await node.rpc('getblock', await node.rpc('getblockhash', height), 1);
      for (const txid of (txids as string[]).slice(1)) {
        const tx = await node.tx(txid);
        const spent = tx.inputs.flatMap((i) => coins.get(at(i)) ?? []);
        if (spent.length === 0) continue;
        if (spent.length !== tx.inputs.length) throw new Error(`${txid} spends coins from elsewhere`);
        for (const input of tx.inputs) coins.delete(at(input));
        tx.outputs.forEach((output, vout) => coins.set(at({ txid, vout }), output));
        fees += sum(spent) - sum(tx.outputs);
        transactions.push(txid);
      }
    }
    const mint = sum([...coins.values()].filter((c) => this.payees.has(c.script)));
    return { funded, fees, mint, user: sum(coins.values()) - mint, transactions };
  }
}
