/**
 * Parties as users have them: homes on disk, each step a command line of the built program (`dist/`), the message handed
 * round as bytes. `run` starts a process; `warm`, `said` and stories run in the process of `host.ts`. Played in process, without a chain of their own: `party.ts` beside this file.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { toTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { decryptNonce } from '../../src/lib/home/at-rest.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import type { Claim } from '../../src/lib/protocol/action.ts';
import { spillway, type Ran } from '../cli/run.ts';
import { warm } from './host.ts';

export type Who = 'payee' | 'payer';
export const WHO: readonly Who[] = ['payee', 'payer'];
/** A message as it travels, parsed. */
export type Message = Record<string, any>;
export const parsed = (text: string): Message => JSON.parse(text) as Message;

/** One run of one party. */
export interface Turn {
  who: Who;
  argv: readonly string[];
  /** The message that it reads. */
  stdin?: string | undefined;
  /** What it is expected to print: `sign-update requested`. */
  name: string;
  exit: 0 | 3;
}

export interface WorldOptions {
  /** Homes with repeatable randomness. */
  seed?: string;
}

/** Two homes in a directory of their own. */
export class World {
  readonly dir = mkdtempSync(join(tmpdir(), 'spillway-world-'));
  readonly #seed: string | undefined;
  /** All that the runs have said. */
  readonly printed: string[] = [];
  #coins = 0;
  tip = 1000;

  private constructor({ seed }: WorldOptions) {
    this.#seed = seed;
  }

  static async make(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    for (const who of WHO) await world.said(who, ['init', '--network', 'regtest']);
    return world;
  }

