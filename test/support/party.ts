/**
 * A party under test: a real home in a temporary directory, played in process through the one runner, with chain facts
 * that the test sets. Child processes of the built program: `spillway.ts` beside this file.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Network } from '../../src/lib/bitcoin/network.ts';
import { mintQuote } from '../../src/lib/cashu/quotes.ts';
import { play, type PrintedReply } from '../../src/lib/engine/play.ts';
import { promptFrom } from '../../src/lib/cli/prompt.ts';
import { allKinds } from '../../src/lib/families.ts';
import { isFunded, type Credit, type PayeeCredit, type PayerCredit } from '../../src/lib/credit/records.ts';
import { statusOf, type CreditStatusLine } from '../../src/lib/credit/status.ts';
import {
  ledgerClaim,
  ledgerKind,
  payeeLedger,
  payerLedger,
  type PayeeLedger,
  type PayerLedger,
} from '../../src/lib/ecash/ledger.ts';
import { toldOf } from '../../src/lib/ecash/status.ts';
import type { MintAnswer } from '../../src/lib/ecash/quote.ts';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import type { Action, Claim, Utxo, Facts, Remote, SpentBy } from '../../src/lib/protocol/action.ts';
import { permitServed, type Ports } from '../../src/lib/protocol/ports.ts';
import { parseJson, withSats } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';

/** What the party's chain shows; a test may change it between runs. */
export interface ChainView {
  tip: number | 'not-checked';
  coins: Map<string, Utxo | 'missing'> | 'not-checked';
  known: Map<string, boolean> | 'not-checked';
  /** What spends coins that are missing, by outpoint. */
  spends: Map<string, SpentBy>;
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
  /** The record that --contract names for a cancel. */
  over?: Claim;
  /** Stands for the program that --signer names. */
  outside?: (body: object) => unknown;
  /** Played as a server would, with these standing orders. */
  served?: object;
  /** Called at each labelled point of the runner. */
  point?: (label: string) => void;
}

type AnyLedger = Omit<PayeeLedger, 'role'> & Omit<PayerLedger, 'role'>;

export class TestParty {
  readonly dir: string;
  readonly chain: ChainView = {
    tip: 1000,
    coins: 'not-checked',
    known: 'not-checked',
    spends: new Map(),
    feerate: 2000,
    now: 1_800_000_000,
  };
  home!: Home;
  /** Called at each labelled point of the runner, the store and the shares: where it throws, the process has died. */
  point: ((label: string) => void) | undefined;
  /** What a mint says of a quote; a test may put another answer in. */
  askMint: (asked: Remote) => Promise<MintAnswer> = ({ at, id }) => mintQuote({ url: at, named: true }, id);
  #backups = 0;
  readonly #seed: { insecureSeed?: Uint8Array };

  private constructor(dir: string, seed: number | undefined) {
    this.dir = dir;
    this.#seed = seed === undefined ? {} : { insecureSeed: new Uint8Array(32).fill(seed) };
  }

