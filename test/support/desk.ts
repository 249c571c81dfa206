/**
 * Homes of one machine as their users have them: each run a command line of the built program (`host.ts`), all before one node,
 * whose chain a test plays. Played in process: `party.ts` beside this file.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import type { Ran } from '../cli/run.ts';
import { FakeChain } from './chain.ts';
import { startFakeNode, type FakeNode } from './fake-node.ts';
import { warm } from './host.ts';

export interface Said extends Ran {
  /** What was printed, parsed; undefined for nothing, or several lines. */
  out: any;
}

export class Desk {
  readonly dir = mkdtempSync(join(tmpdir(), 'spillway-desk-'));
  readonly chain = new FakeChain(1000);
  readonly #node: FakeNode;
  #coins = 0;
  private constructor(node: FakeNode) {
    this.#node = node;
  }
  /** @param index whether the node keeps an index of transactions */
  static async make(homes: readonly string[], index = true): Promise<Desk> {
    let chain: FakeChain | undefined;
    const answers = new Proxy({}, { get: (_, method: string) => chain!.answers(index)[method] });
    const desk = new Desk(await startFakeNode(answers));
    chain = desk.chain;
    await Promise.all(homes.map((home) => desk.ok(home, ['init', '--network', 'regtest'])));
    return desk;
  }
  /** @param home its name, or the directory of one that was made elsewhere */
  async run(home: string, argv: readonly string[], stdin = '', env: Record<string, string> = {}): Promise<Said> {
    const own = { SPILLWAY_HOME: resolve(this.dir, home), SPILLWAY_CHAIN: this.#node.url, CI: '1' };
    const ran = await warm(argv, { stdin, env: { ...own, ...env }, cwd: this.dir });
    let out: unknown;
    try {
      out = JSON.parse(ran.stdout);
    } catch {
      out = undefined;
    }
    return { ...ran, out };
  }
  /** Expects exit 0 or 3. */
  async ok(home: string, argv: readonly string[], stdin = '', env: Record<string, string> = {}): Promise<Said> {
    const said = await this.run(home, argv, stdin, env);
    if (said.code !== 0 && said.code !== 3) throw new Error(`${home}: spillway ${argv.join(' ')}\n${said.stderr}`);
    return said;
  }
  /** A file of one confirmed coin that belongs to a home, for --utxo. */
  async coin(home: string, sat: bigint): Promise<string> {
    const { stdout, out } = await this.ok(home, ['address']);
    const address = (out?.address ?? stdout.trim()) as string;
    const txid = (this.#coins += 1).toString(16).padStart(64, '0');
    const script = scriptOf(address, 'regtest');
    this.chain.give({ txid, vout: 0, sat, script });
    const listed = { txid, vout: 0, amount: Number(sat) / 1e8, scriptPubKey: script, address, confirmations: 6 };
    return this.file(`coin-${txid}.json`, JSON.stringify([{ ...listed, spendable: true, solvable: true, safe: true }]));
  }
  file(name: string, text: string): string {
    writeFileSync(join(this.dir, name), text, { mode: 0o600 });
    return name;
  }
  send = (home: string, document: string): Promise<Said> => this.ok(home, ['broadcast'], document);
  close(): void {
    this.#node.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