  home(who: Who): string {
    return join(this.dir, who);
  }
  refunds(who: Who): string {
    return `${this.home(who)}.refunds`;
  }
  env(who: Who): Record<string, string> {
    const insecure = this.#seed && {
      SPILLWAY_INSECURE_SEED: Buffer.from(`${who}/${this.#seed}`).toString('hex').padEnd(64, '0'),
      SPILLWAY_NOW: '1800000000',
    };
    return { SPILLWAY_HOME: this.home(who), SPILLWAY_TIP: String(this.tip), ...insecure };
  }

  async run(
    who: Who,
    argv: readonly string[],
    stdin: string | Uint8Array = '',
    env: Record<string, string> = {},
  ): Promise<Ran> {
    const ran = await spillway(argv, { stdin, env: { ...this.env(who), ...env }, cwd: this.dir });
    this.printed.push(ran.stdout, ran.stderr);
    return ran;
  }

  /** Runs a command line in the process that all such runs share. */
  async warm(who: Who, argv: readonly string[], stdin: string | Uint8Array = ''): Promise<Ran> {
    const ran = await warm(argv, { stdin, env: this.env(who), cwd: this.dir });
    this.printed.push(ran.stdout, ran.stderr);
    return ran;
  }

  /** A run that succeeds; what it printed. */
  async said(who: Who, argv: readonly string[], stdin = '', exit = 0): Promise<string> {
    const { code, stdout, stderr } = await this.warm(who, argv, stdin);
    if (code !== exit) throw new Error(`${who}: ${argv.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  take({ who, argv, stdin, exit }: Turn): Promise<string> {
    return this.said(who, argv, stdin, exit);
  }

  /** Plays a story to its end; every document that was printed. */
  async play<R>(story: Story<R>, stage: Stage = (turn) => this.take(turn)): Promise<R> {
    let next = story.next();
    while (!next.done) next = story.next(await stage(next.value));
    return next.value;
  }

  /** A coin of the payer's that no chain knows, in a file as `listunspent` prints it. */
  async coin(sat: number): Promise<string> {
    const address = (await this.said('payer', ['address'])).trim();
    const number = (this.#coins += 1);
    const file = join(this.dir, `coins-${number}.json`);
    const amount = `${Math.floor(sat / 1e8)}.${String(sat % 1e8).padStart(8, '0')}`;
    const txid = number.toString(16).padStart(64, 'c');
    const scriptPubKey = scriptOf(address, 'regtest');
    writeFileSync(
      file,
      `[{"txid":"${txid}","vout":0,"address":"${address}","amount":${amount},"scriptPubKey":"${scriptPubKey}","confirmations":6}]\n`,
    );
    return file;
  }

  /** The secrets of both homes that some run has said: none. */
  leaks(): string[] {
    const all = this.printed.join('\n');
    return WHO.flatMap((who) => secretsOf(this.home(who))).filter((secret) => all.includes(secret));
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** All that a home has stored, but for time stamps and the files' own numbers. */
  dump(who: Who): Dump {
    return dumpOf(this.home(who), this.refunds(who));
  }
}

/** Every secret of a home, each as it could be written: the words, and the bytes in hex and base64. */
export function secretsOf(home: string): string[] {
  const { mnemonic } = parsed(readFileSync(join(home, 'seed'), 'utf8')) as { mnemonic: string };
  const seed = seedOf(mnemonic);
  const keys = homeKeys(seed, 'regtest');
  const { records, addresses, nonces } = dumpOf(home, '');
  const bodies = records.map((row) => parsed(row['body']));
  const paths = bodies.flatMap((body) => (body['own'] ? [body['own'].path] : []));
  const keysets = bodies.flatMap((body) => (body['keyset'] && body['path'] ? [body['path']] : []));
  const bytes = [
    seed,
    keys.storeKey,
    keys.journalKey,
    ...paths.flatMap((path) => [keys.contract(path), keys.auth(path), keys.secret(path, 2)]),
    ...keysets.flatMap((path) => Array.from({ length: 32 }, (_, i) => keys.secret(path, 3, i))),
    ...addresses.map(({ chain, idx }) => keys.wallet({ chain, index: idx })),
    ...nonces.flatMap(({ of_claim, sighash, pubnonce, sealed }) => {
      const { secret } = decryptNonce({ of: of_claim as Claim, sighash, pubnonce }, sealed, keys.storeKey);
      return [secret.subarray(0, 32), secret.subarray(32, 64)];
    }),
  ].map((key) => Buffer.from(key));
  const words = mnemonic.split(' ');
  const parts = words.slice(2).map((_, i) => words.slice(i, i + 3).join(' '));
  return [...parts, ...bytes.flatMap((key) => [key.toString('hex'), key.toString('base64').replace(/=+$/, '')])];
}

export type Story<R> = Generator<Turn, R, string>;
export type Stage = (turn: Turn) => Promise<string>;

/** A row of `record`, its body parsed by whoever asks. */
export interface Dump {
  records: Message[];
  claims: unknown[];
  replies: { key: string; text: string; row: string; exit: number }[];
  nonces: { of_claim: string; sighash: string; pubnonce: string; reply: string | null; sealed: Uint8Array }[];
  addresses: { chain: 0 | 1; idx: number; script: string; address: string }[];
  notes: Record<string, unknown>[];
  commits: number;
  restored: string | null;
  /** The copies outside the home, by file name. */
  copies: Record<string, Message>;
}
export function dumpOf(home: string, refunds: string): Dump {
  const db = new DatabaseSync(join(home, 'store.db'), { timeout: 10_000 });
  const all = (sql: string): any[] =>
    db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  const meta = (key: string): string | null => all('SELECT * FROM meta').find((row) => row.key === key)?.value ?? null;
  try {
    return {
      records: all('SELECT * FROM record ORDER BY id'),
      claims: all('SELECT * FROM claim ORDER BY claim'),
      replies: all('SELECT key, text, row, exit FROM reply ORDER BY key'),
      nonces: all('SELECT * FROM nonce ORDER BY of_claim, sighash'),
      addresses: all('SELECT * FROM address ORDER BY chain, idx'),
      notes: all('SELECT * FROM note ORDER BY name'),
      commits: Number(meta('commits')),
      restored: meta('restored'),
      copies: copiesIn(refunds),
    };
  } finally {
    db.close();
  }
}
function copiesIn(refunds: string): Record<string, Message> {
  let names: string[];
  try {
    names = readdirSync(refunds);
  } catch {
    return {};
  }
  const copies = names.filter((name) => name.endsWith('.json')).sort();
  return Object.fromEntries(copies.map((name) => [name, parsed(readFileSync(join(refunds, name), 'utf8'))]));
}

// ── the actions ───────────────────────────────────────────────────────────────────────────────────────────────────────

const turn = (
  who: Who,
  command: string,
  step: string,
  argv: readonly string[],
  stdin?: string,
  exit: 0 | 3 = 0,
): Turn => ({
  who,
  argv: [command, ...argv],
  stdin,
  name: `${command} ${step}`,
  exit,
});

/** An opening that the payer asks for, of a contract whose payments may become ecash; the ready message. */
export function* openAsked(coins: string, amount = 600_000): Story<Message> {
  const asked = yield turn('payer', 'open-credit', 'asked', ['--as', 'payer', '--request-id', `ask ${amount}`]);
  const offered = yield turn('payee', 'open-credit', 'offered', ['--ecash', 'home'], asked);
  return yield* fundOffer(offered, coins, amount);
}
/** An opening funded by own coins; the ready message. */
export function* openOwn(coins: string, amount = 1_200_000, offer: readonly string[] = []): Story<Message> {
  const start = ['--as', 'payee', '--request-id', `open ${amount}`, ...offer];
  return yield* fundOffer(yield turn('payee', 'open-credit', 'offered', start), coins, amount);
}
function* fundOffer(offered: string, coins: string, amount: number): Story<Message> {
  const funds = ['--amount', String(amount), '--expires', '+4320', '--utxo', coins];
  const proposed = yield turn('payer', 'open-credit', 'proposed', funds, offered);
  const accepted = yield turn('payee', 'open-credit', 'accepted', [], proposed);
  return parsed(yield turn('payer', 'open-credit', 'ready', [], accepted));
}

/** An opening that another wallet funds; `fund` makes its unsigned PSBT from the addressed message. The ready message. */
export function* openFunded(fund: (addressed: Message) => string, amount = 500_000): Story<Message> {
  const offered = yield turn('payee', 'open-credit', 'offered', ['--as', 'payee', '--request-id', `open ${amount}`]);
  const terms = ['--amount', String(amount), '--expires', '+4320'];
  const addressed = yield turn('payer', 'open-credit', 'addressed', terms, offered, 3);
  const funding = fund(parsed(addressed));
  const proposed = yield turn('payer', 'open-credit', 'proposed', ['--funding', funding], addressed);
  const accepted = yield turn('payee', 'open-credit', 'accepted', [], proposed);
  return parsed(yield turn('payer', 'open-credit', 'ready', [], accepted, 3));
}

/** One payment; the accepted message. */
export function* pay(contract: string, amount: number): Story<Message> {
  const asks = ['--contract', contract, '--amount', String(amount), '--request-id', `pay ${contract} ${amount}`];
  const requested = yield turn('payee', 'sign-update', 'requested', asks);
  const signed = yield turn('payer', 'sign-update', 'signed', ['--amount', String(amount)], requested);
  return parsed(yield turn('payee', 'sign-update', 'accepted', [], signed));
}

/** One payment that the payer asks for and gets ecash for; the message with the token. */
export function* payForEcash(contract: string, amount: number): Story<Message> {
  return parsed(yield turn('payer', 'sign-update', 'received', [], yield* payAndLose(contract, amount)));
}
/** The same, but the payer never reads the payee's answer. */
export function* payAndLose(contract: string, amount: number): Story<string> {
  const asks = ['--contract', contract, '--amount', String(amount), '--request-id', `ask ${contract} ${amount}`];
  const asked = yield turn('payer', 'sign-update', 'asked', asks);
  const requested = yield turn('payee', 'sign-update', 'requested', [], asked);
  const signed = yield turn('payer', 'sign-update', 'signed', ['--ecash'], requested);
  return yield turn('payee', 'sign-update', 'accepted', [], signed);
}
/** What a wallet looks for after a loss; the message with the token. */
export function* findEcash(contract: string, keyset: string): Story<Message> {
  const start = ['--contract', contract, '--keyset', keyset, '--request-id', `find ${contract}`];
  const asked = yield turn('payer', 'ecash-restore', 'asked', [...start, '--from', '0']);
  const answered = yield turn('payee', 'ecash-restore', 'answered', [], asked);
  return parsed(yield turn('payer', 'ecash-restore', 'restored', [], answered));
}

/** A rollover, with a new coin where one is given; the complete message. */
export function* roll(contract: string, coins?: string, amount = 1_500_000): Story<Message> {
  const more = coins === undefined ? [] : ['--amount', String(amount), '--utxo', coins];
  const start = ['--contract', contract, '--request-id', `roll ${contract}`];
  return yield* takeOffer(yield turn('payee', 'rollover', 'offered', start), more);
}
/** The same, but the payer asks for it. */
export function* rollAsked(contract: string): Story<Message> {
  const start = ['--contract', contract, '--request-id', `roll ${contract}`];
  const asked = yield turn('payer', 'rollover', 'asked', start);
  return yield* takeOffer(yield turn('payee', 'rollover', 'offered', [], asked), []);
}
function* takeOffer(offered: string, more: readonly string[]): Story<Message> {
  const proposed = yield turn('payer', 'rollover', 'proposed', ['--expires', '+4320', ...more], offered);
  const accepted = yield turn('payee', 'rollover', 'accepted', [], proposed);
  const signed = yield turn('payer', 'rollover', 'signed', [], accepted);
  return parsed(yield turn('payee', 'rollover', 'complete', [], signed));
}

/** A close; the complete message. */
export function* close(contract: string, opener: Who): Story<Message> {
  const other = opener === 'payer' ? 'payee' : 'payer';
  const start = ['--contract', contract, '--request-id', `close ${contract}`];
  const proposed = yield turn(opener, 'close-credit', 'proposed', start);
  const signed = yield turn(other, 'close-credit', 'signed', [], proposed);
  return parsed(yield turn(opener, 'close-credit', 'complete', [], signed));
}

/** The payee's exit. */
export function* exit(contract: string): Story<Message> {
  return parsed(yield turn('payee', 'exit-credit', 'exit', ['--contract', contract]));
}
/** The payer's refund; without its bytes before the expiry. */
export function* refund(contract: string, valid: boolean): Story<Message> {
  return parsed(yield turn('payer', 'exit-credit', 'refund', ['--contract', contract], undefined, valid ? 0 : 3));
}

/** A file with an unsigned PSBT of another wallet that pays what 'addressed' asks for. */
export function fundingFile(world: World, addressed: Message): string {
  const { capacity_sat: capacity } = addressed['terms'] as { capacity_sat: number };
  const script = `5120${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
  const from = { txid: 'dd'.repeat(32), vout: 1, sat: BigInt(capacity) + 6_000n, script, sequence: 0xfffffffd };
  const outputs = [
    { sat: 5_000n, script },
    { sat: BigInt(capacity), script: scriptOf(addressed['address'], 'regtest') },
  ];
  const file = join(world.dir, 'funding.psbt');
  writeFileSync(file, writePsbt(toTransaction({ version: 2, locktime: 0, inputs: [from], outputs })));
  return file;
}

/** Everything that the two can do with each other; `stage` plays each run. */
export async function wholeStory(world: World, stage: Stage): Promise<void> {
  const tell = <R>(story: Story<R>): Promise<R> => world.play(story, stage);
  const one = await tell(openOwn(await world.coin(1_300_000)));
  await tell(pay(one['contract'].id, 2_100));
  const rolled = await tell(roll(one['contract'].id, await world.coin(700_000)));
  const next = rolled['next_contract'].id;
  await tell(pay(next, 40_000));
  const two = await tell(openFunded((addressed) => fundingFile(world, addressed)));
  await tell(pay(two['contract'].id, 12_500));
  await tell(close(two['contract'].id, 'payer'));
  const three = await tell(openOwn(await world.coin(400_000), 300_000));
  await tell(close(three['contract'].id, 'payee'));
  const { keyset } = parsed(await world.said('payee', ['ecash-keyset']));
  const four = await tell(openAsked(await world.coin(700_000)));
  await tell(payForEcash(four['contract'].id, 2_101));
  await tell(findEcash(four['contract'].id, keyset.id));
  await tell(rollAsked(four['contract'].id));
  await tell(refund(next, false));
  await tell(exit(next));
  world.tip = rolled['next_contract'].expiry;
  await tell(refund(next, true));
}