  /**
   * A new home; `seed` makes its randomness repeatable and must differ between parties; without one it is real.
   * @param store the URL of an empty PostgreSQL database
   * @param network without a seed also another than regtest
   */
  static async make(seed?: number, store?: string, network: Network = 'regtest'): Promise<TestParty> {
    const party = new TestParty(join(mkdtempSync(join(tmpdir(), 'spillway-party-')), 'home'), seed);
    await initHome({ dir: party.dir, network, ...party.#seed, ...(store !== undefined && { store }) });
    await party.reopen();
    return party;
  }

  /** A home that is there already. */
  static async at(dir: string, seed: number): Promise<TestParty> {
    const party = new TestParty(dir, seed);
    await party.reopen();
    return party;
  }

  async reopen(dir = this.dir): Promise<void> {
    this.home?.close();
    this.home = await openHome({ dir, ...this.#seed, kinds: allKinds, point: (label) => this.point?.(label) });
  }

  /** A backup of the home; its directory. */
  async backUp(): Promise<string> {
    const to = join(this.dir, '..', `backup-${(this.#backups += 1)}`);
    await this.home.backup(to, { seed: true });
    return to;
  }

  /** The home's directory is lost, and made again of a backup; journal and refunds are still there. */
  async lose(backup: string): Promise<void> {
    this.home.close();
    rmSync(this.dir, { recursive: true });
    await restoreHome({ from: backup, dir: this.dir });
    await this.reopen();
  }

  /** Only the words are left, beside journal and refunds. */
  async fromWords(): Promise<void> {
    this.home.close();
    const { mnemonic } = JSON.parse(readFileSync(join(this.dir, 'seed'), 'utf8')) as { mnemonic: string };
    rmSync(this.dir, { recursive: true });
    await initHome({ dir: this.dir, network: 'regtest', mnemonic, ...this.#seed });
    await this.reopen();
  }

  /** The files of the journal; the one that was written last comes last. */
  journal(): string[] {
    const dir = this.home.journalDir;
    const at = (file: string): number => statSync(file).mtimeMs;
    return readdirSync(dir)
      .filter((file) => file.endsWith('.journal'))
      .map((file) => join(dir, file))
      .sort((a, b) => at(a) - at(b));
  }

  async #said(remote: readonly Remote[]): Promise<Facts['remote']> {
    const said = await Promise.all(remote.map(async (one) => [one.id, await this.askMint(one)] as const));
    return new Map(said.flatMap(([id, found]) => (found === 'not-checked' ? [] : [[id, found]])));
  }

  ports(options: RunOptions = {}): Ports {
    const { home, chain } = this;
    const facts: Partial<Facts> = { ...chain };
    return {
      network: home.network,
      restored: home.restored,
      mayRepeat: home.mayRepeat,
      store: home.store,
      source: {
        facts: async ({ remote }) => ({
          facts: { ...facts, ...(remote && { remote: await this.#said(remote) }) },
          checks: { tip: chain.tip === 'not-checked' ? 'not-checked' : 'given' },
        }),
        spends: async () => chain.spends,
      },
      outside: async (program, body) => {
        if (!options.outside) throw new Refusal('usage', `no program for --${program}`);
        return options.outside(body);
      },
      prompt: promptFrom({ amount: options.amount, max: options.max }),
      permit: options.served ? permitServed : () => {},
      shares: home.shares,
      keys: async (nonces, shares) =>
        (await home.keys()).keysWith(await Promise.all(nonces.map((n) => n.decrypt())), shares),
      random: () => home.random(),
      copy: (copies) => home.copy(copies),
      point: options.point ?? ((label) => this.point?.(label)),
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
      over: options.over,
      ...(options.served && { standing: options.served }),
    };
    const printed: PrintedReply = await play(table, line, this.ports(options));
    return { message: JSON.parse(printed.text) as Message, text: printed.text, exit: printed.exit, hint: printed.hint };
  }

  /** The record of a contract, by id or prefix. */
  async record(id: string): Promise<Credit> {
    return withSats((await this.home.store.byName(id))[0]!.record) as Credit;
  }

  /** The ecash half of a contract, an empty one where nothing was written of it. */
  async ledger(id: string): Promise<AnyLedger> {
    const c = (await this.record(id)) as PayeeCredit | PayerCredit;
    const hit = (await this.home.store.load([ledgerClaim(c.id)])).found.get(ledgerClaim(c.id));
    const known = hit && ledgerKind.parse(hit.record);
    return (c.role === 'payee' ? payeeLedger(c, known) : payerLedger(c, known)) as unknown as AnyLedger;
  }

  /** What `status` says of a contract, here without a node. */
  async status(id: string): Promise<CreditStatusLine> {
    const c = await this.record(id);
    const told = isFunded(c) ? toldOf(c, { ...(await this.ledger(id)), role: c.role } as never) : {};
    return statusOf(id, c, { tip: 1_000, coins: 'not-checked', known: 'not-checked' }, told);
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
