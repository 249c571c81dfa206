/**
 * A party under test: a real home in a temporary directory, played in process through the one runner, with chain facts
 * that the test sets. Child processes of the built program: `spillway.ts` beside this file.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { play, type Printed } from '../../src/lib/cli/play.ts';
import { promptFrom } from '../../src/lib/cli/prompt.ts';
import { creditKind, type Credit } from '../../src/lib/credit/records.ts';
import { htlcKeyKind } from '../../src/lib/htlc/records.ts';
import { swapKind } from '../../src/lib/htlc/swap-records.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import type { Action, Coin, Facts } from '../../src/lib/protocol/action.ts';
import { parseJson, withSats } from '../../src/lib/protocol/json.ts';
import type { Ports } from '../../src/lib/protocol/ports.ts';

/** What the party's chain shows; a test may change it between runs. */
export interface ChainView {
  tip: number | 'not-checked';
  coins: Map<string, Coin | 'missing'> | 'not-checked';
  known: Map<string, boolean> | 'not-checked';
  feerate: number;
  now: number;
}
/** A message as it travels. */
export type Message = Record<string, any>;
export interface Ran {
  /** What was printed, parsed (amounts are numbers). */
  message: Message;
  text: string;
  exit: 0 | 3;
  hint: string | undefined;
}
export interface RunOptions {
  /** The message to answer: an object, or the text as printed; none starts. */
  on?: Message | string | undefined;
  input?: object;
  merged?: readonly string[];
  amount?: bigint;
  max?: bigint;
  requestId?: string;
  cancel?: boolean;
  /** Called at each labelled point of the runner. */
  point?: (label: string) => void;
}

export class TestParty {
  readonly dir: string;
  readonly chain: ChainView = {
    tip: 1000,
    coins: 'not-checked',
    known: 'not-checked',
    feerate: 2000,
    now: 1_800_000_000,
  };
  home!: Home;
  readonly #seed: Uint8Array;

  private constructor(dir: string, seed: number) {
    this.dir = dir;
    this.#seed = new Uint8Array(32).fill(seed);
  }

  /** A new home; `seed` makes its randomness repeatable and must differ between parties. */
  static async make(seed: number): Promise<TestParty> {
    const party = new TestParty(join(mkdtempSync(join(tmpdir(), 'spillway-party-')), 'home'), seed);
    await initHome({ dir: party.dir, network: 'regtest', insecureSeed: party.#seed });
    await party.reopen();
    return party;
  }

  async reopen(dir = this.dir): Promise<void> {
    this.home?.close();
    this.home = await openHome({
      dir,
      insecureSeed: this.#seed,
      kinds: async () => [creditKind, htlcKeyKind, swapKind],
    });
  }

  ports(options: RunOptions = {}): Ports {
    const { home, chain } = this;
    const facts: Partial<Facts> = { ...chain };
    return {
      network: home.network,
      restored: home.restored,
      store: home.store,
      source: {
        facts: async () => ({ facts, checks: { tip: chain.tip === 'not-checked' ? 'not-checked' : 'given' } }),
      },
      prompt: promptFrom({ amount: options.amount, max: options.max }),
      keys: async (nonces) => (await home.keys()).keysWith(await Promise.all(nonces.map((n) => n.unseal()))),
      random: () => home.random(),
      copy: (copies) => home.copy(copies),
      point: options.point ?? (() => {}),
    };
  }

  /** Plays one row of a table. @throws Refusal */
  async run(table: Action<any, any, any>, options: RunOptions = {}): Promise<Ran> {
    const { on } = options;
    const json = on === undefined ? null : parseJson(typeof on === 'string' ? on : JSON.stringify(on));
    const line = {
      json,
      input: options.input ?? {},
      merged: options.merged ?? [],
      requestId: options.requestId,
      cancel: options.cancel ?? false,
    };
    const printed: Printed = await play(table, line, this.ports(options));
    return { message: JSON.parse(printed.text) as Message, text: printed.text, exit: printed.exit, hint: printed.hint };
  }

  /** The record of a contract, by id or prefix. */
  async record(id: string): Promise<Credit> {
    return withSats((await this.home.store.byName(id))[0]!.record) as Credit;
  }

  /** Everything in the store that a step could change, to see that a refused one changed nothing. */
  async state(): Promise<unknown> {
    const { store } = this.home;
    return { records: await store.list(), addresses: await store.addresses(), commits: await store.commits() };
  }

  close(): void {
    this.home.close();
    rmSync(join(this.dir, '..'), { recursive: true, force: true });
  }
}
